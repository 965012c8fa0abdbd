"""DCI, SAP and explicitness: oracles, chance, second implementations, intervals and awkward data."""

import numpy as np
import pytest
from scipy.stats import entropy
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.svm import LinearSVC

from measure.factored import draws, perfect, random_factors, rotation
from zscape import measure
from zscape.measure import predictors
from zscape.measure._factors import accuracy_interval, split_rows

FAST = {"train": 600, "test": 300}


@pytest.fixture(scope="module")
def factors():
    return random_factors(900, (2, 3, 4))


def by_name(results):
    return {result.name: result for result in results}


def dci(z, factors, **options):
    return by_name(measure.dci(z, factors, learner="forest", **{**FAST, **options}))


@pytest.mark.parametrize("learner", ["boosting", "forest"])
def test_dci_of_a_perfect_code_is_one(learner, factors):
    results = measure.dci(perfect(factors, idle=2), factors, learner=learner, train=200, test=300)
    suffix = "" if learner == "boosting" else "_forest"
    names = ["dci_disentanglement", "dci_completeness", "dci_informativeness"]
    assert [each.name for each in results] == [name + suffix for name in names]
    assert [each.value for each in results] == pytest.approx([1, 1, 1], abs=1e-3)
    assert [each.n for each in results] == [200, 200, 300]
    assert all(("gradient boosting" in each.definition) == (learner == "boosting") for each in results)
    assert results[2].low == pytest.approx(300 / (300 + 1.959964**2))


def test_dci_of_rotated_codes_and_of_noise_is_low(factors):
    turned = dci(perfect(factors) @ rotation(3), factors)
    assert turned["dci_disentanglement_forest"].value < 0.5
    assert turned["dci_completeness_forest"].value < 0.5
    noise = dci(draws(900, 6), factors)
    assert noise["dci_disentanglement_forest"].value < 0.03
    assert noise["dci_completeness_forest"].value < 0.03
    told = noise["dci_informativeness_forest"]
    chance = float(told.definition.split("alone score ")[1])
    assert chance == pytest.approx((1 / 2 + 1 / 3 + 1 / 4) / 3, abs=0.05)
    assert told.low < (1 / 2 + 1 / 3 + 1 / 4) / 3 < told.high


def test_explicitness_needs_classes_that_both_sides_share():
    z = draws(30, 2)
    with pytest.raises(ValueError, match="classes that training and test rows share, but own has none in 10"):
        measure.explicitness(z, {"side": np.arange(30) % 2, "own": np.arange(30)})


def test_sap_refuses_codes_that_its_machines_cannot_take(factors):
    with pytest.raises(ValueError, match=r"codes up to 1e\+60, but one is \d"):
        measure.sap(1e80 * perfect(factors), factors, **FAST)


def test_a_split_factor_is_disentangled_but_not_complete():
    factors = random_factors(900, (4, 3))
    z = np.stack([factors["factor0"] // 2, factors["factor0"] % 2, factors["factor1"]], axis=1).astype(float)
    result = dci(z, factors)
    assert result["dci_disentanglement_forest"].value > 0.99
    # One factor over two latents evenly: 1 - log 2 / log 3; the other is complete.
    assert result["dci_completeness_forest"].value == pytest.approx(1 - 0.5 * np.log(2) / np.log(3), abs=0.05)
    one = np.stack([factors["factor0"] * 3 + factors["factor1"], draws(900, 1)[:, 0]], axis=1)
    both = dci(one, factors)
    assert both["dci_disentanglement_forest"].value < 0.1
    assert both["dci_completeness_forest"].value > 0.9


def test_dci_is_that_of_a_second_implementation():
    factors = random_factors(900, (2, 2, 3))
    z = perfect(factors, noise=0.6) @ (np.eye(3) + 0.4)
    results = by_name(measure.dci(z, factors, seed=3, train=200, test=100))
    train, test = split_rows(900, 200, 100, 3)
    z = (z - z[train].mean(axis=0)) / z[train].std(axis=0)
    models = [
        GradientBoostingClassifier(random_state=3).fit(z[train], values[train]) for values in factors.values()
    ]
    importance = np.abs([model.feature_importances_ for model in models]).T
    disentanglement = 1 - entropy(importance.T + 1e-11, base=3)
    completeness = 1 - entropy(importance + 1e-11, base=3)
    accuracy = np.mean(
        [model.score(z[test], values[test]) for model, values in zip(models, factors.values(), strict=True)]
    )
    expected = {
        "dci_disentanglement": disentanglement @ importance.sum(axis=1) / importance.sum(),
        "dci_completeness": completeness @ importance.sum(axis=0) / importance.sum(),
        "dci_informativeness": accuracy,
    }
    assert {name: each.value for name, each in results.items()} == pytest.approx(expected, abs=1e-8)
    assert 0.1 < expected["dci_disentanglement"] < 0.9


def test_dci_of_degenerate_codes(factors):
    z = perfect(factors)
    constant = dci(np.ones((900, 2)), factors)
    assert [constant[f"dci_{name}_forest"].value for name in ("disentanglement", "completeness")] == [0, 0]
    padded = dci(np.hstack([z, np.ones((900, 3))]), factors)
    assert padded["dci_disentanglement_forest"].value == pytest.approx(1, abs=1e-3)
    assert dci(z, {"factor0": factors["factor0"]})["dci_disentanglement_forest"].value == 1
    assert dci(z[:, :1], factors)["dci_completeness_forest"].value == 1
    # The only latent has all importance for every factor.
    assert dci(z[:, :1], factors)["dci_disentanglement_forest"].value == pytest.approx(0, abs=1e-9)


def test_sap_is_that_of_a_second_implementation(factors):
    z = perfect(factors, noise=0.5) @ (np.eye(3) + 0.4)
    result = measure.sap(z, factors, seed=2, **FAST)
    train, test = split_rows(900, 600, 300, 2)
    leads = []
    for values in factors.values():
        scores = [
            LinearSVC(C=0.01, class_weight="balanced", dual=True, max_iter=100_000, random_state=0)
            .fit(z[train][:, [latent]], values[train])
            .score(z[test][:, [latent]], values[test])
            for latent in range(3)
        ]
        leads.append(np.diff(np.sort(scores))[-1])
    assert result.value == pytest.approx(np.mean(leads), abs=2e-3)
    assert result.low < result.value < result.high
    assert (result.name, result.n, result.seed) == ("sap", 300, 2)


def test_sap_of_perfect_rotated_and_idle_codes():
    factors = random_factors(3000, (2, 2, 2))
    z = perfect(factors)
    # Two values are linear in one latent, and the others know nothing: 1 against a half.
    assert measure.sap(z, factors).value == pytest.approx(0.5, abs=0.03)
    twice = np.hstack([z, z])
    assert measure.sap(twice, factors).value == 0
    noise = measure.sap(draws(3000, 3), factors)
    assert 0 <= noise.low <= noise.value < 0.05
    assert measure.sap(z[:, :1], {"factor0": factors["factor0"]}).value == 1


def test_sap_of_continuous_factors_is_a_difference_of_squared_correlations():
    z, random = draws(2000, 3), np.random.default_rng(4)
    angle = 0.8 * z[:, 0] + 0.4 * z[:, 1] + 0.3 * random.standard_normal(2000)
    result = measure.sap(z, {"angle": angle}, train=1000, test=1000)
    test = split_rows(2000, 1000, 1000, 0)[1]
    squares = np.sort(np.corrcoef(z[test].T, angle[test])[3, :3] ** 2)
    assert result.value == pytest.approx(squares[2] - squares[1], abs=1e-12)
    assert "squared correlations for angle" in result.definition
    # The interval is that of a bootstrap of the rows.
    chosen = np.random.default_rng(1).choice(test, size=(400, len(test)))
    again = [np.corrcoef(z[rows].T, angle[rows])[3, :2] ** 2 for rows in chosen]
    spread = np.std([first - second for first, second in again])
    assert (result.high - result.low) / 2 / 1.96 == pytest.approx(spread, rel=0.15)
    mixed = measure.sap(z, {"angle": angle, "side": (z[:, 2] > 0).astype(int)}, train=1000, test=1000)
    side = measure.sap(z, {"side": (z[:, 2] > 0).astype(int)}, train=1000, test=1000)
    assert mixed.value == pytest.approx((result.value + side.value) / 2)
    constant = np.hstack([z[:, :1], np.full((2000, 1), 3.0)])
    assert measure.sap(constant, {"angle": angle}).value == pytest.approx(
        measure.sap(z[:, :1], {"angle": angle}).value
    )


def test_explicitness_is_the_mean_area_of_one_against_the_rest(factors):
    z = perfect(factors, noise=0.5) @ rotation(3)
    result = measure.explicitness(z, factors, seed=1, **FAST)
    train, test = split_rows(900, 600, 300, 1)
    scaled = (z - z[train].mean(axis=0)) / z[train].std(axis=0)
    areas = []
    for values in factors.values():
        of_classes = []
        for each in np.unique(values):
            model = LogisticRegression(max_iter=1000).fit(scaled[train], values[train] == each)
            of_classes.append(roc_auc_score(values[test] == each, model.decision_function(scaled[test])))
        areas.append(np.mean(of_classes))
    assert result.value == pytest.approx(np.mean(areas), abs=1e-6)


def test_explicitness_ignores_rotation_and_is_a_half_for_noise():
    factors = random_factors(3000, (2, 2, 3))
    z = perfect(factors, noise=0.3, idle=2)
    turned = measure.explicitness(z @ rotation(5), factors)
    assert turned.value == pytest.approx(measure.explicitness(z, factors).value, abs=2e-3)
    one_hot = np.hstack([np.eye(values.max() + 1)[values] for values in factors.values()])
    assert measure.explicitness(one_hot, factors).value == 1
    noise = measure.explicitness(draws(3000, 4), factors)
    assert noise.low < 0.5 < noise.high


def test_areas_with_ties_and_their_spread_are_those_of_pairs():
    random = np.random.default_rng(0)
    scores, belongs = random.integers(0, 6, 80).astype(float)[:, None], (random.random(80) < 0.3)[:, None]
    high, low = scores[belongs], scores[~belongs]
    wins = (high[:, None] > low) + 0.5 * (high[:, None] == low)
    rows = predictors._area_rows(scores, belongs)
    assert rows.mean() == pytest.approx(wins.mean())
    # DeLong, DeLong and Clarke-Pearson: the variances of both sides' shares, each over its count.
    variance = wins.mean(axis=1).var() / len(high) + wins.mean(axis=0).var() / len(low)
    assert rows.var() / 80 == pytest.approx(variance)


def test_intervals_of_accuracies_are_wilsons_and_shrink_with_trials_a_row():
    right = np.arange(50) < 40
    low, high = accuracy_interval(right)
    # The ends solve |p - 0.8| = z sqrt(p (1 - p) / n).
    for end in (low, high):
        assert abs(end - 0.8) == pytest.approx(1.959964 * np.sqrt(end * (1 - end) / 50))
    random = np.random.default_rng(0)
    several = (random.random((400, 5)) < 0.8).mean(axis=1)
    inner = accuracy_interval(several)
    assert inner[1] - inner[0] == pytest.approx(2 * 1.96 * np.sqrt(0.16 / 2000), rel=0.15)
    assert accuracy_interval(np.ones(384))[1] == 1
    # All rows alike, at a mean that their sum does not give back.
    assert accuracy_interval(np.full(1000, np.mean([1, 1, 0]))) == pytest.approx((0.6369, 0.6952), abs=1e-3)
    assert accuracy_interval(np.zeros(10)) == pytest.approx((0, 1.959964**2 / (10 + 1.959964**2)))


def test_rows_to_train_and_to_test_are_disjoint():
    train, test = split_rows(100, 60, 30, 0)
    assert (len(train), len(test)) == (60, 30)
    assert not set(train) & set(test)
    train, test = split_rows(100, 10_000, 5_000, 0)
    assert sorted([*train, *test]) == list(range(100))
    assert len(train) == 66
    assert not np.array_equal(train, split_rows(100, 10_000, 5_000, 1)[0])


MEASURES = [
    lambda z, factors, **options: measure.dci(z, factors, learner="forest", **options),
    measure.sap,
    measure.explicitness,
]


@pytest.mark.parametrize("function", MEASURES)
def test_same_seed_same_result_and_arguments_are_left_alone(function, factors):
    z = perfect(factors, noise=1.0)
    before = z.copy()
    once = function(z, factors, **FAST)
    assert function((z, np.zeros_like(z)), factors, **FAST) == once
    assert function(z, factors, seed=1, **FAST) != once
    assert np.array_equal(z, before)


@pytest.mark.parametrize("function", MEASURES)
def test_scales_and_offsets_of_latents_are_no_obstacle(function, factors):
    z = perfect(factors, noise=0.5)
    results = function(z * [1e-3, 1, 1e3] + [0, 1e5, 0], factors, **FAST)
    once = function(z, factors, **FAST)
    if function is not measure.sap:
        assert repr(results)[:200] == repr(once)[:200]
    with pytest.raises(ValueError, match=r"finite numbers under 1e\+100"):
        function(z * 1e101, factors)


@pytest.mark.parametrize("function", MEASURES)
def test_bad_input_is_refused(function, factors):
    z = perfect(factors)
    with pytest.raises(ValueError, match=r"row of codes, \(900,\), but short has shape \(3,\)"):
        function(z, {"short": np.arange(3)})
    with pytest.raises(ValueError, match="whole numbers, the classes, but word is <U1; bin"):
        function(z, {"word": np.full(900, "a")})
    with pytest.raises(ValueError, match="takes two values or more, but got none"):
        function(z, {})
    with pytest.raises(ValueError, match="at least 12 rows"):
        function(z[:11], {"factor0": factors["factor0"][:11]})
    for setting in ("train", "test"):
        with pytest.raises(ValueError, match=f"{setting} needs to be a whole number >= 2"):
            function(z, factors, **{setting: 1})
    lonely = np.zeros(900, dtype=int)
    lonely[split_rows(900, 600, 300, 0)[1][0]] = 1
    with pytest.raises(ValueError, match="lonely takes one in 600 rows"):
        function(z, {"lonely": lonely}, **FAST)
    with pytest.warns(UserWarning, match="constant over these rows: flat"):
        function(z, {**factors, "flat": np.full(900, 3)}, **FAST)


def test_what_only_one_measure_refuses(factors):
    z = perfect(factors)
    with pytest.raises(ValueError, match='learner "boosting" or "forest", but got'):
        predictors._tree_learner("trees", 0)
    with pytest.raises(ValueError, match="finite factors, but angle holds NaN"):
        measure.sap(z, {"angle": np.full(900, np.nan)})
    for function in MEASURES[::2]:
        with pytest.raises(ValueError, match="angle is float64; bin what is continuous"):
            function(z, {"angle": z[:, 0]})


def test_a_class_that_no_test_row_has_is_left_out_of_explicitness():
    classes = random_factors(900, (3,))["factor0"]
    classes[split_rows(900, 600, 300, 0)[0][0]] = 3
    assert np.isfinite(measure.explicitness(draws(900, 2), {"classes": classes}, **FAST).value)
