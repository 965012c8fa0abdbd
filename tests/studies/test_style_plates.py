import numpy as np
import pytest
from matplotlib.collections import PathCollection

from zscape.report import style
from zscape.studies.style_plates import lines, planes


def test_panels_of_lines_have_one_scale_that_holds_all():
    panels = {
        "AE": {"graph": [1.0, 2.0], "floor": [0.5, 0.5]},
        "VAE": {"graph": [3.0, 9.0], "floor": [1.0, 1.0]},
    }
    figure = lines(panels, across="step", up="rms", start=0, plain=("floor",))
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["AE", "VAE"]
    for axes, part in zip(figure.axes, panels.values(), strict=True):
        assert axes.get_ylim() == pytest.approx((0, 9.45))
        for line, values in zip(axes.lines, part.values(), strict=True):
            np.testing.assert_array_equal(line.get_ydata(), values)
            np.testing.assert_array_equal(line.get_xdata(), [0, 1])
    # A name has one look in all panels.
    assert len({axes.lines[0].get_color() for axes in figure.axes}) == 1
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["graph", "floor"]
    assert style.png(figure)[:4] == b"\x89PNG"


def test_codes_are_drawn_a_panel_a_model_and_spare_panels_are_not():
    rng = np.random.default_rng(0)
    points = {name: rng.normal(size=(30, 2)) for name in ("AE", "VAE", "beta-VAE", "triplet VAE", "AAE")}
    figure = planes(points, np.repeat([0, 2], 15), ("baroque", "romanticism"))
    shown = [axes for axes in figure.axes if axes.get_visible()]
    assert len(figure.axes) == 8
    assert [axes.get_title(loc="left") for axes in shown] == list(points)
    for axes, every in zip(shown, points.values(), strict=True):
        (cloud,) = (part for part in axes.collections if isinstance(part, PathCollection))
        np.testing.assert_array_equal(np.asarray(cloud.get_offsets()), every)
        assert len(np.unique(cloud.get_facecolors(), axis=0)) == 2
    # A class without a name is shown by its number.
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["baroque", "2"]
