"""Profiles of paths against losses pair by pair, whatever is read together."""

import numpy as np
import pytest
import torch

from zscape import measure
from zscape.measure import profiles
from zscape.model import FeatureReader, feature_errors, feature_reader

LAYERS = ("relu1_1", "relu1_2")


@pytest.fixture(scope="module")
def reader():
    return feature_reader("vgg16", weights="random", layers=LAYERS)


def paths(shape=(3, 5, 1, 8, 8), seed=0):
    return np.random.default_rng(seed).random(shape)


def unchecked(function):
    """As a program calls it that does not check types and shapes."""
    return getattr(function, "__wrapped__", function)


@pytest.mark.parametrize("points", [2, 4, 13])
def test_profiles_are_losses_pair_by_pair(reader, points):
    x = paths((2, points, 3, 4, 4))
    settings = {"convention": "gatys_code", "layer_weights": [0.3, 2.0]}
    found = {
        against: measure.style_profiles(x, reader, against=against, **settings)
        for against in ("previous", "first", "all")
    }
    for path, losses in zip(x, found["all"].losses, strict=True):
        pairs = np.repeat(path, points, axis=0), np.tile(path, (points, 1, 1, 1))
        expected = measure.style_loss_per_image(*pairs, reader, **settings).reshape(points, points)
        assert losses == pytest.approx(expected, rel=1e-4)
    every = found["all"].losses
    assert np.array_equal(every, every.transpose(0, 2, 1))
    assert found["previous"].losses == pytest.approx(np.diagonal(every, 1, 1, 2), rel=1e-6)
    assert found["first"].losses == pytest.approx(every[:, 0, 1:], rel=1e-6)


def test_every_picture_goes_through_the_network_once(reader, monkeypatch):
    seen = []
    monkeypatch.setattr(FeatureReader, "maps", lambda self, x: seen.append(len(x)) or real(self, x))
    measure.style_profiles(paths((2, 11, 1, 8, 8)), reader, against="all")
    measure.path_features(paths((2, 11, 1, 8, 8)), reader)
    assert seen == [11] * 4
    seen.clear()
    # 25 points are three groups, of 9, 9 and 7; the last is filled up.
    measure.style_profiles(paths((1, 25, 1, 8, 8)), reader)
    assert seen == [9] * 3


real = FeatureReader.maps


@pytest.mark.parametrize("bf16", [False, True])
@pytest.mark.parametrize("convention", ["paper", "gatys_code"])
def test_features_along_a_path_are_those_of_the_measures_of_pairs(convention, bf16):
    reader = feature_reader("vgg16", weights="random", layers=LAYERS, bf16=bf16)
    x = paths((2, 14, 3, 8, 8), seed=3)
    found = measure.path_features(x, reader, content_layer="relu1_1", convention=convention)
    alone = measure.style_profiles(x, reader, convention=convention)
    # Rounding of bfloat16 may differ where groups do.
    near = 1e-2 if bf16 else 1e-5
    assert found.style == pytest.approx(alone.losses, rel=near)
    for path in range(2):
        rows = reader.read(torch.from_numpy(x[path]).float())
        distance = feature_errors([each[:-1] for each in rows], [each[1:] for each in rows])
        assert found.distance[path] == pytest.approx(distance.numpy(), rel=near)
        squares = (rows[0][1:].double() - rows[0][:-1].double()).square()
        expected = squares.sum(1) / 2 if convention == "paper" else squares.mean(1)
        assert found.content[path] == pytest.approx(expected.numpy(), rel=near)
    assert (found.content_layer, found.layers) == ("relu1_1", LAYERS)
    for part in ("relu1_1, relu1_2 of vgg16", "features at relu1_1", "14 points", "the one before"):
        assert part in found.definition


def test_a_path_that_stands_still_has_zeros(reader):
    x = np.repeat(paths((2, 1, 1, 8, 8)), 14, axis=1)
    assert not measure.style_profiles(x, reader).losses.any()
    found = measure.path_features(x, reader)
    assert not found.style.any()
    assert not found.content.any()
    assert not found.distance.any()
    assert found.content_layer == "relu1_2"


def test_paths_do_not_touch_each_other(reader):
    x = paths((3, 5, 1, 8, 8))
    together = measure.style_profiles(x, reader).losses
    for path in range(3):
        assert np.array_equal(measure.style_profiles(x[path, None], reader).losses[0], together[path])
    backwards = measure.style_profiles(x[:, ::-1], reader).losses
    assert backwards == pytest.approx(together[:, ::-1], rel=1e-5)


def test_results_are_means_over_paths_with_their_definition(reader):
    found = measure.style_profiles(paths((6, 4, 1, 8, 8)), reader)
    results = measure.profile_results(found.losses, definition=found.definition, unit="feature units^4")
    assert [each.name for each in results] == [f"style_loss_step_{step}" for step in (1, 2, 3)]
    assert [each.value for each in results] == pytest.approx(found.losses.mean(axis=0))
    step = found.losses[:, 1]
    assert step.min() < results[1].low < results[1].value < results[1].high < step.max()
    # Near the normal interval, moved out a little for the six paths.
    error = step.std(ddof=1) / np.sqrt(6)
    assert results[1].high - results[1].low == pytest.approx(2 * 2.1 * error, rel=0.2)
    assert results[1].n == 6
    for part in ("relu1_1, relu1_2 of vgg16", "random weights", "step 2 of 3, mean over paths"):
        assert part in results[1].definition


def test_profiles_go_in_as_they_are_with_their_unit_and_definition(reader):
    found = measure.style_profiles(paths((4, 4, 1, 8, 8)), reader)
    results = measure.profile_results(found)
    alike = measure.profile_results(found.losses, definition=found.definition, unit="feature units^4")
    assert results == alike
    (first, *_) = measure.profile_results(found, unit="nats", definition="mine")
    assert (first.unit, first.definition) == ("nats", "mine; step 1 of 3, mean over paths")
    assert measure.profile_results(found.losses)[0].unit == ""
    shape, of_losses = measure.profile_shape(found), measure.profile_shape(found.losses)
    np.testing.assert_array_equal(shape.ratio, of_losses.ratio)
    np.testing.assert_array_equal(shape.maxima, of_losses.maxima)


@pytest.mark.parametrize("take", [measure.profile_results, measure.profile_shape])
def test_profiles_against_all_are_no_steps(reader, take):
    matrix = measure.style_profiles(paths((2, 4, 1, 8, 8)), reader, against="all")
    with pytest.raises(ValueError, match=r"needs profiles \(P, S\).*shape \(2, 4, 4\).*\"previous\""):
        take(matrix)


def test_intervals_of_a_step_do_not_go_under_what_paths_have():
    """Of one large value beside small ones a normal interval ends at -4.9."""
    losses = np.array([[0.1], [0.2], [0.1], [20.0]])
    (found,) = measure.profile_results(losses)
    assert 0.1 <= found.low < found.value < found.high <= 20
    assert found.seed == 0
    assert measure.profile_results(losses) == [found] != measure.profile_results(losses, seed=1)
    (alone,) = measure.profile_results(losses[:1])
    assert (alone.low, alone.high, alone.n) == (None, None, 1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda r: unchecked(measure.style_profiles)(paths()[0], r),
            r"shape \(P, T, C, H, W\).*path\[None\]",
        ),
        (lambda r: measure.style_profiles(paths()[:, :1], r), "2 or more points"),
        (lambda r: measure.style_profiles(paths()[:0], r), "one or more"),
        (lambda r: measure.style_profiles(paths() + 0.5, r), "scale or clip"),
        (lambda r: unchecked(measure.style_profiles)(paths(), r, against="last"), "but is 'last'"),
        (lambda r: measure.style_profiles(paths(), r, layer_weights=[1]), "one number >= 0 a layer"),
        (lambda r: measure.path_features(paths(), r, content_layer="relu4_2"), "relu1_1, relu1_2, but is"),
        (lambda r: unchecked(measure.path_features)(paths()[0], r), "shape"),
        (
            lambda r: unchecked(measure.path_features)(paths(), r, convention="none"),
            '"paper" or "gatys_code"',
        ),
        (lambda r: measure.profile_results(np.full((2, 2), np.nan)), "finite"),
        (lambda r: measure.profile_results(np.empty((0, 2))), "one finite number or more"),
    ],
)
def test_what_is_no_set_of_paths_is_refused(reader, call, message):
    with pytest.raises(ValueError, match=message):
        call(reader)


def test_pairs_of_rows_cross_the_borders_of_parts():
    rows = torch.arange(7.0)
    parts = [[rows[:3]], [rows[3:4]], [rows[4:]]]
    pairs = [
        (a.item(), b.item())
        for before, after in profiles._steps(parts)
        for a, b in zip(before[0], after[0], strict=True)
    ]
    assert pairs == [(t, t + 1) for t in range(6)]


def test_lists_are_as_good_as_arrays(reader):
    x = np.random.default_rng(0).random((1, 3, 1, 8, 8))
    for measured, what in ((measure.style_profiles, "losses"), (measure.path_features, "content")):
        of_lists = getattr(measured, "__wrapped__", measured)(x.tolist(), reader)
        np.testing.assert_array_equal(getattr(of_lists, what), getattr(measured(x, reader), what))
