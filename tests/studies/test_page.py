import io
import json

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

import zscape
from zscape.studies import page as pages
from zscape.studies.evidence import Finding, Row
from zscape.studies.keeping import remembered
from zscape.studies.order import Order


@pytest.fixture
def page(tmp_path):
    made = pages.Page(Order("diverse-sampling", "smoke", tmp_path), "A title")
    made.introduce("What it is about.")
    made.findings.append(Finding("It is so", "holds", "0.1 against 0.2"))
    made.rows.append(Row("A1", "distance", 0.1, None, None, 10, (0,)))
    return made


def picture():
    figure = Figure(figsize=(2, 1))
    figure.add_subplot().plot([0, 1], [0, 1])
    return figure


def test_a_page_has_its_parts_in_order(page, tmp_path):
    page.head("Set-up")
    page.tell(
        """
        - one
          more
        """
    )
    page.table(("set", "value"), [("A1", 0.5)])
    page.picture("cloud", picture(), alt="a cloud", caption="A caption.")
    assert page.write() == tmp_path / "page" / "index.md"
    text = (tmp_path / "page" / "index.md").read_text("utf-8")
    parts = [
        "# A title", "its verdicts are no evidence",
        "What it is about.", "## In short", "| It is so | **holds** | 0.1 against 0.2 |",
        "## Set-up", "- one\n  more\n", "| A1 | 0.5 |", "![a cloud](cloud.png)", "*A caption.*",
        "## How this page was made", f"zscape {zscape.__version__}",
        "zscape study diverse-sampling --scale smoke",
    ]  # fmt: skip
    places = [text.index(part) for part in parts]
    assert places == sorted(places)
    with Image.open(tmp_path / "page" / "cloud.png") as made:
        assert made.size == (400, 200)


def test_results_are_rows(page, tmp_path):
    page.write()
    found = json.loads((tmp_path / "page" / "results.json").read_text("utf-8"))
    assert found == {
        "rows": [
            {
                "setting": "A1", "measure": "distance", "value": 0.1, "low": None, "high": None, "n": 10,
                "seeds": [0], "paper": None, "verdict": "",
            }
        ]
    }  # fmt: skip


def test_what_a_table_holds_of_rows_is_kept_in_order(page):
    before = list(page.rows)
    first, second = (Row("A2", measure, 0.2, None, None, 10, (0,)) for measure in ("distance", "radius"))
    page.table(("set", "distance", "radius"), [("A2", first, second), ("none", "", 0.1)])
    assert page.rows == [*before, first, second]


def test_pictures_of_an_earlier_page_are_removed_and_other_files_left(page, tmp_path):
    folder = tmp_path / "page"
    folder.mkdir()
    for name in ("old.png", "notes.txt"):
        (folder / name).write_text("x")
    page.write()
    assert sorted(path.name for path in folder.iterdir()) == ["index.md", "notes.txt", "results.json"]


def test_a_table_escapes_bars():
    lines = pages.table(("a", "b", "c"), [("|z|", 1, 2)], left=2).splitlines()
    assert lines == ["| a | b | c |", "| --- | --- | ---: |", "| \\|z\\| | 1 | 2 |"]


def test_a_small_picture_is_left_alone():
    content = b"x" * pages.LARGEST
    assert pages.small_png(content) is content


def test_a_large_picture_is_made_small_and_stays_a_picture():
    noise = np.random.default_rng(0).integers(0, 256, (700, 900, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, "png")
    small = pages.small_png(buffer.getvalue())
    assert len(small) <= pages.LARGEST < len(buffer.getvalue())
    made = Image.open(io.BytesIO(small))
    assert made.width / made.height == pytest.approx(9 / 7, rel=0.01)


def test_a_page_of_what_older_code_measured_says_so(page):
    order = page.order
    here = f"Made at commit {order.commit} with"
    assert here in page.write().read_text("utf-8")
    remembered(order.kept / "one.json", {}, lambda: 0, commit=order.commit)
    assert here in page.write().read_text("utf-8")
    remembered(order.kept / "one.json", {"other": 1}, lambda: 0, commit="older")
    assert f"Measured at commit older, written at {order.commit}, with" in page.write().read_text("utf-8")
