"""Lengths of paths and paths of constant speed: hand-worked, on circles, unchanged where they should be."""

from itertools import pairwise

import numpy as np
import pytest

from zscape import walk

RNG = np.random.default_rng(0)
PATHS = RNG.normal(size=(4, 6, 3))


def circle(z):
    """One latent, an angle, to a picture of two pixels."""
    return np.stack([np.cos(z[:, 0]), np.sin(z[:, 0])], axis=1).reshape(-1, 1, 1, 2)


def test_lengths_in_codes_are_those_of_a_loop():
    expected = [[np.linalg.norm(b - a) for a, b in pairwise(path)] for path in PATHS]
    np.testing.assert_allclose(walk.step_lengths(PATHS), expected)
    np.testing.assert_allclose(walk.path_lengths(PATHS), np.sum(expected, axis=1))


def test_decoded_lengths_come_nearer_to_the_arc_the_finer_they_are():
    half = np.linspace(0, np.pi, 3)[None, :, None]
    assert walk.path_lengths(half, decode=circle)[0] == pytest.approx(2 * np.sqrt(2))
    assert walk.path_lengths(half, decode=circle, finer=50)[0] == pytest.approx(np.pi, rel=1e-4)
    np.testing.assert_allclose(walk.step_lengths(half, decode=circle, finer=50), np.pi / 2, rtol=1e-4)


def test_a_rotation_keeps_lengths_and_a_scale_scales_them():
    turn = np.linalg.qr(RNG.normal(size=(3, 3)))[0]
    np.testing.assert_allclose(walk.step_lengths(PATHS @ turn), walk.step_lengths(PATHS))
    np.testing.assert_allclose(walk.path_lengths(PATHS, decode=lambda z: 3 * z), 3 * walk.path_lengths(PATHS))


def test_constant_speed_in_codes():
    path = np.array([[[0.0, 0.0], [0.0, 1.0], [3.0, 1.0]]])
    found = walk.at_constant_speed(path, steps=4)
    np.testing.assert_allclose(found[0], [[0, 0], [0, 1], [1, 1], [2, 1], [3, 1]])
    np.testing.assert_allclose(walk.at_constant_speed(walk.linear_path(PATHS[:, 0], PATHS[:, 1], steps=5)),
                               walk.linear_path(PATHS[:, 0], PATHS[:, 1], steps=5), atol=1e-12)  # fmt: skip


def test_constant_speed_of_what_is_decoded():
    def decode(z):
        return z**3

    path = np.linspace(0, 2, 11)[None, :, None]
    found = walk.at_constant_speed(path, decode=decode, steps=8, finer=200)
    np.testing.assert_allclose(found[0, :, 0] ** 3, np.arange(9.0), rtol=1e-3)
    uneven = walk.step_lengths(path, decode=decode)
    assert uneven.std() / uneven.mean() > 0.5


def test_constant_speed_keeps_ends_and_goes_the_same_way_back():
    found = walk.at_constant_speed(PATHS, decode=lambda z: np.sin(z), steps=9)
    np.testing.assert_array_equal(found[:, [0, -1]], PATHS[:, [0, -1]])
    back = walk.at_constant_speed(PATHS[:, ::-1], decode=lambda z: np.sin(z), steps=9)
    np.testing.assert_allclose(back[:, ::-1], found, atol=1e-9)


def test_paths_without_length_and_without_pairs():
    still = np.ones((2, 4, 3))
    np.testing.assert_array_equal(walk.at_constant_speed(still, steps=2), np.ones((2, 3, 3)))
    path = np.arange(5.0)[None, :, None]
    same = walk.at_constant_speed(path, decode=lambda z: np.zeros((len(z), 2)), steps=4)
    np.testing.assert_allclose(same, path)
    assert walk.path_lengths(PATHS[:0], decode=circle).shape == (0,)
    assert walk.at_constant_speed(PATHS[:0], steps=3).shape == (0, 4, 3)
    waits = np.array([[[0.0], [0.0], [1.0], [1.0], [2.0]]])
    np.testing.assert_allclose(walk.at_constant_speed(waits, steps=2).ravel(), [0, 1, 2])


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: walk.path_lengths(np.zeros((2, 1, 3))), r"T >= 2 and D >= 1, but got \(2, 1, 3\)"),
        (lambda: walk.path_lengths(np.full((1, 2, 3), np.inf)), "path 0 holds NaN or infinity"),
        (lambda: walk.step_lengths(PATHS, finer=0), "finer needs to be a whole number >= 1, but is 0"),
        (lambda: walk.at_constant_speed(PATHS, steps=0), "steps needs to be a whole number >= 1, but is 0"),
        (lambda: walk.at_constant_speed(PATHS, decode=circle, finer=0), "finer needs to be a whole number"),
        (lambda: walk.path_lengths(PATHS + 1j), "paths need real numbers, but got dtype complex128"),
    ],
)
def test_what_has_no_length_is_refused(call, said):
    with pytest.raises(ValueError, match=said):
        call()


def test_what_a_decoder_cannot_do_is_told():
    paths = np.zeros((1, 3, 2))
    for measured in (walk.path_lengths, walk.at_constant_speed):
        with pytest.raises(ValueError, match="decode gave NaN or infinity"):
            measured(paths, decode=lambda z: np.full((len(z), 4), np.nan))


@pytest.mark.parametrize("measured", [walk.step_lengths, walk.path_lengths, walk.at_constant_speed])
@pytest.mark.parametrize("features", [1, 4, 6])
def test_what_is_decoded_has_a_row_for_each_code(measured, features):
    """Of six points, with as many numbers as divide into rows, or do not, or as there are points."""
    weights = RNG.normal(size=(3, features))
    paths = PATHS[:, :5] if features == 6 else PATHS
    settings = {"finer": 1}
    assert len(measured(paths, decode=lambda z: z @ weights, **settings)) == len(paths)
    shape = f"({features}, {paths.shape[1]})"
    with pytest.raises(ValueError, match=r"one row for each of \d codes") as told:
        measured(paths, decode=lambda z: (z @ weights).T, **settings)
    assert f"but gives shape {shape}" in str(told.value)
    with pytest.raises(ValueError, match=r"but gives shape \(\)"):
        measured(paths, decode=lambda z: 1.0, **settings)


@pytest.mark.parametrize("name", ["step_lengths", "at_constant_speed"])
def test_a_fraction_of_a_chord_is_refused(name):
    unchecked = getattr(getattr(walk, name), "__wrapped__", getattr(walk, name))
    with pytest.raises(TypeError, match=r"finer needs to be a whole number >= 1, but is 2\.5"):
        unchecked(PATHS, decode=lambda z: z, finer=2.5)
