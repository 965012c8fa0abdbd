"""What stands around the package: make targets, continuous integration, versions that must agree."""

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
make = pytest.mark.skipif(shutil.which("make") is None, reason="needs make")


def requirements() -> dict[str, str]:
    """Every declared requirement: name to specifier."""
    declared = [
        *PROJECT["project"]["dependencies"],
        *[each for extra in PROJECT["project"]["optional-dependencies"].values() for each in extra],
        *PROJECT["dependency-groups"]["dev"],
        *PROJECT["dependency-groups"]["docs"],
    ]
    matches = [re.match(r"([\w-]+)(?:\[\w+\])?(.*)", each) for each in declared]
    return {match[1].lower().replace("_", "-"): match[2] for match in matches}


def constraints() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    pairs = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {name.lower().replace("_", "-"): version for name, version in pairs}


def targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))


def fresh(folder: Path) -> Path:
    """A folder with what the set-up reads, and an interpreter that only notes how it was called."""
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, folder)
    stub = folder / "stub"
    stub.write_text(
        "#!/bin/sh\n"
        'echo "$@" >> calls\n'
        '[ "$2" = venv ] || exit 0\n'
        'mkdir -p "$3/bin" && cp "$0" "$3/bin/python" && cp "$0" "$3/bin/zscape"\n',
        encoding="utf-8",
    )
    stub.chmod(0o755)
    return folder


def call_make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run make as a shell would, though these tests may themselves be run by `make test`."""
    own = {"ARGS", "PIP_ARGS", "PYTHON", "MFLAGS"}
    outer = {key: value for key, value in os.environ.items() if key not in own and not key.startswith("MAKE")}
    return subprocess.run(
        ["make", *arguments], cwd=folder, env=outer, capture_output=True, text=True, timeout=60
    )


def run_make(folder: Path, *arguments: str) -> str:
    """What the interpreter was asked to do by `make`, one call a line."""
    (folder / "calls").unlink(missing_ok=True)
    done = call_make(folder, "PYTHON=./stub", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return (folder / "calls").read_text("utf-8") if (folder / "calls").exists() else ""


@make
def test_the_first_call_sets_up_and_the_second_does_not(tmp_path):
    folder = fresh(tmp_path)
    first = run_make(folder, "test")
    assert first.startswith("-m venv .venv\n")
    assert "-c constraints.txt -e .[track] --group dev --group docs" in first
    assert first.endswith("-m pytest -n auto --maxprocesses 4 -m not slow\n")
    assert run_make(folder, "test") == "-m pytest -n auto --maxprocesses 4 -m not slow\n"
    assert run_make(folder, "demo") == "demo\n"
    assert run_make(folder, "test-all") == "-m pytest -n auto --maxprocesses 4\n"


@make
@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt"])
def test_a_change_of_the_requirements_sets_up_again(name, tmp_path):
    folder = fresh(tmp_path)
    run_make(folder, "setup")
    with (folder / name).open("a", encoding="utf-8") as file:
        file.write("# changed\n")
    assert "-m pip install" in run_make(folder, "setup")
    assert run_make(folder, "setup") == ""


@make
def test_a_set_up_that_fails_is_tried_again(tmp_path):
    folder = fresh(tmp_path)
    good = (folder / "stub").read_text("utf-8")
    bad = good.replace("exit 0", 'case "$*" in *constraints*) exit 1;; *) exit 0;; esac')
    (folder / "stub").write_text(bad, encoding="utf-8")
    done = call_make(folder, "PYTHON=./stub", "setup")
    assert done.returncode != 0
    (folder / "stub").write_text(good, encoding="utf-8")
    assert "-m pip install" in run_make(folder, "setup")


@make
def test_without_a_python_that_is_new_enough_one_line_says_so(tmp_path):
    folder = fresh(tmp_path)
    done = call_make(folder, "PYTHON=", "test")
    assert done.returncode != 0
    assert "zscape needs Python 3.11 or newer" in done.stderr
    assert not (folder / ".venv").exists()


@make
def test_help_lists_every_target(tmp_path):
    shown = call_make(fresh(tmp_path), "help").stdout
    phony = re.search(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)[1].split()
    assert targets() == set(phony)
    assert {line.split()[1] for line in shown.splitlines()} == set(phony)


@pytest.mark.parametrize(
    "path", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", ".ci/run", ".github/workflows/tests.yml"]
)
def test_every_make_target_that_is_named_exists(path):
    named = re.findall(r"(?:`|run: |^)make ([a-z][a-z-]+)", (ROOT / path).read_text("utf-8"), re.MULTILINE)
    assert named or path == "README.md"
    assert not set(named) - targets()


def test_the_script_of_continuous_integration_parses_and_is_strict():
    script = (ROOT / ".ci" / "run").read_text("utf-8")
    subprocess.run(["bash", "-n", ROOT / ".ci" / "run"], check=True, timeout=60)
    assert script.index("make test ") > script.index("for target in lint docs")


def stubbed(folder: Path, *, failing: str) -> subprocess.CompletedProcess[str]:
    """Run .ci/run in a folder where `make` is a stub that fails for one target."""
    (folder / "checkout" / ".ci").mkdir(parents=True)
    shutil.copy(ROOT / ".ci" / "run", folder / "checkout" / ".ci" / "run")
    tools = folder / "tools"
    tools.mkdir()
    (tools / "make").write_text(
        f'#!/bin/sh\necho "made $1 $ZSCAPE_DATA"\n[ "$1" != "{failing}" ]\n', encoding="utf-8"
    )
    (tools / "chromium").write_text("#!/bin/sh\n", encoding="utf-8")
    for tool in tools.iterdir():
        tool.chmod(0o755)
    return subprocess.run(
        ["bash", ".ci/run"],
        cwd=folder / "checkout",
        env={"PATH": f"{tools}:/usr/bin:/bin", "CI": "true"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize("failing", ["nothing", "setup", "lint", "docs", "test"])
def test_continuous_integration_fails_when_any_check_fails(failing, tmp_path):
    done = stubbed(tmp_path, failing=failing)
    assert (done.returncode == 0) == (failing == "nothing")
    made = [line.split()[1] for line in done.stdout.splitlines()]
    assert made == (["setup"] if failing == "setup" else ["setup", "lint", "docs", "test"])


def test_continuous_integration_finds_the_data_beside_the_checkout(tmp_path):
    (tmp_path / "shared" / "data").mkdir(parents=True)
    done = stubbed(tmp_path, failing="nothing")
    assert done.stdout.splitlines()[-1] == f"made test {tmp_path / 'shared' / 'data'}"


def test_constraints_pin_every_requirement_within_its_range():
    from packaging.specifiers import SpecifierSet

    pinned = constraints()
    assert pinned["torch"] == "2.13.0"
    for name, specifier in requirements().items():
        assert pinned[name] in SpecifierSet(specifier), f"{name}=={pinned[name]} is not in {specifier}"


def test_the_workflow_pairs_the_oldest_and_the_newest_python():
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "tests.yml").read_text("utf-8"))
    pairs = {
        (entry["python"], entry["resolution"])
        for entry in workflow["jobs"]["versions"]["strategy"]["matrix"]["include"]
    }
    declared = [
        each.rsplit(" ", 1)[1] for each in PROJECT["project"]["classifiers"] if re.search(r":: 3\.\d+$", each)
    ]
    assert PROJECT["project"]["requires-python"] == f">={declared[0]}"
    assert pairs == {(declared[0], "lowest-direct"), (declared[-1], "highest")}


def test_the_hooks_are_local_and_their_tools_are_in_the_environment():
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf-8"))
    assert [repo["repo"] for repo in config["repos"]] == ["local"]
    hooks = config["repos"][0]["hooks"]
    assert {hook["language"] for hook in hooks} <= {"system", "pygrep"}
    tools = {hook["entry"].split()[0] for hook in hooks if hook["language"] == "system"}
    assert tools == {".venv/bin/ruff", ".venv/bin/pyright"}


def test_the_licence_is_named_and_whole():
    text = (ROOT / "LICENSE").read_text("utf-8")
    assert PROJECT["project"]["license"] == "Apache-2.0"
    assert "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text
