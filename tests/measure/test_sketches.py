"""Measures of drawings: hand-worked values, a bootstrap and plain pairs beside them, nulls, invariances."""

import math
from functools import partial

import numpy as np
import pytest
import torch
from scipy.spatial.distance import pdist

from zscape import drawing, measure, strokes
from zscape.model import Autoencoder, draw, pooled_features, squeezenet


def draws(count, latents=3, seed=0):
    return np.random.default_rng(seed).standard_normal((count, latents))


def by_name(results):
    return {result.name: result for result in results}


def test_likelihood_of_two_drawings_by_hand():
    sketch, point = measure.sketch_likelihood(np.array([-6.0, -14.0]), np.array([2, 8]))
    assert (sketch.value, sketch.unit, sketch.n) == (10.0, "nats", 2)
    # 20 nats over 10 points, not the mean of 3 and 1.75.
    assert (point.value, point.unit, point.n) == (2.0, "nats", 2)
    # Residuals 6 - 4 and 14 - 16: standard deviation 2 sqrt 2, over sqrt 2 drawings and 5 points each.
    assert point.high - point.value == pytest.approx(1.959964 * 2 / 5, rel=1e-6)
    assert sketch.high - sketch.value == pytest.approx(1.959964 * 4, rel=1e-6)
    assert "5 points on average" in sketch.definition
    assert "(10; ratio estimator" in point.definition


def simulated(count, seed):
    random = np.random.default_rng(seed)
    points = random.integers(5, 80, count)
    return -(2 * points + 9 + 4 * random.standard_normal(count) * np.sqrt(points)), points


def test_the_interval_per_point_is_that_of_a_bootstrap_over_drawings():
    likelihood, points = simulated(200, seed=0)
    result = measure.sketch_likelihood(likelihood, points)[1]
    chosen = np.random.default_rng(1).integers(0, 200, (4000, 200))
    again = -likelihood[chosen].sum(axis=1) / points[chosen].sum(axis=1)
    assert [result.low, result.high] == pytest.approx(np.quantile(again, [0.025, 0.975]), abs=0.01)
    assert result.high - result.low == pytest.approx(4 * again.std(), rel=0.06)


def test_intervals_cover_the_truth():
    truth = 2 * 42 + 9, 2 + 9 / 42
    inside = np.zeros(2)
    for seed in range(500):
        results = measure.sketch_likelihood(*simulated(150, seed))
        inside += [each.low <= value <= each.high for each, value in zip(results, truth, strict=True)]
    assert (inside > 460).all()
    assert (inside < 492).all()


def test_likelihoods_in_proportion_to_points_have_one_value_per_point_without_spread():
    points = np.array([3, 9, 40, 1])
    result = measure.sketch_likelihood(-1.5 * points, points)[1]
    assert (result.value, result.low, result.high) == pytest.approx((1.5, 1.5, 1.5))


def test_likelihood_per_point_is_that_of_the_drawings_in_any_order_and_dtype():
    likelihood, points = simulated(50, seed=3)
    expected = measure.sketch_likelihood(likelihood.astype(np.float32), points)
    turned = measure.sketch_likelihood(likelihood.astype(np.float32)[::-1], points[::-1].astype(np.int32))
    for first, second in zip(expected, turned, strict=True):
        assert first.value == pytest.approx(second.value, rel=1e-12)


def test_one_drawing_has_a_value_and_no_interval():
    for result in measure.sketch_likelihood(np.array([-8.0]), np.array([4]), what="bound", seed=7):
        assert (result.low, result.high, result.seed) == (None, None, 7)
        assert result.definition.startswith("negative bound, ")


def test_other_units_of_offsets_shift_the_nats_as_stated():
    # A normal offset: density per unit, for lengths in units and in halves of them.
    points, offsets = np.array([1, 1]), np.array([[0.3, -1.0], [0.5, 2.0]])

    def nats(scale):
        densities = -0.5 * (offsets / 3) ** 2 - math.log(3 * math.sqrt(2 * math.pi)) + math.log(scale)
        return measure.sketch_likelihood(densities.sum(axis=1), points)[1].value

    assert nats(1.0) - nats(2.0) == pytest.approx(2 * math.log(2.0))


@pytest.mark.parametrize(
    ("likelihood", "points", "message"),
    [
        (np.zeros(3), np.array([1, 2]), "sketch_likelihood needs one likelihood and one number of points"),
        (np.array([0.0, np.nan]), np.array([1, 2]), r"1 of 2 are not \(first: row 1\)"),
        (np.array([-np.inf, 0.0]), np.array([1, 2]), "first: row 0"),
        (np.zeros(2), np.array([0, 0]), "drawings with points"),
        (np.zeros(2), np.array([-1, 3]), "negative number"),
        (np.zeros(0), np.zeros(0, dtype=int), "drawings with points"),
    ],
)
def test_likelihoods_that_cannot_be_measured_are_refused(likelihood, points, message):
    with pytest.raises(ValueError, match=message):
        measure.sketch_likelihood(likelihood, points)


def test_likelihood_given_codes_is_the_bound_without_its_divergence():
    x, codes = draws(40, 4), (draws(40, 2, seed=1), draws(40, 2, seed=2) / 3)

    def log_prob(x, z):
        return -((x[:, :2] - z) ** 2).sum(axis=1)

    settings = {"samples": 3, "seed": 5, "batch": 7}
    found = measure.log_likelihood_per_sample(x, codes, log_prob, **settings)
    bound = measure.elbo_per_sample(x, codes, log_prob, **settings)
    assert np.allclose(found - measure.kl_per_sample(codes), bound, rtol=1e-12)
    # E (x - z)^2 = (x - mean)^2 + var.
    many = measure.log_likelihood_per_sample(x, codes, log_prob, samples=20_000)
    assert np.allclose(many, log_prob(x, codes[0]) - np.exp(codes[1]).sum(axis=1), atol=0.15)


def test_codes_that_are_points_are_read_once_and_as_they_are():
    x, z, calls = draws(11, 4), draws(11, 2, seed=1), []

    def log_prob(x, z):
        calls.append(len(z))
        return (x[:, :2] * z).sum(axis=1)

    found = measure.log_likelihood_per_sample(x, z, log_prob, samples=9, batch=4)
    assert np.array_equal(found, (x[:, :2] * z).sum(axis=1))
    assert calls == [4, 4, 3]
    with pytest.raises(ValueError, match="11 and 10 rows"):
        measure.log_likelihood_per_sample(x, z[:10], log_prob)
    with pytest.raises(ValueError, match="samples >= 1"):
        measure.log_likelihood_per_sample(x, z, log_prob, samples=0)
    with pytest.raises(ValueError, match="one number a row"):
        measure.log_likelihood_per_sample(x, z, lambda x, z: x)


def stroked(z):
    """Drawings of three points whose offsets are the codes."""
    return strokes.to_stroke5([np.column_stack([row.reshape(3, 2), [0, 0, 1]]) for row in z])


def read(x):
    return x[:, :3, :2].reshape(len(x), -1).astype(np.float64)


def test_distance_of_drawings_encoded_again_is_that_of_plain_pairs():
    z, real = draws(60, 6), 3 * draws(45, 6, seed=1)
    distance, ratio = measure.reencoded_distance(z, real, draw=stroked, encode=read)
    assert distance.value == pytest.approx(pdist(z).mean(), rel=1e-6)
    assert ratio.value == pytest.approx(pdist(z).mean() / pdist(real).mean(), rel=1e-6)
    assert (distance.n, ratio.n) == (60, 60)
    assert (distance.unit, ratio.unit) == ("latent units", "")
    assert distance.low < distance.value < distance.high
    assert ratio.low < ratio.value < ratio.high
    assert "45 real drawings" in ratio.definition


def test_a_decoder_that_ignores_codes_scores_0_whatever_the_codes():
    far = 100 * draws(20)
    for result in measure.reencoded_distance(far, draws(30), draw=np.zeros_like, encode=lambda x: x + 7):
        assert result.value == pytest.approx(0, abs=1e-9)
    assert measure.mean_pairwise_distance(far).value > 100


def test_the_ratio_does_not_depend_on_the_scale_of_codes_and_the_distance_does():
    z, real = draws(40), draws(50, seed=1)
    first = measure.reencoded_distance(z, real, draw=np.tanh, encode=lambda x: x)
    second = measure.reencoded_distance(
        z, 10 * real, draw=np.tanh, encode=lambda x: (10 * x, np.zeros(x.shape))
    )
    assert second[0].value == pytest.approx(10 * first[0].value)
    for end in ("value", "low", "high"):
        assert getattr(second[1], end) == pytest.approx(getattr(first[1], end))


def test_the_interval_of_the_ratio_covers_1_for_equal_distributions():
    inside = 0
    for seed in range(300):
        z, real = draws(60, 4, seed=2 * seed), draws(40, 4, seed=2 * seed + 1)
        ratio = measure.reencoded_distance(z, real, draw=lambda z: z, encode=lambda x: x)[1]
        inside += ratio.low <= 1 <= ratio.high
    assert 272 <= inside <= 297


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"z": draws(1)}, "at least 2 rows"),
        ({"real": draws(5, 2)}, "3 latents, but they have 2"),
        ({"real": np.ones((5, 3))}, "real codes that differ"),
        ({"encode": lambda x: x[1:]}, "draw gave 8 and encode 7"),
        ({"draw": lambda z: z[1:]}, "draw gave 7 and encode 7"),
        ({"draw": lambda z: z[1:], "encode": lambda x: draws(8)}, "draw gave 7 and encode 8"),
        ({"encode": lambda x: x * np.nan}, "finite"),
    ],
)
def test_codes_that_do_not_fit_are_refused(settings, message):
    arguments = {"z": draws(8), "real": draws(9), "draw": lambda z: z, "encode": lambda x: x} | settings
    z, real = arguments.pop("z"), arguments.pop("real")
    with pytest.raises(ValueError, match=message):
        measure.reencoded_distance(z, real, **arguments)


def flat(x):
    return x.reshape(len(x), -1)


def test_diversity_is_that_of_vendi_and_prdc_with_the_bandwidth_of_the_real():
    real, generated = draws(50, 4), 0.7 * draws(50, 4, seed=1)
    shaped = generated.reshape(50, 2, 2)
    found = by_name(
        measure.feature_diversity(real, shaped, features={"itself": flat, "half": lambda x: flat(x)[:, :2]})
    )
    bandwidth = measure.median_distance(real)
    scores = [measure.vendi_score(rows, kernel="gaussian", bandwidth=bandwidth) for rows in (real, generated)]
    score = found["vendi_score_gaussian_of_itself"]
    assert score.value == scores[1].value
    assert f"(real samples score {scores[0].value:.4g}), feature: itself" in score.definition
    for each in measure.prdc(real, generated):
        assert found[f"{each.name}_of_itself"].value == each.value
    for each in measure.prdc(real[:, :2], generated[:, :2]):
        assert found[f"{each.name}_of_half"].value == each.value
    assert len(found) == 10


def test_one_drawing_over_and_over_has_a_score_of_1_and_new_ones_cover_the_real():
    real = draws(300, 5)
    with pytest.warns(UserWarning, match="duplicates"):
        same = by_name(measure.feature_diversity(real, np.tile(real[:1], (300, 1)), features={"code": flat}))
    assert same["vendi_score_gaussian_of_code"].value == pytest.approx(1)
    assert same["coverage_of_code"].value < 0.1
    new = by_name(measure.feature_diversity(real, draws(300, 5, seed=9), features={"code": flat}))
    assert new["coverage_of_code"].value == pytest.approx(1 - 2**-5, abs=0.03)
    assert new["density_of_code"].value == pytest.approx(1, abs=0.15)


def test_diversity_does_not_change_with_the_scale_of_a_feature():
    real, generated = draws(30), draws(30, seed=1)
    first = measure.feature_diversity(real, generated, features={"code": flat})
    second = measure.feature_diversity(real, generated, features={"code": lambda x: 50 * x})
    assert [each.value for each in first] == pytest.approx([each.value for each in second], rel=1e-6)


@pytest.mark.parametrize(
    ("count", "features", "message"),
    [
        (9, {"code": flat}, "10 real and 9 generated; cut one to 9"),
        (10, {"my code": flat}, "letters, digits and underscores, but got 'my code'"),
        (10, {"code": lambda x: flat(x)[1:]}, r"'code' needs to give one row a sample, \(10, F\)"),
        (10, {"code": lambda x: x.sum(axis=1)}, "one row a sample"),
        (10, {"code": lambda x: flat(x) * np.inf}, "the feature 'code' needs finite"),
    ],
)
def test_sets_and_features_that_do_not_fit_are_refused(count, features, message):
    with pytest.raises(ValueError, match=message):
        measure.feature_diversity(draws(10), draws(count, seed=1), features=features)


def test_measures_compose_with_a_model_of_drawings():
    model = Autoencoder.lstm((9, 5), latent=3, encoder=4, decoder=8, mixtures=2)
    network, random = squeezenet("random"), np.random.default_rng(0)
    sketches = [np.column_stack([random.standard_normal((n, 2)), np.ones(n)]) for n in [3, 5, 8, 2] * 3]
    x = strokes.to_stroke5(sketches, length=9)

    def encoded(x):
        with model.evaluating():
            return model.encode(torch.from_numpy(x)).mean.numpy()

    def pictured(x):
        return pooled_features(drawing.bitmaps(x), network, preprocessing="caffe", layer=9)

    codes = encoded(x)
    per_sample = measure.log_likelihood_per_sample(x, codes, model.log_prob, batch=5)
    sketch, point = measure.sketch_likelihood(per_sample, strokes.lengths(x))
    assert sketch.value == pytest.approx(-model.log_prob(x, codes).mean(), rel=1e-5)
    assert point.value * 54 == pytest.approx(sketch.value * 12)
    # Completed ones, for a decoder that has learned nothing leaves many drawings empty.
    z, completed = draws(12), partial(draw, model, start=sketches)
    distance, ratio = measure.reencoded_distance(z, codes, draw=completed, encode=encoded)
    drawn = completed(z)
    assert distance.value == pytest.approx(pdist(encoded(drawn)).mean(), rel=1e-4)
    assert ratio.value == pytest.approx(distance.value / pdist(codes).mean(), rel=1e-4)
    found = measure.feature_diversity(x, drawn, features={"picture": pictured, "code": encoded})
    assert [each.name.rpartition("_")[2] for each in found] == ["picture"] * 5 + ["code"] * 5
    assert all(1 <= each.value <= 12 for each in found[::5])


def test_drawings_of_one_category_are_less_varied_than_of_many_in_pictures(shared_data):
    with np.load(shared_data / "bitmaps" / "quickdraw_bitmaps_28.npz") as archive:
        kinds = [1 - archive[name][:210, None] / 255 for name in archive.files]
    mixed = np.concatenate([kind[:30] for kind in kinds])
    again = np.concatenate([kind[30:60] for kind in kinds])
    features = {"picture": partial(pooled_features, network=squeezenet(), preprocessing="caffe", layer=7)}
    many, one = (
        by_name(measure.feature_diversity(mixed, each, features=features)) for each in (again, kinds[0])
    )
    name = "vendi_score_gaussian_of_picture"
    assert many[name].value > 1.3 * one[name].value
    assert many["coverage_of_picture"].value > 0.85
    assert one["coverage_of_picture"].value < 0.6
