"""Paths between two ends: closed forms, ends that have no direction, and what must not matter."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation, Slerp

from zscape import walk
from zscape.walk import lines

RNG = np.random.default_rng(0)
START, END = RNG.normal(size=(20, 5)), 2 * RNG.normal(size=(20, 5))
KINDS = [walk.linear_path, walk.spherical_path, walk.norm_corrected_path]


@pytest.mark.parametrize("kind", KINDS)
def test_a_path_has_its_ends_and_goes_the_same_way_back(kind):
    path = kind(START, END, steps=7)
    assert path.shape == (20, 8, 5)
    np.testing.assert_array_equal(path[:, 0], START)
    np.testing.assert_array_equal(path[:, -1], END)
    np.testing.assert_allclose(kind(END, START, steps=7)[:, ::-1], path, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_a_rotation_of_the_ends_rotates_the_path(kind):
    turn = np.linalg.qr(RNG.normal(size=(5, 5)))[0]
    np.testing.assert_allclose(kind(START @ turn, END @ turn), kind(START, END) @ turn, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_equal_ends_no_pairs_and_one_step(kind):
    np.testing.assert_allclose(kind(START, START), np.repeat(START[:, None], 11, axis=1), atol=1e-12)
    assert kind(START[:0], END[:0]).shape == (0, 11, 5)
    assert kind(START.astype(np.float32), END.astype(int), steps=1).shape == (20, 2, 5)


def test_a_line_is_an_interpolation():
    path = walk.linear_path(START, END, steps=4)
    np.testing.assert_allclose(path[:, 1], 0.75 * START + 0.25 * END, atol=1e-15)


def test_an_arc_is_a_rotation_about_the_normal():
    a, b = RNG.normal(size=(2, 3))
    axis = np.cross(a, b) / np.linalg.norm(np.cross(a, b))
    angle = np.arccos(a @ b / np.linalg.norm(a) / np.linalg.norm(b))
    turns = Slerp([0, 1], Rotation.from_rotvec([0 * axis, angle * axis]))(np.linspace(0, 1, 9))
    norms = np.linspace(np.linalg.norm(a), np.linalg.norm(b), 9)[:, None]
    found = walk.spherical_path(a[None], b[None], steps=8)[0]
    np.testing.assert_allclose(found, norms * turns.apply(a / np.linalg.norm(a)), atol=1e-12)


def test_of_equal_norms_an_arc_is_the_published_formula():
    a = START / np.linalg.norm(START, axis=1, keepdims=True)
    b = END / np.linalg.norm(END, axis=1, keepdims=True)
    angle = np.arccos((a * b).sum(axis=1))[:, None]
    found = walk.spherical_path(3 * a, 3 * b, steps=4)
    for step, t in enumerate(np.linspace(0, 1, 5)):
        published = (np.sin((1 - t) * angle) * a + np.sin(t * angle) * b) / np.sin(angle)
        np.testing.assert_allclose(found[:, step], 3 * published, atol=1e-12)


def test_arcs_where_the_plane_is_not_given():
    one, two = np.array([[1.0, 2.0, -3.0]]), np.array([[2.0, 4.0, -6.0]])
    np.testing.assert_allclose(walk.spherical_path(one, two), walk.linear_path(one, two), atol=1e-12)
    zero = np.zeros((1, 3))
    for ends in ((zero, one), (one, zero), (zero, zero)):
        np.testing.assert_allclose(walk.spherical_path(*ends), walk.linear_path(*ends), atol=1e-12)
    half = walk.spherical_path(one, -two, steps=2)[0, 1]
    assert half @ one[0] == pytest.approx(0, abs=1e-12)
    assert np.linalg.norm(half) == pytest.approx(1.5 * np.sqrt(14))
    assert np.abs(half).argmax() == 0  # the axis along which the ends are smallest
    np.testing.assert_allclose(walk.spherical_path(-two, one, steps=2)[0, 1], half, atol=1e-12)
    path = walk.spherical_path(np.array([[1.0]]), np.array([[-3.0]]), steps=4)
    np.testing.assert_allclose(path[0].ravel(), [1, 0, -1, -2, -3])


@pytest.mark.parametrize("tiny", [1e-3, 1e-5, 1e-6, 1e-8, 1e-12, 1e-15])
def test_arcs_next_to_parallel_and_opposite_keep_norms_and_even_steps(tiny):
    one = np.array([[3.0, 4.0, 0.0]])
    near = one + tiny * np.array([[0.0, 0.0, 5.0]])
    for other in (near, -near):
        path = walk.spherical_path(one, other, steps=6)
        assert np.isfinite(path).all()
        np.testing.assert_allclose(np.linalg.norm(path, axis=2), 5, rtol=1e-6)
        lengths = walk.step_lengths(path)[0]
        np.testing.assert_allclose(lengths, lengths.mean(), rtol=1e-5, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("scale", [1e160, 1e300, 1e-200])
def test_a_scale_of_the_ends_scales_the_path_even_where_squares_leave_the_range(kind, scale):
    np.testing.assert_allclose(kind(START * scale, END * scale) / scale, kind(START, END), rtol=1e-9)
    mixed = np.concatenate([START[:1], START[1:2] * scale]), np.concatenate([END[:1], END[1:2] * scale])
    np.testing.assert_allclose(kind(*mixed)[0], kind(START[:1], END[:1])[0], rtol=1e-12)


def test_norms_are_put_right_and_directions_kept():
    path = walk.norm_corrected_path(START, END, steps=4)
    lines = walk.linear_path(START, END, steps=4)
    norms = np.linalg.norm(path, axis=2)
    np.testing.assert_allclose(norms, np.linspace(norms[:, 0], norms[:, -1], 5).T, rtol=1e-12)
    cosines = (path * lines).sum(axis=2) / norms / np.linalg.norm(lines, axis=2)
    np.testing.assert_allclose(cosines, 1)
    assert (np.linalg.norm(lines, axis=2)[:, 1:-1] < norms[:, 1:-1]).all()


def test_a_point_at_the_origin_stays_there():
    path = walk.norm_corrected_path(np.array([[0.3, 0.1]]), np.array([[-0.3, -0.1]]), steps=2)[0]
    np.testing.assert_allclose(path[1], 0, atol=1e-15)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("start", "end", "settings", "said"),
    [
        (np.zeros((2, 0)), np.zeros((2, 0)), {}, r"D >= 1.* \(2, 0\)$"),
        (np.zeros((2, 3)), np.array([[0.0] * 3, [0.0, np.nan, 1.0]]), {}, "those of pair 1 are not"),
        (np.zeros((1, 3)), np.zeros((1, 3)), {"steps": 0}, "steps needs to be a whole number >= 1, but is 0"),
        (
            np.ones((1, 3)) * 1j,
            np.zeros((1, 3)),
            {},
            "ends of paths need real numbers, but got dtype complex",
        ),
    ],
)
def test_ends_that_cannot_be_are_refused(kind, start, end, settings, said):
    with pytest.raises(ValueError, match=said):
        kind(start, end, **settings)


@pytest.mark.parametrize("kind", KINDS)
def test_one_pair_of_codes_is_told_how_to_go_in(kind):
    unchecked = getattr(kind, "__wrapped__", kind)
    with pytest.raises(ValueError, match=r"but got \(3,\) and \(3,\); give one pair.*start\[None\]"):
        unchecked(np.zeros(3), np.ones(3))


@pytest.mark.parametrize("steps", [2.5, "3", None, True])
def test_steps_are_a_whole_number(steps):
    checked = getattr(lines.checked_ends, "__wrapped__", lines.checked_ends)
    with pytest.raises(TypeError, match=f"steps needs to be a whole number >= 1, but is {steps!r}"):
        checked(START, END, steps)
