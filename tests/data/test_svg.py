"""Shapes and transforms in SVG files, and files that are refused."""

import numpy as np
import pytest

import zscape as zs
from zscape.data.svg import read_svg
from zscape.errors import DataError

HEAD = '<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 10 10">'


@pytest.fixture
def lines(tmp_path):
    """Reads the body of an SVG."""

    def read(body: str, head: str = HEAD) -> list[list[list[float]]]:
        path = tmp_path / "a.svg"
        path.write_text(f"{head}{body}</svg>", encoding="utf-8")
        return [np.round(line, 6).tolist() for line in read_svg(path)]

    return read


def test_shapes_in_their_order(lines):
    assert lines(
        '<polyline points="0,0 1,1 2 0"/><path d="M5 5L6 6"/><polygon points="0 0 1 0 1 1"/>'
        '<line x1="1" y1="2" x2="3px" y2="4"/><rect x="1" y="1" width="2" height="3"/><line y2="1"/>'
    ) == [
        [[0, 0], [1, 1], [2, 0]],
        [[5, 5], [6, 6]],
        [[0, 0], [1, 0], [1, 1], [0, 0]],
        [[1, 2], [3, 4]],
        [[1, 1], [3, 1], [3, 4], [1, 4], [1, 1]],
        [[0, 0], [0, 1]],
    ]


def test_circles_and_ellipses(lines):
    circle, ellipse = (
        np.array(line) for line in lines('<circle cx="1" cy="2" r="3"/><ellipse rx="2" ry="1"/>')
    )
    assert np.allclose(np.hypot(*(circle - [1, 2]).T), 3)
    assert np.allclose(circle[0], circle[-1])
    assert np.allclose((ellipse[:, 0] / 2) ** 2 + ellipse[:, 1] ** 2, 1)


@pytest.mark.parametrize(
    ("transform", "point"),
    [
        ("translate(10)", [11, 2]),
        ("translate(10, 20)", [11, 22]),
        ("scale(2)", [2, 4]),
        ("scale(2 3)", [2, 6]),
        ("rotate(90)", [-2, 1]),
        ("rotate(90 1 1)", [0, 1]),
        ("skewX(45)", [3, 2]),
        ("skewY(45)", [1, 3]),
        ("matrix(1 2 3 4 5 6)", [12, 16]),
        ("translate(10 0) scale(2)", [12, 4]),
        ("scale(2),translate(10 0)", [22, 4]),
        ("", [1, 2]),
    ],
)
def test_transforms(lines, transform, point):
    assert lines(f'<line x1="1" y1="2" transform="{transform}"/>')[0][0] == pytest.approx(point)
    assert lines(f'<g transform="{transform}"><line x1="1" y1="2"/></g>')[0][0] == pytest.approx(point)


def test_groups_nest_and_end(lines):
    inner = '<g transform="translate(1 0)"><line x1="1"/></g>'
    body = f'<g transform="scale(2)">{inner}<line x1="1"/></g><line x1="1"/>'
    assert [line[0] for line in lines(body)] == [[4, 0], [2, 0], [1, 0]]


def test_what_is_not_drawn_is_passed_by(lines):
    body = (
        "<title>a &amp; b</title><defs><path d='M0 0L9 9'/><g><line x2='1'/></g></defs>"
        "<clipPath><rect/></clipPath>"
        "<text>hello</text><metadata><x:y xmlns:x='u'/></metadata><line x2='1'/><path/><polyline/>"
    )
    assert lines(body) == [[[0, 0], [1, 0]]]


def test_a_prefix_of_the_name_space_does_not_matter(tmp_path):
    path = tmp_path / "a.svg"
    path.write_text('<s:svg xmlns:s="http://www.w3.org/2000/svg"><s:line x2="1"/></s:svg>', encoding="utf-8")
    assert len(read_svg(path)) == 1


def test_a_plain_doctype_is_read_and_not_fetched(lines):
    doctype = '<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://localhost:1/svg11.dtd"><svg>'
    assert lines("<line x2='1'/>", head=doctype) == [[[0, 0], [1, 0]]]


@pytest.mark.parametrize(
    "entity",
    [
        '<!ENTITY a "aaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">',
        '<!ENTITY a SYSTEM "file:///etc/passwd">',
        '<!ENTITY % a SYSTEM "http://localhost:1/a">',
    ],
)
def test_entities_are_refused(lines, entity):
    with pytest.raises(DataError, match=r"a\.svg .*it defines the entity 'a', which is never expanded"):
        lines("<title>&a;</title>", head=f"<!DOCTYPE svg [{entity}]><svg>")


@pytest.mark.parametrize(
    ("body", "match"),
    [
        ("<path d='M0 0L1'/>", r"a\.svg has a drawing at line 2 .*'L' needs 2 numbers"),
        ("<polyline points='1 2 3'/>", "needs 2 numbers"),
        ("<line x1='50%'/>", "x1 needs to be a number in the file's own units, but is '50%'"),
        ("<rect width='1cm'/>", "but is '1cm'"),
        ("<g transform='turn(5)'/>", r"turn\(5\) is no transform that SVG knows"),
        ("<g transform='scale(1 2 3)'/>", "is no transform"),
        ("<g transform='scale(a)'/>", "needs numbers"),
        ("<g transform='scale'/>", "'scale' is no transform"),
        ("<line x1='1e999'/>", "'1e999' is not below"),
        ("<path d='M0 0A1e999 1 0 0 1 9 9'/>", "'1e999' is not below"),
        ("<g transform='rotate(1e400)'/>", r"a\.svg has a drawing at line 2 .*'1e400' is not below"),
        ("<g transform='scale(1e8)'><line x1='1000'/></g>", "line has a point that is not below"),
        ("<g transform='scale(1e8)'>" * 50 + "<line x1='1'/>" + "</g>" * 50, "line has a point that is not"),
        (f"<g transform='{'turn' * 5000}(5)'/>", r"(turn){10}\.\.\.\(5\) is no transform that SVG knows"),
        ("<g>", "no SVG file, or is cut short"),
    ],
)
def test_files_that_cannot_be_read_are_named(lines, body, match):
    with pytest.raises(DataError, match=match):
        lines(body)


@pytest.mark.parametrize("encoding", ["foo", "gb2312", "shift_jis", "hex"])
def test_an_encoding_that_cannot_be_read_is_named(lines, encoding):
    with pytest.raises(DataError, match=r"a\.svg is in an encoding that cannot be read \(.*save it as UTF-8"):
        lines("<line x2='1'/>", head=f'<?xml version="1.0" encoding="{encoding}"?><svg>')


def test_numbers_are_looked_for_in_one_pass(lines):
    """A pattern that tries every way to share out the digits needs minutes for these."""
    digits = "1" * 1_000_000
    with pytest.raises(DataError, match="r needs to be a number"):
        lines(f"<circle r='{digits}x'/>")
    with pytest.raises(DataError, match="needs numbers"):
        lines(f"<g transform='scale({digits}x)'/>")
    assert lines(f"<g transform='{'scale(1)' * 10_000}'><line x2='1'/></g>") == [[[0, 0], [1, 0]]]


def test_no_xml_is_refused(tmp_path):
    for number, data in enumerate((b"", b"\x00\x01", b"hello", b"\x89PNG")):
        path = tmp_path / f"{number}.svg"
        path.write_bytes(data)
        with pytest.raises(DataError, match="no SVG file"):
            read_svg(path)
    with pytest.raises(DataError, match="cannot be read"):
        read_svg(tmp_path / "missing.svg")


def test_a_sheet_of_ours_is_read_without_its_paper(tmp_path):
    drawing = np.array([[3, 0, 0, 1, 0], [0, 4, 1, 0, 0], [3, 0, 0, 1, 0], [0, 0, 0, 0, 1]], np.float32)
    path = tmp_path / "drawing.svg"
    path.write_text(zs.drawing.svg(drawing), encoding="utf-8")
    first, second = read_svg(path)
    assert len(first) == 2
    np.testing.assert_allclose(np.diff(second, axis=0) / np.ptp(first[:, 0]) * 3, [[3, 0]], atol=1e-3)
