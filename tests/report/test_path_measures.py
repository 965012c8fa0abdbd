"""Measures of whole paths: each number against one by hand, means over pairs, and the figure."""

import numpy as np
import pytest

from zscape import walk
from zscape.estimates import standard_error
from zscape.measure import cross_dissolve, profile_shape, shape_correlation
from zscape.report.path_measures import measure_dots, pair_measures, path_results

RNG = np.random.default_rng(0)


def paths_of(choices, profiles):
    pairs, steps = next(iter(next(iter(profiles.values())).values())).shape
    kinds = {kind: None for values in profiles.values() for kind in values}
    z = {kind: RNG.normal(size=(pairs, steps + 1, 2)) for kind in kinds}
    ends = np.arange(2 * pairs).reshape(pairs, 2)
    return walk.PathSet(ends, tuple(choices), z, profiles)


def test_numbers_of_a_path_are_those_by_hand():
    even, uneven = np.full((1, 4), 2.0), np.array([[1.0, 3.0, 1.0, 3.0]])
    profiles = {
        "length": {"linear": even, "graph": uneven},
        "decoded": {"linear": even, "graph": 2 * uneven},
        "cross_dissolve": {"linear": np.zeros((1, 4)), "graph": np.array([[0.1, np.nan, 0.3, 0.0]])},
        "style_loss": {"graph": np.array([[1.0, 5.0, 5.0, 1.0]])},
    }
    found = pair_measures(paths_of(["given"], profiles), {"search": {"graph": {"converged": [1.0]}}})
    assert set(found["linear"]) == {"latent_length", "decoded_length", "unevenness", "cross_dissolve"}
    assert found["linear"]["unevenness"][0] == 0
    assert found["linear"]["cross_dissolve"][0] == 0
    graph = {name: values[0] for name, values in found["graph"].items()}
    assert graph == pytest.approx(
        {
            "latent_length": 8,
            "decoded_length": 16,
            "unevenness": 0.5,
            "over_linear": 2,
            "cross_dissolve": 0.2,
            "style_loss": 3,
            "style_ratio": profile_shape(np.array([[1.0, 5.0, 5.0, 1.0]])).ratio[0],
            "style_maxima": 1,
            "converged": 1,
        }
    )


def test_cross_dissolve_is_that_of_the_measure():
    images = RNG.random((3, 5, 1, 4, 4))
    found = cross_dissolve(images)
    paths = paths_of(["random"] * 3, {"cross_dissolve": {"linear": found.index[:, 1:]}})
    np.testing.assert_allclose(pair_measures(paths, {})["linear"]["cross_dissolve"], found.of_paths)


def test_paths_that_stand_still_are_not_defined_and_left_out():
    decoded = np.array([[0.0, 0.0, 0.0], [1.0, 2.0, 3.0]])
    paths = paths_of(["random"] * 2, {"decoded": {"linear": decoded, "graph": decoded}})
    assert np.isnan(pair_measures(paths, {})["graph"]["over_linear"]).tolist() == [True, False]
    results = {each.name: each for each in path_results(paths, {})}
    share = results["random_graph_over_linear"]
    assert (share.value, share.n, share.low) == (1, 1, None)
    assert share.definition.endswith("mean over 1 random pairs, of 2, where it is defined")
    still = paths_of(["random"], {"decoded": {"linear": decoded[:1]}})
    assert "random_linear_unevenness" not in {each.name for each in path_results(still, {})}


def test_choices_are_told_apart_and_only_random_pairs_have_intervals():
    lengths = np.arange(1.0, 25.0).reshape(8, 3)
    choices = ["random"] * 5 + ["closest", "closest", "furthest"]
    results = {
        each.name: each
        for each in path_results(paths_of(choices, {"length": {"linear": lengths}}), {"seed": 4})
    }
    assert set(results) == {f"{choice}_linear_latent_length" for choice in ("random", "closest", "furthest")}
    whole = lengths.sum(axis=1)
    random = results["random_linear_latent_length"]
    assert random.value == pytest.approx(whole[:5].mean())
    assert random.low < random.value < random.high
    assert random.high - random.low == pytest.approx(2 * 1.96 * standard_error(whole[:5]), rel=0.5)
    assert random.seed == 4
    closest = results["closest_linear_latent_length"]
    assert (closest.value, closest.low, closest.n) == (pytest.approx(whole[5:7].mean()), None, 2)
    assert closest.definition.endswith("; mean over 2 closest pairs")
    assert results["furthest_linear_latent_length"].definition.endswith("; the furthest pair")
    given = path_results(paths_of(["given"], {"length": {"norm-corrected": lengths[:1]}}), {})
    assert given[0].name == "norm_corrected_latent_length"


def test_the_claim_of_style_and_dissolve_is_told_over_random_pairs():
    losses, index = RNG.random((12, 6)), RNG.random((12, 6))
    paths = paths_of(["random"] * 10 + ["closest"] * 2,
                     {"style_loss": {"linear": losses}, "cross_dissolve": {"linear": index}})  # fmt: skip
    results = {each.name: each for each in path_results(paths, {"seed": 2})}
    expected = shape_correlation(profile_shape(losses[:10]).ratio, index[:10, :-1].mean(axis=1), seed=2)
    found = results["random_linear_shape_correlation"]
    assert (found.value, found.low, found.high, found.n) == pytest.approx(
        (expected.value, expected.low, expected.high, 10)
    )
    assert "closest_linear_shape_correlation" not in results
    # Without variation there is no correlation, and no word of it.
    flat = paths_of(["random"] * 5, {"style_loss": {"linear": np.ones((5, 6))},
                                     "cross_dissolve": {"linear": np.zeros((5, 6))}})  # fmt: skip
    assert not any("correlation" in each.name for each in path_results(flat, {}))


def test_searches_that_do_not_fit_are_left_out():
    paths = paths_of(["random"] * 2, {"length": {"geodesic": np.ones((2, 3))}})
    assert "converged" not in pair_measures(paths, {"search": {"geodesic": {"converged": [1.0]}}})["geodesic"]


def test_dots_stand_at_the_means():
    lengths = 1e5 * RNG.random((6, 4))
    paths = paths_of(["random"] * 5 + ["furthest"], {"decoded": {"linear": lengths}})
    results = path_results(paths, {})
    first, second = measure_dots(results, paths).axes
    assert first.get_title(loc="left") == "decoded length / 10⁵"
    assert second.get_title(loc="left") == "unevenness"
    dots = [line.get_xdata()[0] for line in first.lines if line.get_marker() == "o"]
    assert dots == pytest.approx([lengths[:5].sum(axis=1).mean() / 1e5, lengths[5].sum() / 1e5])
    assert len(first.lines) == 3  # one interval
    assert [text.get_text() for text in first.get_yticklabels()] == [
        "linear, random (5)",
        "linear, furthest (1)",
    ]
