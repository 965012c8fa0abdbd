"""Scores against loops over pairs, their intervals against repetition, and the front against brute force."""

import itertools
import math

import numpy as np
import pytest

from zscape.sample import ByClass, FrontPoint, front, score, scoring, tune
from zscape.sample._visits import mean_cosine, unit_rows
from zscape.sample.scoring import _jackknife_error, _proportion


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


def test_the_front_is_tuned_by_one_judge_and_scored_by_the_other():
    density, judges = fitted(), (Bounds(0.2), Bounds(-0.3))
    weights = (0.0, 0.5, 2.0, 50.0)
    points = front(density, decode, judges, weights=weights, count=40, seed=7)
    assert [point.weight for point in points] == list(weights)
    for point in points:
        tuned = tune(density, decode, judges[0], weight=point.weight, count=40, seed=7)
        assert point.tuned.objective == tuned.objective
        assert point.tuned.evaluations == tuned.evaluations
        assert point.tuned.density.theta == tuned.density.theta
        again = score(tuned.density, decode, judges[1], tuning_judge=judges[0], count=1000, seed=8)
        assert [point.accuracy, point.cosine, point.tuning_accuracy] == again
    accuracies = [point.tuned.accuracy for point in points]
    assert accuracies == sorted(accuracies)
    assert points[0].cosine.value < points[-1].cosine.value
    for point in points:
        beaten = any(
            other.accuracy.value >= point.accuracy.value
            and other.cosine.value <= point.cosine.value
            and (other.accuracy.value, other.cosine.value) != (point.accuracy.value, point.cosine.value)
            for other in points
        )
        assert point.efficient is not beaten


def test_efficient_points_are_those_that_no_other_beats(monkeypatch):
    # Accuracy and cosine of three results: the second is worse than the first in both.
    values = iter([(0.9, 0.5), (0.85, 0.6), (0.99, 0.8)])

    def scored(*_, count, seed, **__):
        accuracy, cosine = next(values)
        results = [_proportion("a", accuracy, count, "", seed)] * 3
        results[1] = _proportion("c", cosine, count, "", seed)
        return results

    monkeypatch.setattr(scoring, "score", scored)
    judges = (Bounds(), Bounds())
    points = front(fitted(), decode, judges, weights=(0.0, 2.0, 50.0), count=40)
    assert all(isinstance(point, FrontPoint) for point in points)
    assert [point.efficient for point in points] == [True, False, True]


def test_nothing_is_decoded_twice_for_another_weight(tmp_path):
    calls = []

    def counted(z):
        calls.append(len(z))
        return decode(z)

    path = tmp_path / "front.npz"
    asked = {"weights": (0.0, 1.0, 10.0), "count": 40, "checkpoint": path}
    first = front(fitted(), counted, (Bounds(), Bounds(0.1)), **asked)
    # One probe, 41 settings of two classes, and each different result scored.
    different = len({(point.tuned.density.theta, point.tuned.density.draws) for point in first})
    assert len(calls) == 1 + 82 + 2 * different
    assert sum(size == 40 for size in calls) == 82
    calls.clear()
    again = front(fitted(), counted, (Bounds(), Bounds(0.1)), **asked)
    assert sum(size == 40 for size in calls) == 0
    assert [point.accuracy for point in again] == [point.accuracy for point in first]


def test_bad_input_is_refused():
    density, judge = fitted(), Bounds()
    with pytest.raises(ValueError, match="two judges"):
        front(density, decode, (judge, judge))
    with pytest.raises(ValueError, match="at least one weight"):
        front(density, decode, (judge, Bounds()), weights=())
    with pytest.raises(ValueError, match="weight >= 0"):
        front(density, decode, (judge, Bounds()), weights=(1.0, -1.0))
    with pytest.raises(ValueError, match="count >= 2"):
        score(density, decode, judge, count=1)
    with pytest.raises(ValueError, match="must give 10 pictures"):
        score(density, lambda z: decode(z)[1:], judge, count=10)
