"""Splits by views, and pairs whose true path is known."""

import numpy as np
import pytest

from zscape import data
from zscape.errors import DataError
from zscape.studies.style_turns import ARC, SPANS, turntable, turntable_of


@pytest.fixture(scope="module")
def views():
    """Two sizes of three shapes at 24 turns, in an order of its own."""
    return turntable(data.sprites(size=8, scales=2, orientations=24, positions=1), "orientation")


def test_rows_are_views_of_one_object_in_order(views):
    table = turntable_of(views, "orientation")
    assert table.rows.shape == (6, 24)
    assert table.degrees == 15
    for name in ("shape", "scale"):
        assert (views.factors[name][table.rows] == views.factors[name][table.rows[:, :1]]).all()
    assert (views.factors["orientation"][table.rows] == np.arange(24)).all()
    np.testing.assert_array_equal(views.labels[table.rows], np.repeat(np.arange(6)[:, None], 24, axis=1))


def test_an_arc_is_held_out_and_every_second_view_elsewhere(views):
    table = turntable_of(views, "orientation")
    assert sorted(np.concatenate(list(views.splits.values())).tolist()) == list(range(len(views)))
    for rows, arc in zip(table.rows, table.arcs, strict=True):
        turned = np.roll(rows, -arc)
        assert np.isin(turned[1:ARC], views.splits["test"]).all()
        assert np.isin(turned[[0, *range(ARC, 24, 2)]], views.splits["train"]).all()
        assert np.isin(turned[ARC + 1 :: 2], views.splits["validation"]).all()


def test_pairs_end_at_views_that_are_trained_on(views):
    table = turntable_of(views, "orientation")
    pairs = table.pairs(4)
    assert len(pairs) == 6 * (4 + 2)
    for pair in pairs:
        way = table.way(pair)
        assert len(way) == pair.span + 1
        assert pair.span in SPANS
        assert np.isin(way[[0, -1]], views.splits["train"]).all()
        # The whole arc lies between the ends, or nothing of it.
        assert np.isin(way, views.splits["test"]).sum() == (ARC - 1 if pair.across else 0)
        steps = np.diff(views.factors["orientation"][way]) % 24
        assert (steps == 1).all()
    assert pairs == table.pairs(4)


def test_views_that_are_no_turntable_are_refused():
    with pytest.raises(DataError, match="a factor 'angle', but sprites has shape, scale"):
        turntable(data.sprites(size=8, scales=1, orientations=24, positions=1), "angle")
    with pytest.raises(DataError, match="even number of turns, 20 or more, but sprites has 75 pictures"):
        turntable(data.sprites(size=8, scales=1, orientations=25, positions=1), "orientation")
