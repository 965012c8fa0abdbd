"""Drawings that draw themselves: the times of lines, and frames against bitmaps."""

import io
import itertools
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from PIL import Image

from zscape import drawing
from zscape.drawing._fitted import fitted

SVG = "{http://www.w3.org/2000/svg}"


def frames(content):
    image = Image.open(io.BytesIO(content))
    pictures, durations = [], []
    for index in range(image.n_frames):
        image.seek(index)
        pictures.append(np.asarray(image.convert("L")).astype(float))
        durations.append(image.info["duration"])
    return pictures, durations, image.info["loop"]


def test_the_pen_keeps_its_speed_up_or_down(pen):
    # 3 down, 4 up, 5 down: 12 in all.
    clock = fitted(pen([[(0, 0), (3, 0)], [(3, 4), (0, 0)]])).clock
    np.testing.assert_allclose(clock[:, :4], [[0, 3 / 12, 7 / 12, 1]])


def test_lines_follow_one_another_and_end_before_the_pause(pen):
    x = pen([[(0, 0), (3, 0)], [(3, 4), (0, 0)]])
    root = ElementTree.fromstring(drawing.animation(x, 1, seconds=8))
    changes = list(root.iter(f"{SVG}animate"))
    assert [change.attrib["keyTimes"] for change in changes] == [
        "0;0.0000;0.0000;0.1875;1",
        "0;0.4375;0.4375;0.7500;1",
    ]
    assert {change.attrib["values"] for change in changes} == {"2;2;1;0;0"}
    assert {change.attrib["dur"] for change in changes} == {"8s"}
    paths = list(root.iter(f"{SVG}path"))
    assert all(path.attrib["pathLength"] == "1" for path in paths)
    # Without motion the whole line is seen: no offset is set but by the animation.
    assert not any("stroke-dashoffset" in path.attrib for path in paths)


def test_a_dot_appears_when_the_pen_is_there(pen):
    root = ElementTree.fromstring(drawing.animation(pen([[(0, 0), (3, 0)], [(3, 3)]]), 1))
    _, dot = root.iter(f"{SVG}animate")
    assert dot.attrib["attributeName"] == "opacity"
    assert (dot.attrib["keyTimes"], dot.attrib["calcMode"]) == ("0;0.7500", "discrete")


def test_times_do_not_run_backwards(scribbles):
    root = ElementTree.fromstring(drawing.animation(scribbles, 4))
    for change in root.iter(f"{SVG}animate"):
        times = [float(time) for time in change.attrib["keyTimes"].split(";")]
        assert times == sorted(times)
        assert times[0] == 0
        assert len(times) == len(change.attrib["values"].split(";"))


def test_the_animation_needs_nothing_from_outside(scribbles):
    text = drawing.animation(scribbles, 4, captions=["<b>"] * 8)
    assert "script" not in text
    assert text.count("://") == 1  # the name space
    assert "prefers-reduced-motion" in text


def test_frames_grow_to_the_whole_drawing(scribbles):
    pictures, durations, loop = frames(drawing.gif(scribbles, 4, side=72, seconds=4))
    assert len(pictures) == 41
    assert loop == 0
    assert set(durations[:-1]) == {70, 80}
    assert sum(durations[:-1]) == 3000
    assert durations[-1] == 1000
    ink = [(254 - picture).sum() for picture in pictures]
    assert (np.diff(ink) > 0).all()
    for before, after in itertools.pairwise(pictures):
        assert (after <= before + 8).all()
    last = (pictures[-1][6 : 6 + 108, 6 : 6 + 108] - 30) / 224
    np.testing.assert_allclose(last, drawing.bitmaps(scribbles[:1], side=108)[0, 0], atol=0.1)


def test_half_of_a_line_is_drawn_at_half_its_time(pen):
    pictures, _, _ = frames(drawing.gif(pen([[(0, 0), (8, 0)]]), 1, side=72))
    dark = np.nonzero(pictures[20][60] < 100)[0]
    # From the margin, 6.75 dots, to the middle of 108; the edge of the sheet is 6.
    assert abs(dark.min() - 6 - 6.75) <= 2
    assert abs(dark.max() - 6 - 54) <= 2


def test_drawings_that_hold_nothing_or_one_point(pen):
    x = pen([], [[(1, 1)]])
    pictures, _, _ = frames(drawing.gif(x, 2))
    assert (pictures[0][:, :100] > 250).all()
    assert (pictures[0][:, 100:] < 100).any()
    ElementTree.fromstring(drawing.animation(x, 2))


@pytest.mark.parametrize("seconds", [0.0, -2.0, float("nan"), float("inf")])
def test_no_time_is_refused(scribbles, seconds):
    with pytest.raises(ValueError, match="seconds above 0"):
        drawing.animation(scribbles, 2, seconds=seconds)
    with pytest.raises(ValueError, match="seconds above 0"):
        drawing.gif(scribbles, 2, seconds=seconds)
