"""Scores against loops over pairs, their intervals against repetition, and the front against brute force."""

import itertools
import math
import re

import numpy as np
import pytest

from zscape.sample import ByClass, FrontPoint, front, least_cosine, score, scoring, tune
from zscape.sample._visits import mean_cosine, unit_rows
from zscape.sample.scoring import _jackknife_error, _proportion, _two_judges


class Bounds:
    """Says 5 where the first pixel is above a bound, otherwise 2."""

    classes_ = np.array([2, 5])

    def __init__(self, bound=0.0):
        self.bound = bound

    def __call__(self, pictures):
        above = pictures.reshape(len(pictures), -1)[:, 0] > self.bound
        return np.eye(2)[above.astype(int)]


def decode(z):
    return np.concatenate([z, np.ones((len(z), 1))], axis=1).reshape(-1, 1, 1, 3)


def fitted():
    random = np.random.default_rng(0)
    labels = np.repeat([2, 5], 100)
    z = random.standard_normal((200, 2)) + np.where(labels == 2, -1.0, 1.0)[:, None] * [1.2, 0]
    return ByClass().fit(z, labels)


def test_scores_are_those_of_loops_over_pairs():
    density = fitted()
    accuracy, cosine = score(density, decode, Bounds(), count=30, seed=4)
    shares, cosines = [], []
    for label in (2, 5):
        pictures = decode(density.sample(30, label, seed=4)).reshape(30, -1)
        shares.append(np.mean((pictures[:, 0] > 0) == (label == 5)))
        cosines.append(
            np.mean(
                [
                    a @ b / math.sqrt((a @ a) * (b @ b))
                    for a, b in itertools.combinations(pictures, 2)
                ]
            )
        )  # fmt: skip
    assert accuracy.value == pytest.approx(np.mean(shares))
    assert cosine.value == pytest.approx(np.mean(cosines), abs=1e-12)
    assert (accuracy.n, cosine.n, accuracy.seed, cosine.seed) == (60, 60, 4, 4)
    assert accuracy.low < accuracy.value < accuracy.high
    assert (accuracy.name, cosine.name) == ("class_accuracy", "class_cosine_similarity")


def test_both_judges_are_reported_on_the_same_pictures():
    decoded = []

    def counted(z):
        decoded.append(len(z))
        return decode(z)

    one, cosine, other = score(fitted(), counted, Bounds(), tuning_judge=Bounds(5.0), count=50)
    assert decoded == [50, 50]
    assert other.name == "class_accuracy_tuning_judge"
    assert other.value == 0.5
    assert one.value > 0.8
    assert cosine.value == score(fitted(), decode, Bounds(), count=50)[1].value


def test_nulls():
    still = score(fitted().scaled(0.0), decode, Bounds(), count=20)
    assert still[0].value == 1
    assert still[0].low < 1
    assert still[1].value == pytest.approx(1, abs=1e-12)
    assert still[1].low == pytest.approx(1, abs=1e-9)
    assert still[1].high <= 1


def test_wilson_interval_is_the_published_value():
    # Newcombe 1998, table I: 81 of 263, and 0 of 20, 95 %.
    some, none = _proportion("p", 81 / 263, 263, "", 0), _proportion("p", 0.0, 20, "", 0)
    assert (round(some.low, 4), round(some.high, 4)) == (0.2553, 0.3662)
    assert (round(none.low, 4), round(none.high, 4)) == (0.0, 0.1611)
    assert _proportion("p", 1.0, 20, "", 0).high == 1


def test_the_jackknife_is_that_of_leaving_out_rows():
    unit = unit_rows(np.random.default_rng(0).standard_normal((12, 5)) + 1)
    without = [mean_cosine(np.delete(unit, row, axis=0)) for row in range(12)]
    expected = math.sqrt(11 / 12 * ((without - np.mean(without)) ** 2).sum())
    assert _jackknife_error(unit) == pytest.approx(expected, rel=1e-9)
    assert math.isnan(_jackknife_error(unit[:2]))


def test_intervals_of_cosine_cover():
    density = fitted()
    truth = score(density, decode, Bounds(), count=20_000, seed=99)[1].value
    found = [score(density, decode, Bounds(), count=60, seed=seed)[1] for seed in range(200)]
    assert np.mean([result.low <= truth <= result.high for result in found]) > 0.89
    assert np.mean([result.value for result in found]) == pytest.approx(truth, abs=0.01)


def test_two_pictures_have_no_interval():
    cosine = score(fitted(), decode, Bounds(), count=2)[1]
    assert (cosine.low, cosine.high) == (None, None)


def beaten(one, others):
    """Whether another (accuracy, cosine) is at least as good in both and better in one."""
    return any(other[0] >= one[0] and other[1] <= one[1] and other != one for other in others)


def values(point):
    return point.accuracy.value, point.cosine.value


def test_the_front_of_simple_is_every_cell_that_no_other_beats():
    density, judges = fitted(), (Bounds(0.2), Bounds(-0.3))
    points = front(density, decode, judges, count=40, seed=7)
    seen = {
        (trial.accuracy, trial.cosine) for trial in tune(density, decode, judges[0], count=40, seed=7).history
    }
    expected = {pair for pair in seen if not beaten(pair, seen)}
    assert len(expected) > 6
    found = [(point.trial.accuracy, point.trial.cosine) for point in points]
    assert len(found) == len(expected)
    assert set(found) == expected
    for point in points[::4]:
        again = score(point.density, decode, judges[1], tuning_judge=judges[0], count=1000, seed=8)
        assert [point.accuracy, point.cosine, point.tuning_accuracy] == again
        theta, draws = point.trial.theta[0, 0], point.trial.draws
        assert (point.density.theta, point.density.draws, point.weight) == (theta, draws, None)
    accuracies = [point.accuracy.value for point in points]
    assert accuracies == sorted(accuracies, reverse=True)
    for point in points:
        assert point.efficient is not beaten(values(point), [values(other) for other in points])
    assert 0 < sum(point.efficient for point in points) <= len(points)


def test_with_more_parameters_each_weight_is_tuned_for_and_equal_ends_are_one_point():
    density, judges = fitted(), (Bounds(0.2), Bounds(-0.3))
    points = front(
        density, decode, judges, weights=(50.0, 0.0, 1e-12), parameters="medium1", count=20, seed=7
    )
    assert sorted(point.weight for point in points) == [0.0, 50.0]
    for point in points:
        tuned = tune(density, decode, judges[0], weight=point.weight, parameters="medium1", count=20, seed=7)
        assert np.array_equal(point.density.theta, tuned.density.theta)
        assert point.trial.objective == tuned.objective
        again = score(tuned.density, decode, judges[1], tuning_judge=judges[0], count=1000, seed=8)
        assert [point.accuracy, point.cosine, point.tuning_accuracy] == again
    careful, bold = sorted(points, key=lambda point: -point.weight)
    assert careful.accuracy.value > bold.accuracy.value
    assert careful.cosine.value > bold.cosine.value


def test_efficient_points_are_those_that_no_other_beats(monkeypatch):
    # Accuracy and cosine of results: every third is worse than the one before it in both.
    scores = itertools.cycle([(0.99, 0.8), (0.9, 0.5), (0.85, 0.6)])

    def scored(*_, count, seed, **__):
        accuracy, cosine = next(scores)
        results = [_proportion("a", accuracy, count, "", seed)] * 3
        results[1] = _proportion("c", cosine, count, "", seed)
        return results

    monkeypatch.setattr(scoring, "score", scored)
    points = front(fitted(), decode, (Bounds(), Bounds()), count=40)
    assert len(points) > 3
    assert all(isinstance(point, FrontPoint) for point in points)
    assert {(values(point)[0], point.efficient) for point in points} == {
        (0.99, True), (0.9, True), (0.85, False)
    }  # fmt: skip
    assert values(least_cosine(points, 0.9)) == (0.9, 0.5)
    assert values(least_cosine(points, 0.91)) == (0.99, 0.8)
    with pytest.raises(ValueError, match=r"accuracy of at least 0.995; the highest is 0.99"):
        least_cosine(points, 0.995)
    with pytest.raises(ValueError, match="the highest is nan"):
        least_cosine([], 0.5)


def test_settings_that_look_the_same_are_one_point():
    points = front(fitted(), lambda z: np.ones((len(z), 3)), (Bounds(), Bounds()), count=10)
    assert len(points) == 1
    assert points[0].cosine.value == pytest.approx(1)


def test_nothing_is_decoded_twice(tmp_path):
    calls = []

    def counted(z):
        calls.append(len(z))
        return decode(z)

    path = tmp_path / "front.npz"
    first = front(fitted(), counted, (Bounds(), Bounds(0.1)), count=40, checkpoint=path)
    # A probe of each class, 41 settings of two classes, and each point scored.
    assert len(calls) == 2 + 82 + 2 * len(first)
    assert sum(size == 40 for size in calls) == 82
    calls.clear()
    again = front(fitted(), counted, (Bounds(), Bounds(0.1)), count=40, checkpoint=path)
    assert sum(size == 40 for size in calls) == 0
    assert [point.accuracy for point in again] == [point.accuracy for point in first]


def test_short_words_for_points():
    judges = (Bounds(), Bounds(0.1))
    point = front(fitted(), decode, judges, count=10)[0]
    assert re.fullmatch(
        r"FrontPoint\(accuracy [\d.]+, cosine [\d.]+, (not )?efficient, theta [\d.]+(, draws \d)?\)",
        repr(point),
    )
    medium = front(fitted(), decode, judges, count=10, parameters="medium2", weights=[1.0])[0]
    assert re.search(r"theta [\d.]+ to [\d.]+ \(2, 2\)", repr(medium))


def test_bad_input_is_refused():
    density, judge = fitted(), Bounds()
    with pytest.raises(ValueError, match="two judges"):
        front(density, decode, (judge, judge))
    with pytest.raises(ValueError, match="at least one weight"):
        front(density, decode, (judge, Bounds()), weights=(), parameters="medium1")
    with pytest.raises(ValueError, match="weight >= 0"):
        front(density, decode, (judge, Bounds()), weights=(1.0, -1.0), parameters="medium1")
    with pytest.raises(ValueError, match=r"every cell of 'simple'.* leave weights out"):
        front(density, decode, (judge, Bounds()), weights=(1.0,))
    with pytest.raises(ValueError, match="seed needs to be >= 0"):
        front(density, decode, (judge, Bounds()), seed=-1)
    with pytest.raises(ValueError, match="seed needs to be >= 0"):
        score(density, decode, judge, seed=-1)
    for wrong, came in (
        (judge, "but got Bounds"),
        ((judge,), "but got 1 of them"),
        (None, "but got NoneType"),
    ):
        with pytest.raises(TypeError, match=rf"\(one to tune with, one that scores\), {came}"):
            _two_judges(wrong)
    with pytest.raises(ValueError, match="count >= 2"):
        score(density, decode, judge, count=1)
    with pytest.raises(ValueError, match="must give 10 pictures"):
        score(density, lambda z: decode(z)[1:], judge, count=10)
