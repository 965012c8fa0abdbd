"""Attributes as directions: against a closed form, scikit-learn, and straight, bent and random scores."""

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from zscape import walk
from zscape.base import Codes
from zscape.walk.attributes import _area_interval

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


def test_separation_is_that_of_each_pair_on_the_axis_of_all_others():
    # Whole numbers, among which there are ties.
    codes = RNG.integers(0, 4, (30, 2)).astype(float)
    has = np.arange(30) < 12
    higher = []
    for one in np.flatnonzero(has):
        for other in np.flatnonzero(~has):
            rest = np.setdiff1d(np.arange(30), [one, other])
            axis = codes[rest][has[rest]].mean(axis=0) - codes[rest][~has[rest]].mean(axis=0)
            ahead = (codes[one] - codes[other]) @ axis
            higher.append(0.5 if abs(ahead) < 1e-12 else float(ahead > 0))
    assert 0.5 in higher
    found = walk.attribute_vector(codes, has).separation
    assert found.value == pytest.approx(np.mean(higher))
    moved = walk.attribute_vector(codes + 1e6, has).separation
    assert moved.value == pytest.approx(found.value, abs=1e-9)


def test_separation_of_many_codes_is_that_of_scikit_learn():
    """Of many codes none matters to its axis, and a sample is compared."""
    has = np.arange(9000) % 3 == 0
    codes = np.random.default_rng(1).normal(size=(9000, 3)) + has[:, None] * [1.0, 0.0, 0.5]
    found = walk.attribute_vector(codes, has)
    assert found.separation.value == pytest.approx(roc_auc_score(has, found.place(codes)), abs=0.015)
    assert found.separation == walk.attribute_vector(codes, has).separation


@pytest.mark.parametrize(("present", "absent"), [(3, 40), (10, 10), (50, 50)])
@pytest.mark.parametrize("chance", [0.6, 0.8, 0.95])
def test_intervals_of_separation_hold_the_chance_on_the_axis(present, absent, chance):
    rng = np.random.default_rng(0)
    has = np.arange(present + absent) < present
    apart = norm.ppf(chance) * np.sqrt(2)
    held = []
    for _ in range(100):
        codes = rng.normal(size=(len(has), 2)) + has[:, None] * [apart, 0.0]
        found = walk.attribute_vector(codes, has)
        truth = norm.cdf(apart * found.vector[0] / np.linalg.norm(found.vector) / np.sqrt(2))
        held.append(found.separation.low <= truth <= found.separation.high)
    assert np.mean(held) > 0.9


def test_ends_of_the_interval_of_an_area_are_as_far_as_their_errors():
    """Hanley's and McNeil's error at the ends, of as many on both sides; none leaves 0 to 1."""
    for area in (0.3, 0.5, 0.9):
        for end in _area_interval(area, 20, 20):
            spread = end * (1 - end) + 19 * (end / (2 - end) + 2 * end**2 / (1 + end) - 2 * end**2)
            assert abs(area - end) == pytest.approx(1.959964 * np.sqrt(spread) / 20, rel=1e-5)
    low, high = _area_interval(1.0, 3, 40)
    assert 0.3 < low < 0.8
    assert high == 1
    assert _area_interval(0.0, 3, 40) == pytest.approx((0, 1 - low))


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


@pytest.mark.parametrize("lift", [0.0, 1e3, 1e160])
def test_intervals_hold_their_values_of_straight_and_of_random_answers(lift):
    rng = np.random.default_rng(0)
    for _ in range(40):
        z = rng.normal(size=(12, 4))
        for score in (
            lambda z: 3 * FOUND.place(z) + lift,
            lambda z: (FOUND.place(z) + z[:, 1]) * max(lift, 1),
            lambda z: rng.normal(size=len(z)),
            lambda z: np.zeros(len(z)),
        ):
            found = walk.attribute_linearity(FOUND, z, score=score)
            for each in (found.straight, found.slope):
                assert each.low <= each.value <= each.high
            assert 0 <= found.straight.low <= found.straight.high <= 1


@pytest.mark.parametrize(
    "answer",
    [
        lambda rng, n: np.linspace(-1, 1, 5) + 0.3 * rng.normal(size=(n, 5)),
        lambda rng, n: rng.normal(size=(n, 5)),
        lambda rng, n: rng.normal(1, 0.5, size=(n, 1)) * np.linspace(-1, 1, 5),
        lambda rng, n: np.tanh(3 * (rng.normal(size=(n, 1)) + np.linspace(-1, 1, 5))),
    ],
    ids=["noisy", "random", "of many slopes", "bent"],
)
def test_intervals_of_straightness_hold_what_many_codes_give(answer):
    rng = np.random.default_rng(0)

    def found(n):
        given = answer(rng, n).ravel()
        return walk.attribute_linearity(FOUND, np.zeros((n, 4)), score=lambda z: given)

    truth = found(20_000)
    few = [found(10) for _ in range(200)]
    for kind in ("straight", "slope"):
        true = getattr(truth, kind).value
        # A random answer of 20,000 codes is not quite straight by 0.
        held = [getattr(each, kind).low - 1e-3 <= true <= getattr(each, kind).high + 1e-3 for each in few]
        assert np.mean(held) > 0.87


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
        (lambda: walk.analogy(CODES[0], CODES[1], CODES[2] * 1j), "real numbers, but got dtype complex128"),
        (
            lambda: walk.attribute_vector(CODES, HAS, seed=-1),
            "seed needs to be a whole number >= 0, but is -1",
        ),
        (lambda: walk.analogy(CODES[:3], CODES[:2], CODES[:3]), r"as many codes .* \[\(3, 4\), \(2, 4\)"),
        (
            lambda: walk.class_axis(CODES, 0, 7, labels=HAS.astype(int)),
            "classes that codes are of, 0, 1, but got 7",
        ),
        (lambda: walk.class_axis(CODES, 0, 1, labels=np.zeros(5, int)), r"one a code, .* shape \(5,\)"),
        (
            lambda: walk.attribute_vector(np.zeros((4, 2)), np.arange(4) < 2).place(np.zeros(2)),
            "they are equal",
        ),
    ],
)
def test_what_cannot_be_is_refused(call, said):
    with pytest.raises(ValueError, match=said):
        call()


@pytest.mark.parametrize(
    ("z", "strengths", "said"),
    [
        (CODES[:2, :1], [0.0, 1.0, 2.0], r"axis of 4 latents needs codes \(..., 4\), but got shape \(2, 1\)"),
        (np.zeros((2, 5)), [0.0, 1.0, 2.0], r"but got shape \(2, 5\)"),
        (CODES[:2] * np.nan, [0.0, 1.0, 2.0], "an axis needs finite codes"),
        (CODES[:2] * 1j, [0.0, 1.0, 2.0], "real numbers, but got dtype complex128"),
        (CODES[:2], [0.0, 1.0, 2.0, np.nan], r"strengths need to be finite .*\[0.0, 1.0, 2.0, nan\]"),
        (CODES[:2], [0.0, 1.0, 2.0, np.inf], "strengths need to be finite"),
    ],
)
def test_codes_and_strengths_that_do_not_fit_an_axis_are_refused(z, strengths, said):
    for call in (
        lambda: FOUND.moved(z, strengths),
        lambda: walk.attribute_linearity(FOUND, z, score=lambda z: z[:, 0], strengths=strengths),
    ):
        with pytest.raises(ValueError, match=said):
            call()
    if "strengths" not in said:
        with pytest.raises(ValueError, match=said):
            FOUND.place(z)


def test_places_are_of_any_number_of_codes():
    paths = RNG.normal(size=(2, 5, 4))
    found = FOUND.place(paths)
    assert found.shape == (2, 5)
    assert FOUND.place(paths[1]) == pytest.approx(found[1])
