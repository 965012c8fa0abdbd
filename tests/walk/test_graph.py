"""Shortest ways over neighbouring codes: known rings, a second implementation, parts that do not meet."""

import numpy as np
import pytest

from zscape import walk
from zscape.walk import graph

RNG = np.random.default_rng(0)
TURN = (np.arange(400) + RNG.random(400)) / 400 * 1.5 * np.pi
RING = np.stack([np.cos(TURN), np.sin(TURN)], axis=1)


def shortest(codes, first, last, neighbours, power):
    """Floyd and Warshall's, over the same graph."""
    lengths = np.linalg.norm(codes[:, None] - codes, axis=2)
    cost = np.full(lengths.shape, np.inf)
    for row in range(len(codes)):
        near = [each for each in np.argsort(lengths[row]) if each != row][:neighbours]
        cost[row, near] = cost[near, row] = lengths[row, near] ** power
    for middle in range(len(codes)):
        cost = np.minimum(cost, cost[:, [middle]] + cost[[middle]])
    return cost[first, last]


@pytest.mark.parametrize("power", [1.0, 2.0])
def test_a_way_is_the_shortest(power):
    codes = RNG.normal(size=(60, 3))
    found = walk.graph_paths(codes[:8], codes[8:16], codes=codes, neighbours=6, power=power)
    for pair, rows in enumerate(found.rows):
        stops = np.concatenate([codes[[pair]], codes[rows], codes[[pair + 8]]])
        steps = np.linalg.norm(np.diff(stops, axis=0), axis=1)
        assert (steps**power).sum() == pytest.approx(shortest(codes, pair, pair + 8, 6, power))
        assert found.lengths[pair] == pytest.approx(steps.sum())


def test_on_a_ring_the_way_goes_around_and_has_its_length():
    found = walk.graph_paths(RING[:1], RING[-1:], codes=RING, neighbours=6, steps=40)
    np.testing.assert_allclose(np.linalg.norm(found.z[0], axis=1), 1, atol=0.01)
    arc = TURN[-1] - TURN[0]
    assert found.lengths[0] == pytest.approx(arc, rel=0.01)
    assert walk.path_lengths(found.z)[0] == pytest.approx(arc, rel=0.01)
    steps = walk.step_lengths(found.z)[0]
    np.testing.assert_allclose(steps, steps.mean(), rtol=0.01)
    np.testing.assert_array_equal(found.z[0, [0, -1]], RING[[0, -1]])


def test_a_higher_power_keeps_to_the_dense():
    """A dense detour of length 3 beside a sparse way of length about 1."""
    side = np.linspace(0, 1, 60)
    detour = np.concatenate([np.stack([0 * side, side], 1), np.stack([side, 0 * side + 1], 1),
                             np.stack([0 * side + 1, side], 1)])  # fmt: skip
    codes = np.concatenate([detour, [[0.25, 0.0], [0.5, 0.0], [0.75, 0.0]]])
    ends = np.array([[0.0, 0.0]]), np.array([[1.0, 0.0]])
    straight = walk.graph_paths(*ends, codes=codes, neighbours=40, power=1)
    around = walk.graph_paths(*ends, codes=codes, neighbours=40, power=4)
    assert straight.lengths[0] < 1.1
    assert around.z[0, :, 1].max() > 0.8


def test_smoothing_takes_the_corners_and_leaves_a_line():
    line = np.arange(30.0)[:, None] * [1.0, -2.0]
    found = walk.graph_paths(line[:1], line[-1:], codes=line, neighbours=3, smoothing=2)
    np.testing.assert_allclose(found.z, walk.linear_path(line[:1], line[-1:]), atol=1e-9)
    noisy = RING + 0.03 * RNG.normal(size=RING.shape)
    lengths = [
        walk.path_lengths(
            walk.graph_paths(noisy[:1], noisy[-1:], codes=noisy, steps=200, smoothing=smoothing).z
        )[0]
        for smoothing in (0.0, 1.0, 3.0)
    ]
    assert lengths[0] > lengths[1] > lengths[2] > 0.95 * 1.5 * np.pi


def test_the_way_back_is_the_same_and_a_rotation_rotates():
    codes = RNG.normal(size=(200, 4))
    one = walk.graph_paths(codes[:5], codes[5:10], codes=codes)
    back = walk.graph_paths(codes[5:10], codes[:5], codes=codes)
    np.testing.assert_allclose(back.z[:, ::-1], one.z, atol=1e-9)
    turn = np.linalg.qr(RNG.normal(size=(4, 4)))[0]
    turned = walk.graph_paths(codes[:5] @ turn, codes[5:10] @ turn, codes=codes @ turn)
    np.testing.assert_allclose(turned.z, one.z @ turn, atol=1e-9)


def test_ends_beside_the_data_equal_codes_and_no_pairs():
    found = walk.graph_paths(RING[:1] + 0.3, RING[-1:] - 0.3, codes=RING)
    np.testing.assert_allclose(found.z[0, [0, -1]], [RING[0] + 0.3, RING[-1] - 0.3])
    same = walk.graph_paths(RING[:1], RING[:1], codes=RING)
    np.testing.assert_allclose(same.z, np.repeat(RING[:1, None], 11, axis=1))
    assert same.lengths[0] == 0
    doubled = np.repeat(RING[:50], 3, axis=0)
    assert np.isfinite(walk.graph_paths(doubled[:1], doubled[-1:], codes=doubled, neighbours=20).z).all()
    assert walk.graph_paths(RING[:0], RING[:0], codes=RING).z.shape == (0, 11, 2)
    two = walk.graph_paths(RING[:1], RING[1:2], codes=RING[:2], neighbours=10, steps=3)
    np.testing.assert_allclose(two.z, walk.linear_path(RING[:1], RING[1:2], steps=3), atol=1e-12)


def test_ends_nearer_to_each_other_than_to_data_are_joined():
    off = np.array([[6.0, 0.0]])
    for move in ([0.0, 0.0], [0.0, 0.01], [0.3, 0.5]):
        end = off + move
        found = walk.graph_paths(off, end, codes=RING)
        np.testing.assert_allclose(found.z, walk.linear_path(off, end), atol=1e-12)
        assert found.lengths[0] == pytest.approx(np.linalg.norm(move))
        assert not len(found.rows[0])
    # As far as the data are, each from the other side: the way leads over data.
    around = walk.graph_paths(off, -off, codes=RING)
    assert len(around.rows[0]) > 10
    # Of another part of the data, but near.
    codes = np.concatenate([RING, RING + 10])
    between = np.array([[5.5, 5.0]])
    assert walk.graph_paths(between - 0.2, between + 0.2, codes=codes).lengths[0] == pytest.approx(
        0.4 * 2**0.5
    )


def test_rows_equal_to_an_end_are_not_between_the_ends():
    codes = np.concatenate([RING, RING[:1], RING[:1]])
    found = walk.graph_paths(RING[[0, 5, 7]], RING[[100, 5, 8]], codes=codes)
    assert not {0, 100, 400, 401} & set(found.rows[0].tolist())
    assert len(found.rows[0]) > 3
    assert [len(each) for each in found.rows[1:]] == [0, 0]
    np.testing.assert_array_equal(found.z[1], np.repeat(RING[[5]], 11, axis=0))
    np.testing.assert_allclose(found.z[2], walk.linear_path(RING[[7]], RING[[8]])[0])


def test_parts_that_do_not_meet_are_told_with_what_would_join_them():
    codes = np.concatenate([RING, RING + 10])
    ends = codes[[0, 0]], codes[[5, -1]]
    with pytest.raises(
        ValueError, match="neighbours=10 the 800 codes fall into parts, and the ends of pair 1"
    ) as told:
        walk.graph_paths(*ends, codes=codes)
    advice = int(str(told.value).rpartition("neighbours=")[2].split()[0])
    assert str(told.value).endswith(f"neighbours={advice} (--neighbours {advice}) joins them")
    assert walk.graph_paths(*ends, codes=codes, neighbours=advice).lengths[1] > 10
    with pytest.raises(ValueError, match="fall into parts"):
        walk.graph_paths(*ends, codes=codes, neighbours=advice // 2)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"neighbours": 0}, "neighbours needs to be a whole number >= 1, but is 0"),
        ({"codes": RING * 1e160}, r"codes need finite numbers under 1e\+100, but 400 of 400 rows"),
        ({"power": 0.5}, "power >= 1 and smoothing >= 0, but got power=0.5"),
        ({"smoothing": -1.0}, "smoothing=-1.0"),
        ({"codes": np.zeros((5, 3))}, "one dimension, but got 2 and 3"),
        ({"codes": RING[:1]}, "at least 2 rows"),
        ({"steps": 0}, "steps needs to be a whole number >= 1"),
    ],
)
def test_what_cannot_be_is_refused(settings, said):
    with pytest.raises(ValueError, match=said):
        walk.graph_paths(RING[:1], RING[-1:], **({"codes": RING} | settings))


def test_large_powers_of_large_codes_stay_in_range():
    codes = 1e3 * np.random.default_rng(0).normal(size=(50, 2))
    found = walk.graph_paths(codes[:1], codes[1:2], codes=codes, power=120)
    assert np.isfinite(found.z).all()
    plain = walk.graph_paths(codes[:1] / 1e3, codes[1:2] / 1e3, codes=codes / 1e3, power=6)
    scaled = walk.graph_paths(codes[:1], codes[1:2], codes=codes, power=6)
    assert scaled.rows[0].tolist() == plain.rows[0].tolist()


def test_ends_whose_squares_leave_float64_are_refused():
    with pytest.raises(ValueError, match=r"finite numbers under 1e\+100, but 1 of 1 rows"):
        walk.graph_paths(RING[:1], RING[-1:] * 1e160, codes=RING)


def test_a_fraction_of_a_neighbour_is_refused():
    check = getattr(graph._check, "__wrapped__", graph._check)
    with pytest.raises(TypeError, match=r"neighbours needs to be a whole number >= 1, but is 2\.5"):
        check(RING[:1], RING, 2.5, 2.0, 1.0)
