"""Curves of paths are what was given."""

import numpy as np
import pytest

from zscape.measure import profile_results
from zscape.report import profiles, style


def curves(count, seed=0, steps=10):
    return np.random.default_rng(seed).gamma(2, size=(count, steps))


def test_each_set_has_its_mean_its_interval_and_single_paths():
    found = {
        "within": curves(30),
        "between $classes$": curves(5, 1),
        "one": curves(1, 2),
        "four": curves(2, 3),
    }
    figure = profiles.profile_curves(found, what="style loss")
    panels = [axes for axes in figure.axes if axes.get_visible()]
    assert [axes.get_title(loc="left") for axes in panels] == [
        "within  (30)", "between $classes$  (5)", "one  (1)", "four  (2)",
    ]  # fmt: skip
    for axes, values, drawn in zip(panels, found.values(), (20, 5, 1, 2), strict=True):
        *single, mean = axes.get_lines()
        assert len(single) == drawn
        np.testing.assert_allclose(mean.get_ydata(), values.mean(axis=0))
        assert all(any(np.array_equal(line.get_ydata(), path) for path in values) for line in single)
    band = panels[0].collections[0].get_paths()[0].vertices
    ends = [(each.low, each.high) for each in profile_results(found["within"])]
    assert band[:, 1].max() == pytest.approx(max(high for _, high in ends))
    assert band[:, 1].min() == pytest.approx(min(low for low, _ in ends))
    assert len({axes.get_ylim() for axes in panels}) == 1
    assert "between $classes$" in style.svg(figure)
    apart = profiles.profile_curves(found, shared=False)
    assert len({axes.get_ylim() for axes in apart.axes if axes.get_visible()}) == 4


def test_paths_that_stand_still_can_be_drawn():
    figure = profiles.profile_curves({"still": np.zeros((3, 2))})
    assert figure.axes[0].get_ylim() == (0, 1)


@pytest.mark.parametrize(
    ("found", "message"),
    [({}, "but got none"), ({"a": np.zeros(3)}, "'a'"), ({"a": np.full((2, 2), np.nan)}, "not finite")],
)
def test_what_is_no_set_of_profiles_is_refused(found, message):
    with pytest.raises(ValueError, match=message):
        profiles.profile_curves(found)


def test_every_path_is_a_dot():
    ratio, index = curves(8, steps=1)[:, 0], curves(8, 1, steps=1)[:, 0]
    figure = profiles.shape_against_dissolve(ratio, index, {"a": np.arange(3), "b": np.arange(8) > 2})
    dots = np.concatenate([each.get_offsets() for each in figure.axes[0].collections])
    np.testing.assert_allclose(dots, np.stack([index, ratio], axis=1))
    assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == ["a", "b"]
    with pytest.raises(ValueError, match="but got none"):
        profiles.shape_against_dissolve(np.full(2, np.nan), index[:2])
