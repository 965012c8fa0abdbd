"""Every test of the room has a cache of its own, so none reads what another or the user has prepared."""

import pytest


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("ZSCAPE_CACHE", str(folder))
    return folder
