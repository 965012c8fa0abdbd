"""The command line as a person runs it, but in this process."""

import subprocess
import sys
from pathlib import Path

import pytest

from zscape.app import cli, work

SMALL = ("--set", "model.widths=[16]", "--epochs", "2", "--latent", "3")
DOODLES = {"data.name": "doodles:count=60", "model.latent": 3, "epochs": 1, "batch": 16}
DOODLES |= {"model.encoder": 8, "model.decoder": 16, "model.mixtures": 2}


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


@pytest.fixture(scope="session")
def fitted(tmp_path_factory):
    """A small run made by the command line, encoded."""
    folder = str(tmp_path_factory.mktemp("cli") / "run")
    command = [sys.executable, "-m", "zscape.app"]
    subprocess.run([*command, "fit", "--out", folder, *SMALL], check=True, capture_output=True)
    subprocess.run([*command, "encode", folder], check=True, capture_output=True)
    return Path(folder)


@pytest.fixture(scope="session")
def drawn(tmp_path_factory):
    """A small run of drawings made as the command line does, encoded."""
    folder = tmp_path_factory.mktemp("cli") / "doodles"
    work.fit(None, DOODLES, [], out=folder, data_dir=None)
    work.encode(folder, 1024, None)
    return folder
