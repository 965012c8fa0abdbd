"""The command line as a person runs it, but in this process."""

import sys

import pytest

from zscape.app import cli


class Outcome:
    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err


@pytest.fixture
def zscape(monkeypatch, capsys):
    """Run a command line; gives exit code, standard output and standard error."""

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["zscape", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            sys.exit(cli.main())
        captured = capsys.readouterr()
        return Outcome(ended.value.code or 0, captured.out, captured.err)

    return run
