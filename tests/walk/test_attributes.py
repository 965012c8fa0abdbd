"""Attributes as directions: against a closed form, scikit-learn, and straight, bent and random scores."""

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from zscape import walk
from zscape.base import Codes
from zscape.walk.attributes import _area

RNG = np.random.default_rng(0)
HAS = np.arange(3000) % 3 == 0
CODES = RNG.normal(size=(3000, 4)) + HAS[:, None] * [1.5, 0.0, -1.0, 0.0]
FOUND = walk.attribute_vector(CODES, HAS)


def test_the_vector_is_the_difference_of_means_and_separates_as_gaussians_do():
    np.testing.assert_allclose(FOUND.vector, CODES[HAS].mean(axis=0) - CODES[~HAS].mean(axis=0))
    result = FOUND.separation
    truth = norm.cdf(np.hypot(1.5, 1.0) / np.sqrt(2))
    assert result.low < truth < result.high
    assert result.value == pytest.approx(truth, abs=0.02)
    assert result.n == 3000


def test_a_random_attribute_separates_nothing():
    values = [
        walk.attribute_vector(RNG.normal(size=(60, 20)), RNG.permutation(60) < 30, seed=seed).separation.value
        for seed in range(8)
    ]
    assert np.mean(values) == pytest.approx(0.5, abs=0.1)


def test_the_area_is_that_of_scikit_learn():
    scores = RNG.integers(0, 6, 200).astype(float)
    has = RNG.random(200) < 0.4
    assert _area(scores[has], scores[~has]) == pytest.approx(roc_auc_score(has, scores))


def test_places_and_moves_are_along_the_vector():
    np.testing.assert_allclose(FOUND.place(np.stack([FOUND.start, FOUND.end])), [0, 1], atol=1e-12)
    moved = FOUND.moved(CODES[:5], [-1, 0, 2])
    assert moved.shape == (5, 3, 4)
    np.testing.assert_allclose(moved[:, 1], CODES[:5])
    np.testing.assert_allclose(FOUND.place(moved) - FOUND.place(CODES[:5])[:, None], [[-1, 0, 2]] * 5)


def test_an_axis_runs_from_class_to_class():
    labels = np.repeat([0, 1, 2], 1000)
    codes = RNG.normal(size=(3000, 2)) * 0.1 + labels[:, None] * [1.0, 2.0]
    axis = walk.class_axis(codes, 2, 0, labels=labels)
    np.testing.assert_allclose(axis.place(codes[labels == 1]).mean(), 0.5, atol=0.01)
    assert axis.place(codes[labels == 2]).mean() == pytest.approx(0, abs=1e-9)
    table = Codes(np.arange(3000), np.full(3000, "test"), codes.astype(np.float32), label=labels)
    np.testing.assert_allclose(walk.class_axis(table, 2, 0).vector, axis.vector, atol=1e-5)
    assert axis.place(np.zeros((2, 5, 2))).shape == (2, 5)


def test_a_straight_answer_is_straight_and_a_bent_one_is_not():
    z = RNG.normal(size=(50, 4))
    line = walk.attribute_linearity(FOUND, z, score=lambda z: 3 * FOUND.place(z) + z[:, 1])
    assert line.straight.value == pytest.approx(1)
    assert line.slope.value == pytest.approx(3 + FOUND.vector[1])
    assert line.responses.shape == (50, 5)
    np.testing.assert_allclose(np.diff(line.responses, axis=1), line.slope.value / 2)
    bent = walk.attribute_linearity(FOUND, z[:1].repeat(2, 0), score=lambda z: (FOUND.place(z) > 0.3) * 1.0)
    assert bent.straight.value < 0.9
    middle = walk.attribute_linearity(
        FOUND, np.tile(FOUND.start, (2, 1)), score=lambda z: FOUND.place(z) ** 2
    )
    assert middle.straight.value == pytest.approx(0, abs=1e-20)
    noise = walk.attribute_linearity(FOUND, z, score=lambda z: RNG.normal(size=len(z)))
    assert noise.straight.value < 0.05
    assert noise.slope.low < 0 < noise.slope.high


def test_straightness_is_that_of_least_squares():
    z = RNG.normal(size=(30, 4))
    found = walk.attribute_linearity(
        FOUND, z, score=lambda z: np.tanh(FOUND.place(z)), strengths=[0, 1, 2, 4]
    )
    rows = np.repeat(np.eye(30), 4, axis=0)
    design = np.column_stack([rows, np.tile(found.strengths, 30)])
    answers = found.responses.ravel()
    weights, (rest,), *_ = np.linalg.lstsq(design, answers, rcond=None)
    within = ((found.responses - found.responses.mean(axis=1, keepdims=True)) ** 2).sum()
    assert found.slope.value == pytest.approx(weights[-1])
    assert found.straight.value == pytest.approx(1 - rest / within)
    assert found.straight.low <= found.straight.value <= found.straight.high


def test_analogies():
    a, b, c = RNG.normal(size=(3, 6, 4))
    np.testing.assert_allclose(walk.analogy(a, b, c) - c, b - a)
    np.testing.assert_allclose(walk.analogy(a, a, c), c)
    np.testing.assert_allclose(walk.analogy(a[0], b[0], c)[2], c[2] + b[0] - a[0])


TABLE = Codes(np.arange(4), np.full(4, "test"), np.zeros((4, 2), np.float32))


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (
            lambda: walk.attribute_vector(CODES, HAS[:5]),
            r"present as one truth value .* bool of shape \(5,\)",
        ),
        (lambda: walk.attribute_vector(CODES, HAS, absent=HAS), "1000 are both"),
        (lambda: walk.attribute_vector(CODES, np.arange(3000) == 1), "but got 1 and 2999"),
        (lambda: walk.class_axis(TABLE, 0, 1), "needs labels, but got codes without"),
        (lambda: walk.class_axis(CODES, 1, 1, labels=HAS.astype(int)), "two classes, but got 1 twice"),
        (lambda: walk.attribute_linearity(FOUND, CODES[:1], score=len), "two codes or more"),
        (
            lambda: walk.attribute_linearity(FOUND, CODES, score=len, strengths=[0, 1]),
            "three different strengths",
        ),
        (
            lambda: walk.attribute_linearity(FOUND, CODES[:2], score=lambda z: z),
            r"finite score .* got \(10, 4\)",
        ),
        (lambda: walk.analogy(CODES[0], CODES[1], np.full(4, np.nan)), "finite codes"),
        (
            lambda: walk.attribute_vector(np.zeros((4, 2)), np.arange(4) < 2).place(np.zeros(2)),
            "they are equal",
        ),
    ],
)
def test_what_cannot_be_is_refused(call, said):
    with pytest.raises(ValueError, match=said):
        call()
