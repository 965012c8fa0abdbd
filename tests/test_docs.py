"""The documentation builds without a warning, its code runs, and what is made from the code is not stale."""

import importlib.util
import os
import re
import subprocess
import sys
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


def documented_commands() -> dict[str, set[str]]:
    """Commands of the reference with their options, each by its whole name."""
    page = (DOCS / "reference" / "cli.md").read_text("utf-8")
    parts = re.split(r"^## (.+)$", page, flags=re.MULTILINE)[1:]
    bodies = zip(parts[::2], parts[1::2], strict=True)
    return {name: set(re.findall(r"`(--[\w-]+)", body)) for name, body in bodies}


def shell_lines(path: Path) -> list[str]:
    """Calls of zscape in the shell blocks of a page."""
    code = blocks(path, "", "shell", "sh", "bash", "console")
    lines = [part.strip() for part in re.split(r"[\n;]|&&", code)]
    return [line for line in lines if line.startswith("zscape ")]


@pytest.mark.parametrize("path", PAGES, ids=names(PAGES))
def test_commands_on_a_page_exist_with_their_options(path):
    known = documented_commands()
    for line in shell_lines(path):
        words = line.split("#")[0].split()
        command = max((name for name in known if f"{' '.join(words)} ".startswith(f"{name} ")), key=len)
        assert command != "zscape", f"{line!r} is not a command"
        unknown = {word.split("=")[0] for word in words if word.startswith("--")} - known[command]
        assert not unknown, f"{line!r} uses unknown options {sorted(unknown)}"


def test_there_are_commands_to_check():
    assert len(shell_lines(DOCS / "tutorial.md")) == 5
    assert "--recipe" in documented_commands()["zscape fit"]


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
