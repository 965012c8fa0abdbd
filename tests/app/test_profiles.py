"""Which network reads the style of paths, and what is said where none can."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from zscape.app.walking import profiles
from zscape.app.walking.asked import Between
from zscape.errors import SettingError
from zscape.model import feature_reader


@pytest.fixture
def small(monkeypatch):
    """A run of 8 by 8 pixels, and weights of SqueezeNet, which needs more, and of the start of VGG19."""
    layers = {"vgg19": ["relu1_1", "relu2_1"], "squeezenet": ["relu1", "fire3", "fire5"]}
    readers = {name: feature_reader(name, weights="random", layers=chosen) for name, chosen in layers.items()}
    monkeypatch.setattr(profiles, "_reader", lambda name, folder: readers.get(name))
    monkeypatch.setattr(profiles, "pictorial", lambda run: True)
    return SimpleNamespace(path=Path("runs/a"), of_drawings=False, model=SimpleNamespace(shape=(1, 8, 8)))


def test_a_network_that_needs_larger_pictures_is_refused_with_ways_out(small):
    # Without annotations, which a stand-in for a run would not meet.
    reader_of = getattr(profiles.reader_of, "__wrapped__", profiles.reader_of)
    with pytest.raises(SettingError, match=r"pixels a side.*have 8; take --style vgg19 or --style none$"):
        reader_of(small, Between(style="squeezenet"), None)
    assert reader_of(small, Between(style="vgg19"), None).layers == ("relu1_1", "relu2_1")
    small.model.shape = (1, 1, 1)
    with pytest.raises(SettingError, match=r"have 1; take --style none$"):
        reader_of(small, Between(style="vgg19"), None)
