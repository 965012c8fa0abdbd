"""Every command of the path language, by hand and against formulas."""

import numpy as np
import pytest

from zscape.data.svg_paths import PathError, path_lines


def ends(text: str) -> list[list[list[float]]]:
    """Only the first and last point of each line."""
    return [line[[0, -1]].round(6).tolist() for line in path_lines(text)]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("M1 2L3 4", [[[1, 2], [3, 4]]]),
        ("m1 2l3 4", [[[1, 2], [4, 6]]]),
        ("M1,2 3,4 5,6", [[[1, 2], [3, 4], [5, 6]]]),
        ("m1,2 3,4 5,6", [[[1, 2], [4, 6], [9, 12]]]),
        ("M1 2H5V7h-1v-1", [[[1, 2], [5, 2], [5, 7], [4, 7], [4, 6]]]),
        ("M0 0H1 2 3", [[[0, 0], [1, 0], [2, 0], [3, 0]]]),
        ("M0 0L1 0 1 1Z", [[[0, 0], [1, 0], [1, 1], [0, 0]]]),
        ("M0 0L1 0ZL0 5", [[[0, 0], [1, 0], [0, 0]], [[0, 0], [0, 5]]]),
        ("M1 1l1 0zm2 2l1 0", [[[1, 1], [2, 1], [1, 1]], [[3, 3], [4, 3]]]),
        ("M0 0M5 5L6 6M9 9", [[[5, 5], [6, 6]]]),
        ("M.5.5-1-.5", [[[0.5, 0.5], [-1, -0.5]]]),
        ("M1e1-2E-1l+1 0", [[[10, -0.2], [11, -0.2]]]),
        ("  M 0 , 0 \n L\t1 1 ", [[[0, 0], [1, 1]]]),
        ("", []),
    ],
)
def test_straight_lines(text, lines):
    assert [line.tolist() for line in path_lines(text)] == lines


def test_cubic_curves_follow_their_formula():
    line = path_lines("M0 0C0 3 4 3 4 0")[0]
    t = np.linspace(0, 1, len(line))[:, None]
    points = np.array([[0, 0], [0, 3], [4, 3], [4, 0]], dtype=float)
    weights = np.concatenate([(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3], axis=1)
    assert np.allclose(line, weights @ points)
    assert np.allclose(path_lines("M1 1c0 3 4 3 4 0")[0], line + 1)


def test_quadratic_curves_follow_their_formula():
    line = path_lines("M0 0Q2 4 4 0")[0]
    t = np.linspace(0, 1, len(line))[:, None]
    assert np.allclose(line, 2 * t * (1 - t) * [2, 4] + t**2 * [4, 0])
    assert np.allclose(path_lines("M1 1q2 4 4 0")[0], line + 1)


def test_smooth_curves_mirror_the_control_point_before():
    assert np.allclose(
        path_lines("M0 0C0 3 4 3 4 0S8-3 8 0")[0], path_lines("M0 0C0 3 4 3 4 0C4-3 8-3 8 0")[0]
    )
    assert np.allclose(
        path_lines("M0 0c0 3 4 3 4 0s4-3 4 0")[0], path_lines("M0 0C0 3 4 3 4 0C4-3 8-3 8 0")[0]
    )
    assert np.allclose(
        path_lines("M0 0Q2 4 4 0T8 0T12 0")[0], path_lines("M0 0Q2 4 4 0Q6-4 8 0Q10 4 12 0")[0]
    )
    # Without a curve of the same kind before, the control point is where the pen is.
    assert np.allclose(path_lines("M0 0L4 0S8 4 8 0")[0], path_lines("M0 0L4 0C4 0 8 4 8 0")[0])
    assert np.allclose(path_lines("M0 0C0 3 4 3 4 0T8 0")[0], path_lines("M0 0C0 3 4 3 4 0Q4 0 8 0")[0])


@pytest.mark.parametrize(
    ("flags", "centre", "way"),
    [("0 0", (1, 0), 0.5), ("0 1", (0, 1), 0.5), ("1 0", (0, 1), 1.5), ("1 1", (1, 0), 1.5)],
)
def test_arcs_of_a_circle(flags, centre, way):
    line = path_lines(f"M0 0A1 1 0 {flags} 1 1")[0]
    assert np.allclose(np.hypot(*(line - centre).T), 1)
    assert np.allclose(line[-1], [1, 1])
    length = np.hypot(*np.diff(line, axis=0).T).sum()
    assert length == pytest.approx(way * np.pi, rel=1e-3)


def test_arcs_of_an_ellipse():
    line = path_lines("M-2 0A2 1 0 0 1 2 0")[0]
    assert np.allclose((line[:, 0] / 2) ** 2 + line[:, 1] ** 2, 1)
    assert line[:, 1].min() == pytest.approx(-1, abs=1e-2)  # a sweep of 1 goes clockwise, so over the top
    turned = path_lines("M0-2A2 1 90 0 1 0 2")[0]
    assert np.allclose(turned[:, 0] ** 2 + (turned[:, 1] / 2) ** 2, 1)
    assert np.allclose(path_lines("M5 5a2 1 0 0 1 4 0")[0], line + np.array([7, 5]))


def test_arcs_out_of_range_as_the_standard_has_them():
    assert path_lines("M0 0A0 5 0 0 1 3 3")[0].tolist() == [[0, 0], [3, 3]]
    assert path_lines("M1 1A5 5 0 0 1 1 1")[0].tolist() == [[1, 1], [1, 1]]
    # Too small a radius is made large enough: half a circle of radius 5.
    line = path_lines("M0 0A1 1 0 0 1 10 0")[0]
    assert np.allclose(np.hypot(*(line - [5, 0]).T), 5)
    assert np.allclose(path_lines("M0 0A-5-5 0 0 1 10 0")[0], line)


def test_flags_of_an_arc_need_no_gap():
    assert np.allclose(path_lines("M0 0a1 1 0 01.5.5")[0], path_lines("M0 0a1 1 0 0 1 0.5 0.5")[0])
    assert ends("M0 0a1 1 0 111 1 1 1 0 001 1") == [[[0, 0], [2, 2]]]


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("L1 1", "needs to begin with M"),
        ("5 5", "no command"),
        ("M1", "'M' needs 2 numbers"),
        ("M0 0L1", "'L' needs 2 numbers"),
        ("M0 0C1 1 2 2", "'C' needs 6 numbers"),
        ("M0 0A1 1 0 2 0 1 1", "'A' needs 7 numbers"),
        ("M0 0X1 1", "no command"),
        ("M0 0Z5", "no command"),
        ("M0 0L1 1;", "no command|needs"),
        ("M0 0 é", "no command"),
    ],
)
def test_paths_that_are_none_are_refused(text, match):
    with pytest.raises(PathError, match=match):
        path_lines(text)
