"""Measures of whole paths: each number against one by hand, means over pairs, and the figure."""

import numpy as np
import pytest

from zscape import walk
from zscape.estimates import standard_error
from zscape.measure import cross_dissolve, profile_shape, shape_correlation
from zscape.report.path_measures import comparisons, measure_dots, pair_measures, path_results
from zscape.report.wording import interval

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
    lengths[5] *= 1e-3
    paths = paths_of(["random"] * 5 + ["furthest"], {"decoded": {"linear": lengths, "graph": lengths}})
    figure = measure_dots(path_results(paths, {}), paths, {"within": "3"})
    panels = [axes for axes in figure.axes if axes.axison]
    heads = [axes.texts[0].get_text() for axes in figure.axes if not axes.axison]
    assert heads == ["5 random pairs within class 3", "furthest, rows 10 to 11"]
    assert [axes.get_title(loc="left") for axes in panels[:2]] == ["decoded\nlength", "unevenness\nof steps"]
    assert panels[0].get_xlabel() == "data units / 10⁵"
    means = (lengths[:5].sum(axis=1).mean() / 1e5, lengths[5].sum())
    for axes, mean, lines in zip(panels[::2], means, (4, 2), strict=True):
        dots = [line.get_xdata()[0] for line in axes.lines if line.get_marker() == "o"]
        assert dots == pytest.approx([mean, mean])
        assert len(axes.lines) == lines  # with the intervals of random pairs
        # From 0, with all that is drawn left of the numbers.
        low, high = axes.get_xlim()
        drawn = max(max(line.get_xdata()) for line in axes.lines)
        assert low == pytest.approx(0, abs=0.05 * drawn)
        assert min(axes.get_xticks()) == 0
        assert drawn < 0.6 * high
        assert [float(text.get_text()) for text in axes.texts] == pytest.approx([mean, mean], rel=0.01)
    assert [text.get_text() for text in panels[0].get_yticklabels()] == ["linear", "graph"]
    assert [text.get_text() for text in panels[1].get_yticklabels()] == ["", ""]


def test_every_measure_has_a_unit():
    rows = RNG.random((6, 6))
    paths = paths_of(["random"] * 6, {name: {"linear": rows, "geodesic": rows + 0.1} for name in
                                      ("length", "decoded", "cross_dissolve", "style_loss")})  # fmt: skip
    said = {"converged": [1.0] * 6, "excess": [0.1] * 6, "energy_share": [0.9] * 6}
    notes = {"search": {"geodesic": said}}
    results = {each.name: each for each in path_results(paths, notes)}
    assert all(each.unit for each in results.values())
    assert results["random_linear_decoded_length"].unit == "data units"
    assert results["random_linear_style_loss"].unit == "feature units^4"
    assert results["random_geodesic_excess"].unit == "share"
    words = results["random_linear_shape_correlation"].definition
    assert "the shape is style_ratio, the middle third of steps over the outer thirds" in words
    (table,) = comparisons(list(results.values()), paths, notes)
    names = {name.replace("random_linear_", "").replace("random_geodesic_", "") for name in results}
    assert {row.name.replace(" ", "_") for row in table.rows} == names
    over = next(row for row in table.rows if row.name == "over linear")
    assert over.cells[0] == ("–", "")
    assert over.cells[1] == interval(results["random_geodesic_over_linear"])
    assert over.definition == "decoded length of the paths over that of linear ones"


def test_large_numbers_of_a_table_are_told_in_powers_of_ten():
    lengths = 2e8 * np.ones((4, 3))
    paths = paths_of(["closest"] * 4, {"decoded": {"linear": lengths, "graph": 2 * lengths}})
    (table,) = comparisons(path_results(paths, {}), paths, {})
    row = next(each for each in table.rows if each.name == "decoded length")
    assert row.unit == "data units / 10⁹"
    assert [value for value, _ in row.cells] == ["0.6000", "1.200"]
