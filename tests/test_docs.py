"""The documentation builds without a warning, its code runs, and what is made from the code is not stale."""

import functools
import importlib.util
import os
import re
import shlex
import subprocess
import sys
import types
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(
    path for path in [*DOCS.rglob("*.md"), *ROOT.glob("*.md")] if "_build" not in path.relative_to(ROOT).parts
)


def names(paths: list[Path]) -> list[str]:
    return [str(path.relative_to(ROOT)) for path in paths]


def blocks(path: Path, *languages: str) -> str:
    """The code of a page in the given languages as one script, each line where it stands on the page."""
    script, language = [], None
    for line in path.read_text("utf-8").splitlines():
        fence = line.startswith("```")
        script.append(line if language in languages and not fence else "")
        if fence:
            language = line.strip("` ") if language is None else None
    return "\n".join(script).rstrip() + "\n"


RUNNABLE = [path for path in PAGES if blocks(path, "python").strip()]


@pytest.mark.parametrize("path", RUNNABLE, ids=names(RUNNABLE))
def test_the_python_blocks_of_a_page_run_in_order(path, tmp_path):
    script = tmp_path / "page.py"
    script.write_text(blocks(path, "python"), encoding="utf-8")
    # A page is code that a reader pastes: it runs as a script of theirs, in a folder of its own.
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MPLBACKEND": "agg"}
    done = subprocess.run(
        [sys.executable, "-W", "error", script],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, f"{path.relative_to(ROOT)} (lines as on the page):\n{done.stderr[-3000:]}"


def test_there_are_pages_with_code():
    assert {"docs/tutorial.md", "docs/how-to/add-a-term.md", "README.md"} <= set(names(RUNNABLE))


def test_blocks_keep_their_lines(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "# T\n\n```python\nx = 1\n```\n\n```shell\nls\n```\n\n```python\ny = x\n```\n", encoding="utf-8"
    )
    assert blocks(page, "python").splitlines()[3] == "x = 1"
    assert blocks(page, "python").splitlines()[11] == "y = x"
    assert "ls" not in blocks(page, "python")


def test_the_built_pages_fetch_nothing_but_the_typesetter_of_formulas(site):
    fetched = {
        address
        for page in site.rglob("*.html")
        for address in re.findall(
            r'<(?:script|link|img)[^>]+(?:src|href)="(https?:[^"]+)"', page.read_text("utf-8")
        )
    }
    assert all("mathjax" in address for address in fetched), fetched


def test_the_reference_of_the_command_line_is_not_stale():
    spec = importlib.util.spec_from_file_location("make_reference", DOCS / "make_reference.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    written = (DOCS / "reference" / "cli.md").read_text("utf-8")
    assert written == module.render(), "docs/reference/cli.md is stale: run `make reference`"


def test_every_option_of_the_command_line_says_what_it_is_for():
    rows = re.findall(r"^\| `.+ \|$", (DOCS / "reference" / "cli.md").read_text("utf-8"), re.MULTILINE)
    assert len(rows) > 20
    assert not [row for row in rows if row.endswith("|  |")]


def shell_lines(path: Path) -> list[str]:
    """Calls of zscape in the shell blocks of a page."""
    code = blocks(path, "", "shell", "sh", "bash", "console").replace("\\\n", " ")
    lines = [part.strip() for part in re.split(r"[\n;]|&&", code)]
    return [line for line in lines if line.startswith("zscape ")]


COMMANDED = [path for path in PAGES if shell_lines(path)]


@pytest.fixture
def asked(monkeypatch):
    """Reads a line as the command line does, with its parser and its checks, but without the work.

    Gives the run folder that the line needs to be there, or None. Data sets are replaced by small ones, and
    trained weights by random ones; a recipe, its settings and the model are built as for a fit.
    """
    import typer

    from zscape import data, studies
    from zscape.app import cli, datasets, settings, work
    from zscape.app.sampling import places
    from zscape.app.walking import asked as between
    from zscape.app.walking import command, wandering
    from zscape.data.entries import entry

    needed: list[str] = []

    @functools.wraps(data.load)
    def small(name, **options):
        entry(name)
        drawn = name.startswith(("doodles", "quickdraw"))
        return doodles if drawn else sprites

    doodles, sprites = data.load("doodles:count=20"), data.sprites(size=32, scales=1, orientations=1)

    def fit(config, flags, pairs, *, out, data_dir):
        known = ["recipe.weights=random"] if flags["recipe.name"] == "perceptual_vae" else []
        settings.build(settings.gather(config, flags, [*pairs, *known]))
        return types.SimpleNamespace(path=out)

    def on_run(result):
        return lambda run, *args, **options: needed.append(str(run)) or result

    def named(name, *args, **options):
        # What is given as a path is the reader's.
        if not re.search(r"[./]", name):
            entry(name)
        return Path(name)

    def study(name, scale, *args):
        assert name in studies.STUDIES
        assert scale in studies.SCALES
        return Path(name)

    monkeypatch.setattr(settings.datasets, "load", small)
    stands = {
        "fit": fit,
        "encode": on_run(Path("codes")),
        "measure": on_run([]),
        "report": on_run(Path("page")),
        "draw": on_run({}),
        "sample": on_run(({}, None)),
        "show_samples": lambda compared: None,
        "study": study,
    }
    for name, stand in stands.items():
        monkeypatch.setattr(work, name, stand)
    for name in ("show_one", "check", "fetch"):
        monkeypatch.setattr(datasets, name, named)
    for module in (places, between):
        monkeypatch.setattr(module, "check_places", lambda *args: None)
    monkeypatch.setattr(wandering, "wander", on_run({}))
    monkeypatch.setattr(command, "traverse", on_run({}))

    def read(line):
        needed.clear()
        words = shlex.split(line, comments=True)[1:]
        typer.main.get_command(cli.app)(words, prog_name="zscape", standalone_mode=False)
        return next(iter(needed), None)

    return read


@pytest.mark.parametrize("path", COMMANDED, ids=names(COMMANDED))
def test_commands_on_a_page_are_ones_that_zscape_takes(path, asked):
    made = set(re.findall(r'\bout="([^"]+)"', blocks(path, "python")))
    for line in shell_lines(path):
        run = asked(line)
        assert run is None or run in made, f"{line!r} needs {run}, which nothing before it makes"
        made |= set(re.findall(r"--out (\S+)", line)) if line.startswith("zscape fit ") else set()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("zscape fit --data digits --recipe acai", "fit needs a folder to write"),
        ("zscape fit --data digits --recipe acia --out runs/a", "acia"),
        ("zscape fit --data digits --out runs/a --set kl.wieght=1", "wieght"),
        ("zscape fit --data digtis --out runs/a", "digtis"),
        ("zscape encode", "(?i)missing .*run"),
        ("zscape walk runs/a --path linear", "needs codes to walk between"),
        ("zscape walk runs/a --shortset", "shortset"),
        ("zscape sample runs/a --method quantise", "quantise"),
        ("zscape data fetch network:vgg91", "vgg91"),
        ("zscape study style-pahts", "style-pahts"),
    ],
)
def test_commands_that_zscape_does_not_take_are_found(line, words, asked):
    with pytest.raises(Exception, match=words):
        asked(line)


def test_there_are_commands_to_check():
    assert len(shell_lines(DOCS / "tutorial.md")) == 5
    assert shell_lines(DOCS / "tutorial.md")[0].endswith("--out runs/digits-again")
    assert {"README.md", "docs/how-to/walk-between.md"} <= set(names(COMMANDED))


@pytest.mark.parametrize("path", PAGES, ids=names(PAGES))
def test_links_between_files_lead_somewhere(path):
    text = re.sub(r"```.*?```", "", path.read_text("utf-8"), flags=re.DOTALL)
    targets = re.findall(r"\]\((?!https?:|#)([^)#\s]+)", text)
    assert not [target for target in targets if not (path.parent / target).exists()]


def test_recipes_and_terms_are_named_in_the_documentation():
    from zscape import recipes, terms

    text = (ROOT / "CHANGELOG.md").read_text("utf-8") + (DOCS / "concepts.md").read_text("utf-8")
    # Helpers such as bandwidths stand in the reference; what an objective is made of stands in the text too.
    assert not [name for name in recipes.__all__ if name not in text]
    assert not [
        name for name in ("kl", "mmd", "negative_log_likelihood", "squared_error") if name not in text
    ]
    assert {"kl", "mmd", "negative_log_likelihood", "squared_error"} <= set(terms.__all__)


def test_the_changelog_has_the_form_of_keep_a_changelog():
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    versions = re.findall(r"^## \[(.+?)\]", text, re.MULTILINE)
    assert versions[0] == "Unreleased"
    kinds = re.findall(r"^### (.+)$", text, re.MULTILINE)
    assert set(kinds) <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    assert kinds
