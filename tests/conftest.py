"""Shared fixtures. Everything random is seeded per test."""

import functools
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)
    np.random.seed(0)  # for libraries that read the global state


@pytest.fixture
def shared_data() -> Path:
    """The folder of real data sets; the test is skipped where there is none."""
    folder = os.environ.get("ZSCAPE_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("needs real data: set ZSCAPE_DATA to a folder laid out as the data catalogue says")
    return Path(folder)


@pytest.fixture
def chromium() -> str:
    """The path of Debian's chromium; a test marked `browser` is skipped where there is none."""
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("needs a browser: install Debian's chromium")
    return path


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The documentation, built once; a warning fails every test that looks at it."""
    folder = tmp_path_factory.mktemp("site")
    docs = Path(__file__).parents[1] / "docs"
    options = ["-W", "--keep-going", "-q", "-d", folder / "trees"]
    command = [sys.executable, "-m", "sphinx", *options, docs, folder / "html"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder / "html"


def pytest_make_parametrize_id(val: object) -> str | None:
    """A partial by what it fixes: its repr has an address, and all processes must collect the same names."""
    if not isinstance(val, functools.partial):
        return None
    settings = {name: getattr(value, "__name__", value) for name, value in val.keywords.items()}
    return f"{val.func.__name__}({', '.join(f'{name}={value}' for name, value in settings.items())})"


# Files of tests that share a fixture of the session, by how their names start.
_TOGETHER = {
    "tests/app/": "app",
    "tests/test_docs": "site",
    "tests/test_exports": "site",
}
_STUDIES = ("class", "diverse", "sketch", "sparse", "style")
# What takes long begins first, so that no process is left alone with it at the end.
_LONG = ("tests/studies/", "tests/app/", "tests/test_docs", "tests/test_exports", "tests/training/")


class _ByRoom(LoadScopeScheduling):
    """Tests of a file go to one process, and so do those of files that share what takes long to make."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        if file.startswith("tests/studies/"):
            # Each study at its smallest scale takes long; test_running has one case of each.
            return next((name for name in _STUDIES if name in nodeid), "studies")
        return next((name for start, name in _TOGETHER.items() if file.startswith(start)), file)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> _ByRoom:
    """Who runs what, where tests run in several processes: in the order of the tests."""
    config.option.loadscopereorder = False
    return _ByRoom(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: not item.nodeid.startswith(_LONG))


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("browser") and shutil.which("chromium") is None:
        pytest.skip("needs a browser: install Debian's chromium")
    if item.get_closest_marker("gpu") and not torch.cuda.is_available():
        pytest.skip("needs an accelerator")
