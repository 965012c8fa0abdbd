"""Colours can be told apart, nothing global is touched, and drawings go into a page without clashes."""

import io
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image
from skimage.color import rgb2lab

from zscape.report import style


def draw(title="title", count=3):
    with style.styled():
        figure = Figure(figsize=(3, 2))
        axes = figure.add_subplot()
        axes.plot(np.arange(count), color=style.TRAIN)
        axes.set_title(title)
    return figure


def seen_by(colours, kind):
    """CIELAB as a dichromat sees it, by Viénot, Brettel and Mollon (1999), not as the palette was made."""
    rgb = np.array([[int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)] for colour in colours])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    mixed = {
        "normal": np.eye(3),
        "protan": np.array([[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]]),
        "deutan": np.array([[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]]),
    }[kind]
    linear = np.clip(linear @ mixed.T, 0, 1)
    return rgb2lab(np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055))


@pytest.mark.parametrize("kind", ["normal", "protan", "deutan"])
@pytest.mark.parametrize("count", [2, 8, 10, 20])
def test_palette_can_be_told_apart(kind, count):
    lab = seen_by(style.palette(count), kind)
    gaps = np.linalg.norm(lab[:, None] - lab[None], axis=-1)[~np.eye(count, dtype=bool)]
    # A difference of 2.3 is just noticeable.
    assert gaps.min() > (11 if count <= 10 else 5)


@pytest.mark.parametrize("paper", ["#ffffff", "#14171b"])
def test_palette_shows_on_light_and_dark(paper):
    lab = seen_by([paper, *style.palette(20)], "normal")
    assert np.linalg.norm(lab[1:] - lab[0], axis=-1).min() > 25


def test_palette_repeats_for_very_many():
    assert len(style.palette(345)) == 345
    assert style.palette(345)[20] == style.palette(345)[0]


@pytest.mark.parametrize(
    ("text", "shown"),
    [("a\x00b", "a b"), ("\n", ""), (7, "7"), ("$x^2$", "$x^2$"), ("ab\u202ecd", "ab cd"), ("汉字", "汉字")],
)
def test_label_is_one_plain_line(text, shown):
    assert style.label(text) == shown


def test_settings_of_matplotlib_are_left_alone():
    before = dict(matplotlib.rcParams)
    style.png(draw())
    style.svg(draw())
    assert dict(matplotlib.rcParams) == before


def test_settings_of_the_user_do_not_leak_in():
    plain = style.svg(draw())
    with matplotlib.rc_context({"axes.facecolor": "red", "font.size": 30, "svg.fonttype": "path"}):
        assert style.svg(draw()) == plain


def test_pyplot_is_not_needed():
    code = "import sys; import zscape.report.page; print('matplotlib.pyplot' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"


def test_same_figure_gives_same_bytes():
    assert style.svg(draw()) == style.svg(draw())
    assert style.png(draw()) == style.png(draw())
    assert style.svg(draw()) != style.svg(draw(title="other"))


def test_png_is_200_dots_per_inch():
    assert Image.open(io.BytesIO(style.png(draw()))).size == (600, 400)


def test_inline_takes_the_colours_of_the_page():
    element = style.inline(style.svg(draw()), name="one", description="what is seen")
    assert "var(--ink)" in element
    assert "var(--train)" in element
    assert "var(--surface)" in element
    for colour in (style.INK, style.MUTED, style.RULE, style.SURFACE, style.TRAIN):
        assert colour not in element


def test_inline_figures_do_not_clash():
    drawing = style.svg(draw())
    elements = [style.inline(drawing, name=name, description="d") for name in ("one", "two")]
    ids = [re.findall(r' id="([^"]+)"', element) for element in elements]
    assert not set(ids[0]) & set(ids[1])
    for element, own in zip(elements, ids, strict=True):
        targets = re.findall(r'url\(#([^)]+)\)|href="#([^"]+)"', element)
        assert targets
        assert {one or other for one, other in targets} <= set(own)


def test_inline_refers_to_nothing_outside():
    assert "http" not in style.inline(style.svg(draw()), name="one", description="d")


def test_inline_escapes_text_and_description():
    nasty = '--></svg><script>alert("1")</script>&amp;'
    element = style.inline(style.svg(draw(title=nasty)), name="one", description='"><script>')
    assert "<script" not in element
    root = ElementTree.fromstring(element)
    assert root.get("aria-label") == '"><script>'
    assert nasty in [text.text for text in root.iter("text")]


def test_glyphs_that_the_font_lacks_do_not_warn():
    figure = draw(title="汉字")
    assert style.png(figure)
    assert "汉字" in style.svg(figure)
