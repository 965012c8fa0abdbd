"""Doodles: drawn by formulas, the same for the same seed, and of the sizes that are promised."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from zscape.data import load
from zscape.data.doodles import doodles_name, draw_doodles, parse_doodles_name
from zscape.drawing import bitmaps
from zscape.errors import DataError

KINDS = ["face", "fish", "flower", "house", "star", "tree"]


@pytest.fixture(scope="module")
def doodles():
    return draw_doodles(count=600, seed=0)


def test_as_many_of_each_kind_in_random_order(doodles):
    names, counts = np.unique(doodles.category, return_counts=True)
    assert names.tolist() == KINDS
    assert counts.tolist() == [100] * 6
    assert len(set(doodles.category[:30])) == 6
    assert doodles.category[:6].tolist() != KINDS


def test_each_has_20_to_60_points_in_a_box_of_255(doodles):
    for sketch in doodles.sketches:
        assert 20 <= len(sketch) <= 60
        assert sketch[-1, 2] == 1
        path = np.concatenate([[[0, 0]], np.cumsum(sketch[:, :2], axis=0)])
        assert np.ptp(path, axis=0).max() <= 255
        assert np.array_equal(sketch, np.rint(sketch))
    assert len({len(sketch) for sketch in doodles.sketches}) > 30


def test_no_two_are_alike(doodles):
    assert len({sketch.tobytes() for sketch in doodles.sketches}) == 600


def test_the_same_seed_draws_the_same(doodles):
    again, other = draw_doodles(count=600, seed=0), draw_doodles(count=600, seed=1)
    assert all(np.array_equal(a, b) for a, b in zip(again.sketches, doodles.sketches, strict=True))
    assert np.array_equal(again.category, doodles.category)
    assert not np.array_equal(other.sketches[0], doodles.sketches[0])


def test_counts_that_are_no_multiple_of_the_kinds():
    drawn = draw_doodles(count=20, seed=0)
    assert len(drawn) == 20
    assert sorted(np.unique(drawn.category, return_counts=True)[1]) == [3, 3, 3, 3, 4, 4]


def test_pictures_of_the_kinds_can_be_told_apart():
    data = load("doodles:count=480")
    pictures = bitmaps(data.batch(torch.arange(480), "cpu")[0].numpy(), side=16).reshape(480, -1)
    train, test = data.splits["train"], np.concatenate([data.splits["validation"], data.splits["test"]])
    fitted = LogisticRegression(max_iter=300).fit(pictures[train], data.labels[train])
    assert fitted.score(pictures[test], data.labels[test]) > 0.9


def test_by_name():
    data = load("doodles:count=12,seed=4")
    assert data.name == "doodles"
    assert data.source == "doodles, embedded"
    assert data.to_spec()["name"] == "doodles:count=12,seed=4"
    assert data.names == tuple(KINDS)
    assert parse_doodles_name("doodles") == {"count": 2000, "seed": 0}
    assert doodles_name(2000, 0) == "doodles"
    assert parse_doodles_name(doodles_name(50, 3)) == {"count": 50, "seed": 3}


@pytest.mark.parametrize("name", ["doodles:size=3", "doodles:count=-5", "doodles:count", "doodles:count=1.5"])
def test_names_that_cannot_be_read_are_refused(name):
    with pytest.raises(DataError, match="doodles need whole numbers for count and seed"):
        load(name)


@pytest.mark.parametrize("count", [0, 5, 100_001])
def test_counts_out_of_range_are_refused(count):
    with pytest.raises(ValueError, match=f"doodles need a count of 6 to 100000, but got {count}"):
        draw_doodles(count=count, seed=0)
