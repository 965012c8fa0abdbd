"""What is drawn is what was given."""

import io

import numpy as np
import pytest
from matplotlib.colors import to_hex
from PIL import Image

from zscape.report import figures, style


def history(rows=200, terms=("reconstruction", "kl"), **columns):
    step = np.arange(1.0, rows + 1)
    split = np.where(np.arange(rows) % 10 == 9, "validation", "train")
    found = {"step": step, "epoch": step // 50, "split": split, "total": 1000 / step**2 + 20 + step / 1000}
    found |= {name: found["total"] / 2 for name in terms} | {
        f"{name}.weight": np.ones(rows) for name in terms
    }
    return found | columns


def visible(figure):
    return [axes for axes in figure.axes if axes.get_visible()]


def drawn(axes, name):
    return next(line for line in axes.get_lines() if line.get_label() == name).get_xydata()


def test_curves_are_the_history():
    few = history(rows=50)
    figure = figures.learning_curves(few)
    panels = visible(figure)
    assert [axes.get_title(loc="left") for axes in panels] == ["total", "reconstruction × 1", "kl × 1"]
    for split in ("train", "validation"):
        rows = few["split"] == split
        expected = np.stack([few["step"][rows], few["kl"][rows]], axis=1)
        np.testing.assert_array_equal(drawn(panels[2], split), expected)
    assert panels[0].get_ylabel() == "nats per sample"


def test_kept_model_is_the_lowest_validation_total():
    found = history(rows=50)
    rows = found["split"] == "validation"
    best = found["total"][rows].min()
    panel = visible(figures.learning_curves(found))[0]
    assert drawn(panel, "lowest, kept")[0, 1] == best


def test_many_training_values_get_their_running_mean():
    found = history(rows=400)
    rows = found["split"] == "train"
    line = drawn(visible(figures.learning_curves(found))[0], "train")
    width = rows.sum() // 30
    assert len(line) == rows.sum() - width + 1
    np.testing.assert_allclose(line[0, 1], found["total"][rows][:width].mean())


def test_start_is_left_out_only_where_it_would_squeeze_the_rest():
    steep, flat = history(), history(total=np.linspace(3, 2, 200))
    low, high = visible(figures.learning_curves(steep))[0].get_ylim()
    assert high < 25 < steep["total"].max()
    assert low < steep["total"].min()
    low, high = visible(figures.learning_curves(flat))[0].get_ylim()
    assert low < 2 < 3 < high


def test_scheduled_weight_and_rate_are_shown():
    weights = np.minimum(1, np.arange(200) / 100)
    rate = np.where(np.arange(200) % 10 == 9, np.nan, np.linspace(1e-3, 1e-4, 200))
    found = history(**{"kl.weight": weights, "rate": rate})
    titles = [axes.get_title(loc="left") for axes in visible(figures.learning_curves(found))]
    assert titles == ["total", "reconstruction × 1", "kl × 0 to 1", "learning rate"]


def test_constant_rate_with_empty_cells_is_not_drawn():
    rate = np.where(np.arange(200) % 10 == 9, np.nan, 1e-3)
    assert len(visible(figures.learning_curves(history(rate=rate)))) == 3


def test_curves_of_one_row_and_with_gaps():
    assert style.png(figures.learning_curves(history(rows=1)))
    gaps = history(kl=np.where(np.arange(200) % 3 == 0, np.nan, 1.0))
    assert style.png(figures.learning_curves(gaps))
    nothing = history(kl=np.full(200, np.nan))
    assert style.png(figures.learning_curves(nothing))


def test_curves_of_a_critic_have_a_panel():
    found = history(rows=20)
    found["kl.critic"] = np.ones(20)
    assert visible(figures.learning_curves(found))[-1].get_title(loc="left") == "kl.critic"


@pytest.mark.parametrize("empty", [{}, {"step": np.empty(0)}])
def test_curves_need_rows(empty):
    with pytest.raises(ValueError, match="at least one row"):
        figures.learning_curves(empty)


def test_map_draws_every_point_in_the_colour_of_its_class():
    points = np.random.default_rng(0).normal(size=(50, 2))
    labels = np.arange(50) % 3
    axes = figures.latent_map(points, labels, ("a", "b", "c")).axes[0]
    dots = axes.collections[0]
    colour_of = {
        tuple(point): to_hex(colour)
        for point, colour in zip(dots.get_offsets(), dots.get_facecolors(), strict=True)
    }
    assert len(colour_of) == 50
    for point, label in zip(points, labels, strict=True):
        assert colour_of[tuple(point)] == style.palette(3)[label]


def test_map_has_one_scale_and_holds_all_points():
    points = np.random.default_rng(0).normal(size=(50, 2)) * (10, 1)
    figure = figures.latent_map(points)
    axes = figure.axes[0]
    box = axes.get_window_extent()
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    np.testing.assert_allclose((right - left) / box.width, (high - low) / box.height)
    assert left < points[:, 0].min() < points[:, 0].max() < right
    assert low < points[:, 1].min() < points[:, 1].max() < high


def test_map_names_classes_by_name_or_number_unparsed():
    points = np.random.default_rng(0).normal(size=(40, 2))
    axes = figures.latent_map(points, np.arange(40) % 4, ("$x$", "<b>", "a" * 40)).axes[0]
    assert [text.get_text() for text in axes.texts] == ["$x$", "<b>", "a" * 17 + "…", "3"]


def test_map_of_very_many_classes_names_none():
    points = np.random.default_rng(0).normal(size=(345, 2))
    assert not figures.latent_map(points, np.arange(345)).axes[0].texts


def test_map_of_many_points_stays_small():
    rng = np.random.default_rng(0)
    drawing = style.svg(figures.latent_map(rng.normal(size=(20_000, 2)), rng.integers(0, 10, 20_000)))
    assert len(drawing) < 1_200_000


@pytest.mark.parametrize("points", [np.zeros((3, 2)), np.ones((1, 2))])
def test_map_of_equal_points(points):
    assert style.png(figures.latent_map(points, np.zeros(len(points), dtype=int)))


@pytest.mark.parametrize("points", [np.empty((0, 2)), np.array([[0.0, np.nan]])])
def test_map_needs_finite_points(points):
    with pytest.raises(ValueError, match="finite codes"):
        figures.latent_map(points)


def test_line_has_a_row_a_class_from_the_top():
    points = np.random.default_rng(0).normal(size=60)
    axes = figures.latent_line(points, np.arange(60) % 3, ("a", "b", "c")).axes[0]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["c", "b", "a"]
    assert len(axes.patches) == 3


def test_line_without_labels_and_of_many_classes_is_one_row():
    points = np.random.default_rng(0).normal(size=345)
    assert len(figures.latent_line(points).axes[0].patches) == 1
    assert len(figures.latent_line(points, np.arange(345)).axes[0].patches) == 1
    assert style.png(figures.latent_line(np.zeros(1)))


def test_line_draws_the_prior_on_the_scale_of_the_histogram():
    points = np.random.default_rng(0).normal(size=100_000)
    axes = figures.latent_line(points).axes[0]
    values, edges, _ = axes.patches[0].get_data()
    prior = axes.get_lines()[0].get_xydata()
    middle = np.interp((edges[1:] + edges[:-1]) / 2, *prior.T)
    assert np.abs(values - middle).max() < 0.05


def test_two_classes_of_one_name_keep_their_rows():
    axes = figures.latent_line(np.arange(10.0), np.arange(10) % 2, ("same", "same")).axes[0]
    assert len(axes.patches) == 2


def test_spectrum_draws_shares_and_says_how_many_hold_95_percent():
    ratios = np.array([0.6, 0.3, 0.05, 0.05])
    left, right = figures.spectrum(ratios, ratios - 0.01, ratios + 0.02).axes
    np.testing.assert_allclose([bar.get_height() for bar in left.patches], 100 * ratios)
    np.testing.assert_allclose(right.get_lines()[0].get_ydata(), [60, 90, 95, 100])
    assert right.texts[0].get_text() == "3 of 4 hold 95 %"


def test_spectrum_of_nothing_that_varies():
    figure = figures.spectrum(np.zeros(3))
    assert figure.axes[1].texts[0].get_text() == "nothing varies"


def test_spectrum_whose_interval_misses_the_estimate():
    ratios = np.array([0.7, 0.3])
    assert style.png(figures.spectrum(ratios, ratios + 0.01, ratios + 0.02))


def test_factor_maps_have_a_panel_a_factor():
    points = np.random.default_rng(0).normal(size=(30, 2))
    factors = {name: np.arange(30) % 3 for name in ("shape", "scale", "x", "y")}
    figure = figures.factor_maps(points, factors)
    titles = [axes.get_title(loc="left") for axes in visible(figure)]
    assert [title for title in titles if title] == ["shape", "scale", "x", "y"]
    assert Image.open(io.BytesIO(style.png(figure))).size[0] == round(200 * style.WIDTH)


def test_spread_leaves_what_does_not_overlap():
    centres = np.array([[0.0, 0.0], [10.0, 0.0]])
    np.testing.assert_array_equal(figures.spread(centres, np.full((2, 2), 4.0)), centres)


def test_spread_moves_a_pair_half_the_way_each():
    centres = np.array([[0.0, 0.0], [3.0, 0.5]])
    moved = figures.spread(centres, np.full((2, 2), 4.0))
    np.testing.assert_allclose(moved, [[-0.5, 0.0], [3.5, 0.5]])
    np.testing.assert_array_equal(centres, [[0.0, 0.0], [3.0, 0.5]])


def test_spread_of_many_at_one_place_ends_without_overlaps():
    moved = figures.spread(np.zeros((12, 2)), np.tile([20.0, 15.0], (12, 1)))
    gaps = np.abs(moved[:, None] - moved[None])
    overlaps = (gaps < np.array([20.0, 15.0]) - 1e-3).all(axis=-1)
    assert overlaps.sum() == 12
