"""Shapes of made-up curves, mixtures that are and are not, and correlations that are known."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.signal import find_peaks
from scipy.stats import spearmanr

from zscape import measure

AT = (np.arange(10) + 0.5) / 10


def curves(*each):
    return np.stack([np.broadcast_to(one, (10,)) for one in each])


def test_horseshoe_wave_and_flat_curves_are_told_apart():
    horseshoe, wave = np.sin(np.pi * AT), 1.2 - np.cos(4 * np.pi * AT)
    dip, flat, rising = 1 - np.sin(np.pi * AT), 1.0, AT
    shape = measure.profile_shape(curves(horseshoe, wave, dip, flat, rising))
    assert shape.maxima.tolist() == [1, 2, 0, 0, 0]
    assert shape.ratio[0] > 1.5
    assert shape.ratio[1] < 0.8
    assert shape.ratio[2] < 0.5
    assert shape.ratio[3:] == pytest.approx([1, 1])


def test_thirds_are_those_of_the_path_not_of_the_count_of_steps():
    # Borders at 10/3 and 20/3: step 4 lies in the middle with 2/3, step 5 and 6 as a whole, step 7 with 2/3.
    values = np.arange(1.0, 11) ** 2
    share = np.array([0, 0, 0, 2 / 3, 1, 1, 2 / 3, 0, 0, 0])
    middle, outer = share @ values / (10 / 3), (1 - share) @ values / (20 / 3)
    assert measure.profile_shape(values[None]).ratio[0] == pytest.approx(middle / outer)
    # So that the number of steps hardly matters: sin has 1.5 / (3 - 1.5) over the thirds, times 2.
    for steps in (10, 11, 12, 100):
        at = (np.arange(steps) + 0.5) / steps
        assert measure.profile_shape(np.sin(np.pi * at)[None]).ratio[0] == pytest.approx(2.0, rel=0.03)


def test_shapes_do_not_depend_on_scale_or_direction():
    random = np.random.default_rng(0).random((20, 10))
    shape = measure.profile_shape(random)
    for same in (random * 1e300, random * 1e-300, random[:, ::-1]):
        other = measure.profile_shape(same)
        assert other.ratio == pytest.approx(shape.ratio)
        assert np.array_equal(other.maxima, shape.maxima)


def test_a_small_wiggle_counts_until_it_has_to_stand_out():
    wiggle = np.array([[0.0, 1.0, 2.001, 1.99, 2.0, 1.0, 0.0], [0.0, 1.0, 2.0, 0.5, 2.0, 1.0, 0.0]])
    assert measure.profile_shape(wiggle).maxima.tolist() == [2, 2]
    assert measure.profile_shape(wiggle, prominence=0.1).maxima.tolist() == [1, 2]


def test_maxima_at_the_ends_are_none_and_a_plateau_is_one():
    ends = [[3.0, 1, 1, 3], [1, 1, 1, 3], [1, 2, 2, 1], [3, 2, 2, 3]]
    assert measure.profile_shape(np.array(ends)).maxima.tolist() == [0, 0, 1, 0]


def test_a_profile_of_nothing_has_no_ratio():
    shape = measure.profile_shape(np.array([[0.0, 0, 0], [0, 1, 0]]))
    assert np.isnan(shape.ratio).all()
    assert shape.maxima.tolist() == [0, 1]


def dissolve(ends, alphas):
    alphas = np.asarray(alphas)[:, None, None, None]
    return ((1 - alphas) * ends[0] + alphas * ends[1])[None]


def test_a_pixel_dissolve_has_index_0_at_any_pace_and_a_translation_does_not():
    random = np.random.default_rng(0)
    ends = random.random((2, 3, 16, 16))
    alphas = [0, 0.05, 0.5, 0.4, 0.9, 1]
    found = measure.cross_dissolve(dissolve(ends, alphas))
    assert found.index.max() < 1e-25
    assert found.alpha[0] == pytest.approx(alphas)
    blob = np.zeros((1, 16, 16))
    blob[:, 4:9, 1:6] = 1
    moving = np.stack([np.roll(blob, step, axis=2) for step in range(0, 10, 2)])[None]
    found = measure.cross_dissolve(moving)
    assert found.index[0, [0, -1]].tolist() == [0, 0]
    assert found.index[0, 2] > 0.4
    assert found.of_paths[0] == pytest.approx(found.index[0, 1:-1].mean())
    # In the middle of the way the blob covers none of both ends, as it is 5 wide and moves by 8: hand-worked
    # for a blob that has left one end and not reached the other.
    gone = np.stack([np.roll(blob, step, axis=2) for step in (0, 5, 10)])[None]
    found = measure.cross_dissolve(gone)
    # alpha 1/2: 25 pixels at 1, and 50 at 1/2; the picture varies by 25 (1 - 25/256).
    assert found.index[0, 1] == pytest.approx((25 + 50 / 4) / (25 * (1 - 25 / 256)))
    assert found.alpha[0, 1] == pytest.approx(0.5)


def test_alpha_is_the_best_there_is_and_within_the_ends():
    paths = np.random.default_rng(1).random((4, 6, 2, 5, 5))
    paths[:, 2] += paths[:, -1] - paths[:, 0]  # beyond the last
    found = measure.cross_dissolve(paths)
    for path in range(4):
        first, last = paths[path, 0], paths[path, -1]
        for t in range(1, 5):
            x = paths[path, t]
            best = minimize_scalar(
                lambda a, x=x, first=first, last=last: ((x - (1 - a) * first - a * last) ** 2).sum(),
                bounds=(0, 1), method="bounded", options={"xatol": 1e-10},
            )  # fmt: skip
            assert found.index[path, t] == pytest.approx(best.fun / ((x - x.mean()) ** 2).sum(), rel=1e-6)
            assert found.alpha[path, t] == pytest.approx(best.x, abs=1e-6)
    assert found.alpha.max() == 1
    back = measure.cross_dissolve(paths[:, ::-1])
    assert back.index[:, ::-1] == pytest.approx(found.index)
    assert back.alpha[:, ::-1] == pytest.approx(1 - found.alpha)
    assert measure.cross_dissolve(paths * 7).index == pytest.approx(found.index)


def test_equal_ends_and_constant_pictures():
    random = np.random.default_rng(2).random((4, 1, 6, 6))
    away = np.stack([random[0], random[1], random[0]])[None]
    found = measure.cross_dissolve(away)
    there = ((random[1] - random[0]) ** 2).sum() / ((random[1] - random[1].mean()) ** 2).sum()
    assert found.index[0].tolist() == pytest.approx([0, there, 0])
    assert not found.alpha.any()
    grey = np.stack([random[0], np.full_like(random[0], 0.3), random[1]])[None].astype(np.float32)
    found = measure.cross_dissolve(grey)
    assert np.isnan(found.index[0, 1])
    assert np.isnan(found.of_paths[0])
    # Constant pictures between constant ends are mixtures.
    shades = np.broadcast_to(np.array([0.1, 0.2, 0.7]).reshape(3, 1, 1, 1), (1, 3, 1, 6, 6))
    assert measure.cross_dissolve(shades.astype(np.float32)).index.max() == 0
    assert not measure.cross_dissolve(np.zeros((1, 3, 4))).index.any()


def test_bytes_do_not_wrap_around_and_long_paths_are_read_in_parts(monkeypatch):
    x = np.random.default_rng(3).integers(0, 256, (2, 9, 3, 4, 4), dtype=np.uint8)
    whole = measure.cross_dissolve(x)
    assert np.array_equal(whole.index, measure.cross_dissolve(x.astype(float)).index)
    monkeypatch.setattr("zscape.measure.shapes._BLOCK", 100)
    assert measure.cross_dissolve(x).index == pytest.approx(whole.index)


def test_the_correlation_is_spearmans_and_its_interval_covers_it():
    random = np.random.default_rng(4)
    shape = random.random(60)
    index = shape + 0.5 * random.random(60)
    result = measure.shape_correlation(shape, index)
    assert result.value == pytest.approx(spearmanr(shape, index).statistic)
    assert result.low < result.value < result.high
    # Fisher's approximation with the variance of ranks.
    half = 1.96 * 1.03 / np.sqrt(57) * (1 - result.value**2)
    assert (result.high - result.low) / 2 == pytest.approx(half, rel=0.35)
    assert (result.n, result.seed, result.name) == (60, 0, "shape_dissolve_correlation")
    assert measure.shape_correlation(np.exp(shape), index**3).value == pytest.approx(result.value)
    assert measure.shape_correlation(-shape, index).value == pytest.approx(-result.value)
    assert measure.shape_correlation(shape, index) == result
    assert measure.shape_correlation(shape, index, seed=1).low != result.low


def test_intervals_of_independent_numbers_hold_0_about_as_often_as_they_say():
    random = np.random.default_rng(5)
    results = [
        measure.shape_correlation(*random.random((2, 30)), resamples=300, seed=seed) for seed in range(100)
    ]
    covered = sum(each.low <= 0 <= each.high for each in results)
    assert 86 <= covered <= 99


def test_paths_without_a_number_are_left_out_and_counts_may_tie():
    shape, index = np.array([1, 2, 1, 2, 3, 1]), np.array([0.1, np.nan, 0.2, 0.3, 0.5, 0.1])
    result = measure.shape_correlation(shape, index)
    assert result.n == 5
    assert "1 without a shape or an index left out" in result.definition
    assert result.value == pytest.approx(spearmanr(shape[[0, 2, 3, 4, 5]], index[[0, 2, 3, 4, 5]]).statistic)


def test_dissolves_among_moving_things_are_found_out():
    """Paths that mix a dissolve and a translation: the more of the latter, the higher the index."""
    random = np.random.default_rng(6)
    share = random.random(40)
    x = random.random((40, 1, 1, 12, 12))
    moving = np.concatenate([np.roll(x, step, axis=4) for step in range(4)], axis=1)
    alphas = np.linspace(0, 1, 4).reshape(1, 4, 1, 1, 1)
    mixed = (1 - alphas) * moving[:, :1] + alphas * moving[:, -1:]
    weight = share[:, None, None, None, None]
    index = measure.cross_dissolve(weight * moving + (1 - weight) * mixed).of_paths
    result = measure.shape_correlation(share, index)
    assert result.low > 0.9


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: measure.profile_shape(np.ones((2, 2))), ValueError, "3 steps or more"),
        (lambda: measure.profile_shape(np.array([[1.0, -1, 1]])), ValueError, "finite values >= 0"),
        (lambda: measure.profile_shape(np.array([[1.0, np.nan, 1]])), ValueError, "finite values >= 0"),
        (lambda: measure.profile_shape(np.ones((1, 3)), prominence=-1), ValueError, "prominence"),
        (lambda: measure.cross_dissolve(np.ones((1, 2, 4))), ValueError, "3 or more points"),
        (lambda: measure.cross_dissolve(np.ones((0, 3, 4))), ValueError, "3 or more points"),
        (lambda: measure.cross_dissolve(np.full((1, 3, 4), np.inf)), ValueError, "finite numbers"),
        (lambda: measure.shape_correlation(np.arange(3.0), np.arange(3.0)), ValueError, "4 or more paths"),
        (lambda: measure.shape_correlation(np.ones(5), np.arange(5.0)), ValueError, "vary"),
        (
            lambda: measure.shape_correlation(np.arange(5.0), np.arange(5.0), resamples=9),
            ValueError,
            ">= 100",
        ),
        (lambda: measure.shape_correlation(np.arange(5.0), np.arange(5.0), seed=-1), ValueError, "seed"),
    ],
)
def test_what_has_no_shape_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_shapes_of_other_lengths_are_refused():
    unchecked = getattr(measure.shape_correlation, "__wrapped__", measure.shape_correlation)
    with pytest.raises(ValueError, match="one number a path each"):
        unchecked(np.arange(5.0), np.arange(4.0))


def test_a_dip_that_is_too_shallow_makes_no_two_maxima_of_equal_ones():
    dips = np.array([[0.0, 1, 0.99, 1, 0], [0, 1, 0.5, 1, 0], [1, 0.99, 1, 0.5, 0], [0, 1, 1, 0.99, 1]])
    assert measure.profile_shape(dips).maxima.tolist() == [2, 2, 1, 1]
    assert measure.profile_shape(dips, prominence=0.05).maxima.tolist() == [1, 2, 0, 0]
    assert measure.profile_shape(dips, prominence=0.5).maxima.tolist() == [1, 2, 0, 0]
    assert measure.profile_shape(dips, prominence=0.6).maxima.tolist() == [1, 1, 0, 0]


@pytest.mark.parametrize("prominence", [0.0, 0.1, 0.3, 1.0])
def test_maxima_are_those_of_scipy_where_no_two_are_of_one_height(prominence):
    random = np.random.default_rng(0).random((200, 12))
    expected = [len(find_peaks(each, prominence=prominence * np.ptp(each))[0]) for each in random]
    assert measure.profile_shape(random, prominence=prominence).maxima.tolist() == expected
    # Of equal ones the first counts as the highest, and which that is does not matter.
    steps = np.random.default_rng(1).integers(0, 5, (200, 12))
    nudged = steps + 1e-9 * np.arange(12)[::-1] * (np.diff(steps, axis=1, prepend=-1) != 0)
    forth, back, moved = (
        measure.profile_shape(each, prominence=max(prominence - 1e-6, 0)).maxima
        for each in (steps, steps[:, ::-1], nudged)
    )
    np.testing.assert_array_equal(forth, back)
    if prominence:
        np.testing.assert_array_equal(forth, moved)


def test_intervals_of_many_paths_are_taken_in_parts(monkeypatch):
    random = np.random.default_rng(0).random((2, 30))
    whole = measure.shape_correlation(*random, resamples=200)
    monkeypatch.setattr("zscape.measure.shapes._BLOCK", 100)
    assert measure.shape_correlation(*random, resamples=200) == whole


def test_lists_are_as_good_as_arrays():
    shape, mixed, correlation = (
        getattr(each, "__wrapped__", each)
        for each in (measure.profile_shape, measure.cross_dissolve, measure.shape_correlation)
    )
    profiles, ends = [[1, 2, 3, 3, 2, 1]], [[0.0, 1.0], [1.0, 0.0]]
    assert shape(profiles).ratio.tolist() == measure.profile_shape(np.array(profiles)).ratio.tolist()
    assert mixed([[ends[0], [0.25, 0.75], ends[1]]]).alpha.tolist() == [[0, 0.25, 1]]
    assert correlation([0.5, 1.0, 1.5, 2.0], [0.0, 0.1, 0.5, 0.4]).value == pytest.approx(0.8)
    with pytest.raises(ValueError, match=r"one number a path each, but got shapes \(2,\) and \(3,\)"):
        correlation([1.0, 2.0], [1.0, 2.0, 3.0])
