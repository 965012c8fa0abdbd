"""MIG, AAM, modularity and InfoMEC on codes whose scores are known."""

import numpy as np
import pytest

from zscape import measure
from zscape.measure._factors import check_named
from zscape.measure.information_scores import _check_information

SIZES = (3, 6, 10, 16, 16)


def grid(sizes=SIZES):
    """Every combination of factors once."""
    columns = np.stack(np.unravel_index(np.arange(np.prod(sizes)), sizes), axis=1)
    return {f"factor{number}": column for number, column in enumerate(columns.T)}


def standardised(factors):
    columns = np.stack(list(factors.values()), axis=1).astype(float)
    return (columns - columns.mean(axis=0)) / columns.std(axis=0)


def noise(count, latents, seed=1):
    return np.random.default_rng(seed).standard_normal((count, latents))


def every_estimator(mean, logvar, factors, draws=2000):
    yield measure.histogram_information(mean, factors)
    yield measure.aggregate_information((mean, logvar), factors)
    yield measure.sampled_information((mean, logvar), factors, draws=draws)


def random_rows(count, sizes, seed=0):
    random = np.random.default_rng(seed)
    return {f"factor{number}": random.integers(0, size, count) for number, size in enumerate(sizes)}


def test_a_perfect_code_scores_1_by_every_estimator():
    # Definitions 0.1: a public reference reshapes draws where it should transpose them, and gives such a
    # code, one latent a factor and others that are the prior, MIG 0.03 and AAM 0.5.
    factors = random_rows(2000, (3, 6, 10))
    mean = np.hstack([standardised(factors), np.zeros((2000, 3))])
    logvar = np.hstack([np.full((2000, 3), 2 * np.log(0.02)), np.zeros((2000, 3))])
    for found in every_estimator(mean, logvar, factors):
        gap, alone = measure.mig(found), measure.aam(found)
        assert gap.value == pytest.approx(1, abs=1e-2)
        assert alone.value == pytest.approx(1, abs=1e-2)
        assert gap.low - 1e-9 <= gap.value <= gap.high
        assert (gap.name, alone.name) == (f"mig_{found.estimator}", f"aam_{found.estimator}")
        known = measure.Information(
            found.matrix[:3], found.entropies, found.names, found.n, found.estimator, found.corrected,
            found.definition, found.influence[:, :3], found.surprisal,
        )  # fmt: skip
        assert measure.modularity(known).value == pytest.approx(1, abs=1e-2)


def test_a_perfect_code_of_more_classes_than_bins_is_perfect_with_as_many_bins():
    factors = random_rows(5000, (3, 6, 40, 32, 32))
    mean = np.hstack([standardised(factors), noise(5000, 5)])
    coarse = measure.mig(measure.histogram_information(mean, factors))
    assert coarse.value == pytest.approx(
        (2 + sum(np.log(20) / np.log(size) for size in (40, 32, 32))) / 5, abs=0.03
    )
    fine = measure.mig(measure.histogram_information(mean, factors, bins=40))
    assert fine.value == pytest.approx(1, abs=0.05)


def test_a_random_rotation_scores_little():
    factors = grid()
    scores = []
    for seed in range(5):
        turn = np.linalg.qr(noise(10, 10, seed))[0]
        codes = np.hstack([standardised(factors), noise(len(factors["factor0"]), 5)]) @ turn
        scores.append(measure.mig(measure.histogram_information(codes, factors)).value)
    assert np.median(scores) < 0.1
    assert max(scores) < 0.15


def test_noise_has_0_in_its_interval():
    inside = 0
    for seed in range(20):
        factors = random_rows(3000, (3, 10, 40), seed)
        found = measure.histogram_information(noise(3000, 6, seed + 100), factors)
        results = measure.mig(found), measure.aam(found)
        assert results[0].value < 0.005
        inside += all(result.low == 0 for result in results)
    assert inside >= 19


def test_noise_of_which_one_estimate_alone_is_above_0_has_0_in_its_interval():
    random = np.random.default_rng(0)
    influence = random.standard_normal((10, 3, 1)).astype(np.float32)
    found = by_hand([[0.01], [-0.02], [-0.01]], [1.0], influence=influence)
    result = measure.aam(found)
    assert result.value == 1
    assert result.low == 0


def test_codes_of_posteriors_that_hardly_move_score_0():
    factors = random_rows(700, (3, 5))
    for spread in (1e-3, 1e-6):
        codes = spread * noise(700, 5), np.zeros((700, 5))
        found = measure.aggregate_information(codes, factors)
        assert (found.matrix == 0).all()
        assert measure.aam(found).value == measure.mig(found).value == 0


def test_codes_and_tables_in_the_place_of_information_and_names_are_told():
    with pytest.raises(TypeError, match=r"histogram_information\(codes, factors\).* gives, but got ndarray"):
        _check_information(noise(20, 2))
    with pytest.raises(TypeError, match=r"dci needs factors by name, but got ndarray; give"):
        check_named(np.zeros((20, 2), int), "dci")
    with pytest.raises(ValueError, match=r"holds them as float64; give size.astype\(int\)"):
        measure.histogram_information(noise(20, 2), {"size": np.arange(20) % 2 * 1.0})


def test_information_is_printed_without_what_intervals_need():
    assert "influence" not in repr(by_hand([[0.5, 0.25]], [1.0, 1.0]))


@pytest.mark.parametrize("estimator", [0, 1, 2])
def test_a_factor_split_evenly_over_two_latents_has_no_axis(estimator):
    factors = random_rows(3000, (4, 6))
    plain = standardised(factors)
    mean, logvar = np.hstack([plain, plain]), np.full((3000, 4), 2 * np.log(0.3))
    found = list(every_estimator(mean, logvar, factors))[estimator]
    assert measure.aam(found).value == pytest.approx(0, abs=0.01)
    assert measure.mig(found).value == pytest.approx(0, abs=0.01)


def by_hand(matrix, entropies, **changes):
    matrix = np.array(matrix, dtype=float)
    given = {
        "matrix": matrix,
        "entropies": np.array(entropies, dtype=float),
        "names": tuple("abcde"[: matrix.shape[1]]),
        "n": 100,
        "estimator": "hist",
        "corrected": True,
        "definition": "by hand",
        "influence": np.zeros((10, *matrix.shape), np.float32),
        "surprisal": np.zeros((10, matrix.shape[1]), np.float32),
    }
    return measure.Information(**given | changes)


def test_scores_of_a_matrix_worked_by_hand():
    # Latents in rows; of the second factor two latents know alike, and one estimate is negative.
    found = by_hand([[0.8, 0.3, 0.1], [0.2, 0.3, -0.05], [0.0, 0.1, 0.5]], [1.0, 0.5, 2.0])
    assert measure.mig(found).value == pytest.approx((0.6 / 1 + 0 + 0.4 / 2) / 3)
    assert measure.aam(found).value == pytest.approx((0.6 / 0.8 + 0 + 0.4 / 0.5) / 3)
    modular = [1 - (0.09 + 0.01) / (2 * 0.64), 1 - 0.04 / (2 * 0.09), 1 - 0.01 / (2 * 0.25)]
    assert measure.modularity(found).value == pytest.approx(np.mean(modular))


def test_nothing_known_and_one_latent():
    idle = by_hand([[0.0, -0.1], [0.0, -0.2]], [1.0, 1.0])
    assert measure.mig(idle).value == measure.aam(idle).value == measure.modularity(idle).value == 0
    single = by_hand([[0.5, 0.25]], [1.0, 1.0])
    assert measure.mig(single).value == pytest.approx(0.375)
    assert measure.aam(single).value == 1
    with pytest.raises(ValueError, match="needs two factors or more that vary, but got a alone"):
        measure.modularity(by_hand([[0.5]], [1.0]))


@pytest.mark.parametrize("score", [measure.mig, measure.aam, measure.modularity])
def test_intervals_are_those_of_numerical_derivatives(score):
    matrix, entropies = (
        np.array([[0.8, 0.3, 0.1], [0.2, 0.15, 0.05], [0.1, 0.1, 0.5]]),
        np.array([1.0, 0.5, 2.0]),
    )
    random = np.random.default_rng(0)
    influence, surprisal = random.standard_normal((50, 3, 3)), random.standard_normal((50, 3))
    found = score(by_hand(matrix, entropies, influence=influence, surprisal=surprisal))
    step = 1e-6
    moved = np.array([
        score(by_hand(matrix + step * one, entropies + step * other)).value
        for one, other in zip(influence, surprisal, strict=True)
    ])  # fmt: skip
    error = ((moved - found.value) / step).std() / np.sqrt(100)
    assert found.high == pytest.approx(min(found.value + 1.959964 * error, 1), rel=1e-4)
    assert found.low == pytest.approx(max(found.value - 1.959964 * error, 0), rel=1e-4)


def leaky(count, seed):
    """Codes that know each of two factors through noise, and a little of the other."""
    factors = random_rows(count, (4, 6), seed)
    plain = standardised(factors)
    return plain + 0.4 * plain[:, ::-1] + 0.5 * noise(count, 2, seed + 1000), factors


def test_intervals_cover_the_value_of_many_rows():
    scores = measure.mig, measure.aam, measure.modularity
    # The same bins for all, or another range would be another quantity.
    ends = np.array([[-6.0, -6.0], [6.0, 6.0]])

    def found(count, seed):
        codes, factors = leaky(count, seed)
        given = {name: np.append(values, [0, 0]) for name, values in factors.items()}
        weights = np.append(np.ones(count), [1e-9, 1e-9])
        return measure.histogram_information(np.vstack([codes, ends]), given, weights=weights)

    truth = [score(found(200_000, 9999)).value for score in scores]
    inside = np.zeros(3)
    for seed in range(100):
        information = found(1500, seed)
        for place, score in enumerate(scores):
            result = score(information)
            inside[place] += result.low <= truth[place] <= result.high
    assert (inside >= 87).all()
    assert (inside <= 100).all()


def test_infomec_of_a_perfect_code():
    factors = random_rows(1500, (3, 4))
    codes = np.hstack([standardised(factors), np.full((1500, 1), 0.3), 1e-3 * noise(1500, 1)])
    information = measure.histogram_information(codes, factors)
    modular, compact, explicit = measure.infomec(codes, factors, information)
    assert [modular.name, compact.name, explicit.name] == ["infom_hist", "infoc_hist", "infoe"]
    assert modular.value == pytest.approx(1, abs=0.01)
    assert compact.value == pytest.approx(1, abs=0.01)
    assert "2 active latents of 4" in modular.definition
    assert explicit.value > 0.8
    even = by_hand([[1, 1], [1, 1]], [1, 1], names=("factor0", "factor1"))
    turned = measure.infomec(codes[:, :2] @ np.linalg.qr(noise(2, 2))[0], factors, even)
    assert (turned[0].value, turned[1].value) == (0, 0)
    assert turned[2].value == pytest.approx(explicit.value, abs=0.02)


def test_infomec_of_noise_and_its_intervals():
    factors = random_rows(2000, (3, 4))
    codes = noise(2000, 5)
    explicit = measure.infomec(codes, factors, measure.histogram_information(codes, factors))[2]
    assert explicit.low < 0.002
    assert -0.02 < explicit.value < 0.005
    skewed = {"rare": (np.arange(2000) % 40 == 0).astype(int), "even": np.arange(2000) % 2}
    assert measure.infomec(codes, skewed, measure.histogram_information(codes, skewed))[2].value < 0.01


def test_infomec_by_hand():
    matrix = [[0.6, 0.1], [0.2, 0.3], [0.0, 0.0]]
    factors = random_rows(100, (2, 3))
    codes = noise(100, 3)
    given = by_hand(matrix, [1.0, 0.5], names=tuple(factors))
    modular, compact, _ = measure.infomec(codes, factors, given)
    shares = np.array([[0.6, 0.2], [0.2, 0.6]])
    by_latent = [2 * (row.max() / row.sum() - 0.5) for row in shares] + [0]
    assert modular.value == pytest.approx(np.mean(by_latent))
    assert compact.value == pytest.approx(1.5 * (0.75 - 1 / 3))


def test_infomec_wants_information_of_the_same_codes():
    factors = random_rows(100, (2, 3))
    codes = noise(100, 3)
    information = measure.histogram_information(codes, factors)
    with pytest.raises(
        ValueError, match="but it is of 3 latents and factor0, factor1, and the codes are of 2"
    ):
        measure.infomec(codes[:, :2], factors, information)
    one = {"factor0": factors["factor0"]}
    alone = measure.histogram_information(codes, one)
    with pytest.raises(ValueError, match="two factors or more"):
        measure.infomec(codes, one, alone)
    with pytest.raises(ValueError, match="rows needs to be a whole number >= 12"):
        measure.infomec(codes, factors, information, rows=5)
