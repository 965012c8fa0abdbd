"""The page of a study: Markdown, results.json and pictures in one folder, small enough to be committed."""

from __future__ import annotations

import inspect
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from matplotlib.figure import Figure
from PIL import Image

import zscape
from zscape.files import whole_file, write_json, write_text
from zscape.report import style
from zscape.studies.evidence import Finding, Row
from zscape.studies.keeping import commits
from zscape.studies.order import Order

LARGEST = 300_000  # bytes of one picture
_SMOKE = (
    "*This is scale smoke: small pictures, small networks, seconds of work. It shows that the study runs and "
    "what its page looks like; its verdicts are no evidence on the paper.*"
)
_RULE = (
    "A verdict rests on the 95 % interval over seeds, or on the worst seed where a reason says longest or "
    "largest; it is *not decided* where the interval leaves both answers open. A claim that is tested in "
    "several ways holds, or does not, if every test says so, and *holds in part* if at least half of the "
    "tests hold; the intervals are not corrected for the number of tests."
)
_COLOURS = 256


@dataclass
class Page:
    """A page under way; nothing is written before `write`.

    Attributes:
        order: The study it is of.
        title: Its first heading.
        rows: What goes into results.json, each once: what tables hold, and what is added here.
        findings: What goes into the table of verdicts, which stands at the top.
    """

    order: Order
    title: str
    rows: list[Row] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    _before: list[str] = field(default_factory=list)
    _body: list[str] = field(default_factory=list)
    _pictures: dict[str, bytes] = field(default_factory=dict)

    def introduce(self, text: str) -> None:
        """Markdown before the verdicts; indented as code may have it."""
        self._before.append(inspect.cleandoc(text))

    def head(self, text: str) -> None:
        """The heading of a section."""
        self._body.append(f"## {text}")

    def tell(self, text: str) -> None:
        """Markdown, indented as code may have it."""
        self._body.append(inspect.cleandoc(text))

    def table(self, columns: Sequence[str], lines: Sequence[Sequence[object]]) -> None:
        """A table, first column aligned to the left, the others to the right; a `Row` in a cell is kept."""
        self.rows += [cell for line in lines for cell in line if isinstance(cell, Row)]
        self._body.append(table(columns, lines))

    def picture(self, name: str, figure: Figure | bytes, *, alt: str, caption: str) -> None:
        """A figure or the bytes of a PNG, its description for who cannot see it, and its caption."""
        content = figure if isinstance(figure, bytes) else style.png(figure)
        self._pictures[f"{name}.png"] = small_png(content)
        self._body.append(f"![{alt}]({name}.png)\n\n*{caption}*")

    def write(self) -> Path:
        """Write everything; pictures that an earlier page had and this one has not are removed.

        Returns:
            The path of index.md.
        """
        folder = self.order.page
        for name, content in self._pictures.items():
            with whole_file(folder / name) as temporary:
                temporary.write_bytes(content)
        for stale in {path.name for path in folder.glob("*.png")} - self._pictures.keys():
            (folder / stale).unlink()
        write_json(folder / "results.json", {"rows": [row.to_dict() for row in dict.fromkeys(self.rows)]})
        write_text(folder / "index.md", self._text())
        return folder / "index.md"

    def _text(self) -> str:
        verdicts = table(
            ("claim", "verdict", "because"),
            [(each.claim, f"**{each.verdict}**", each.reason) for each in self.findings],
            left=3,
        )
        command = f"zscape study {self.order.name} --scale {self.order.scale}"
        made = f"{self._commits()} with zscape {zscape.__version__} by\n\n```shell\n{command}\n```"
        warned = [_SMOKE] if self.order.scale == "smoke" else []
        parts = [f"# {self.title}", *warned, *self._before, "## In short", verdicts, _RULE, *self._body]
        return "\n\n".join([*parts, "## How this page was made", made]) + "\n"

    def _commits(self) -> str:
        """Of the code that measured, where it was another one, and that wrote the page."""
        measured = commits(self.order.kept)
        if measured in ([], [self.order.commit]):
            return f"Made at commit {self.order.commit}"
        return f"Measured at commit {' and '.join(measured)}, written at {self.order.commit},"


def table(columns: Sequence[str], lines: Sequence[Sequence[object]], *, left: int = 1) -> str:
    """A table in Markdown; the first `left` columns are aligned to the left, the others to the right.

    >>> print(table(("set", "distance"), [("a|b", 0.25)]))
    | set | distance |
    | --- | ---: |
    | a\\|b | 0.25 |
    """
    rule = [*["---"] * left, *["---:"] * (len(columns) - left)]
    cells = [[str(cell).replace("|", "\\|") for cell in line] for line in lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in [list(columns), rule, *cells])


def small_png(content: bytes) -> bytes:
    """A PNG of at most `LARGEST` bytes: with fewer colours if need be, then with fewer dots."""
    if len(content) <= LARGEST:
        return content
    picture = Image.open(io.BytesIO(content)).convert("RGB")
    while True:
        buffer = io.BytesIO()
        # An octree keeps the few colours of a chart pure where a median cut would blend them.
        picture.quantize(_COLOURS, method=Image.Quantize.FASTOCTREE).save(buffer, "png", optimize=True)
        if buffer.tell() <= LARGEST:
            return buffer.getvalue()
        share = 0.95 * math.sqrt(LARGEST / buffer.tell())
        picture = picture.resize((round(share * picture.width), round(share * picture.height)))
