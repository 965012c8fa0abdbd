"""The walls of the house: who may import whom, what only app/ may do, and what nobody may."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import zscape

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "zscape"

# A module imports only from rooms of a lower layer, or from its own room.
LAYERS = (
    ("arithmetic", "checks", "errors", "schedules", "strokes"),
    ("base", "files", "folders", "npz", "drawing"),
    ("data", "model", "energy", "estimates"),
    ("terms", "run"),
    ("recipes", "training"),
    ("codes", "judge"),
    ("measure", "walk", "sample"),
    ("report",),
    ("studies",),
    ("app",),
)
# Where a name of the facade lives, and so what importing it means.
HOME = {f"zscape.{name}": home for name, home in zscape._NAMES.items()}
LAYER = {room: number for number, rooms in enumerate(LAYERS) for room in rooms}


def imports(tree: ast.AST, module: str) -> Iterator[tuple[int, str]]:
    """Line and module of everything of zscape that a module imports, wherever the import stands.

    A name taken from the facade, as in `from zscape import fit`, counts as an import of its home.
    """
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                found = [alias.name for alias in names if "." in alias.name]
            case ast.ImportFrom(module=None | "zscape" as base, names=names, level=level):
                package = _absolute(module, base, level)
                found = [f"{package}.{alias.name}" for alias in names]
            case ast.ImportFrom(module=base, level=level):
                found = [_absolute(module, base, level)]
            case ast.Attribute(value=ast.Name(id="zscape" | "zs"), attr=name):
                found = [f"zscape.{name}"]
            case ast.Call(
                func=ast.Attribute(attr="import_module") | ast.Name(id="import_module"),
                args=[ast.Constant(value=str(name)), *_],
            ):
                found = [name]
            case _:
                continue
        yield from ((node.lineno, HOME.get(name, name)) for name in found if name.startswith("zscape."))


def _absolute(module: str, base: str | None, level: int) -> str:
    parents = module.split(".")[:-level] if level else []
    return ".".join([*parents, *([base] if base else [])])


def violations(code: str, module: str) -> list[str]:
    """What in the source code of a module crosses a wall, one message each."""
    room = module.split(".")[1]
    if room not in LAYER:
        return [f"{module}: the room {room!r} is on no layer; give it one in tests/test_layers.py"]
    messages = []
    for line, name in imports(ast.parse(code), module):
        other = name.split(".")[1]
        if other in (room, "__version__"):
            continue
        if other not in LAYER:
            messages.append(f"{module}:{line} imports {name}, which is on no layer")
        elif LAYER[other] >= LAYER[room]:
            messages.append(
                f"{module}:{line} (layer {LAYER[room]}, {room}) imports {name} "
                f"(layer {LAYER[other]}, {other}); a module imports only from lower layers"
            )
    return messages


def modules() -> list[tuple[str, Path]]:
    paths = sorted(SOURCE.rglob("*.py"))
    return [(_dotted(path), path) for path in paths if path != SOURCE / "__init__.py"]


def _dotted(path: Path) -> str:
    # A package is named with its __init__, so that relative imports resolve the same way everywhere.
    return ".".join(path.relative_to(SOURCE.parent).with_suffix("").parts)


def test_the_table_of_the_docs_is_this_one():
    text = (ROOT / "docs" / "concepts.md").read_text("utf-8")
    rows = re.findall(r"^\| \d \| (.+) \|$", text, re.MULTILINE)
    assert [tuple(re.findall(r"`(\w+)`", row)) for row in rows] == [*LAYERS]


def test_modules_import_only_from_lower_layers():
    found = [message for name, path in modules() for message in violations(path.read_text("utf-8"), name)]
    assert len(modules()) > 10
    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize(
    ("code", "module", "expected"),
    [
        (
            "from zscape.report import page",
            "zscape.measure.structure",
            r"measure\) imports zscape.report \(layer 7",
        ),
        ("def f():\n    import zscape.app.cli", "zscape.training", r"training:2 .* imports zscape.app.cli"),
        ("from zscape.sample.prior import sample", "zscape.measure.structure", "only from lower layers"),
        ("from zscape import model", "zscape.data.images", r"imports zscape.model"),
        ("from ..terms import kl", "zscape.data.images", r"imports zscape.terms"),
        ("from .. import terms", "zscape.data.images", r"imports zscape.terms"),
        ("import zscape as zs\nzs.fit", "zscape.terms.kernels", r":2 .* imports zscape.training \(layer 4"),
        ("from zscape import encode", "zscape.training.loop", r"imports zscape.codes \(layer 5"),
        ("import importlib\nimportlib.import_module('zscape.codes')", "zscape.base", "imports zscape.codes"),
        ("from zscape.cellar import wine", "zscape.report.page", "on no layer"),
        ("x = 1", "zscape.cellar.wine", "the room 'cellar' is on no layer"),
    ],
)
def test_a_crossed_wall_is_seen(code, module, expected):
    messages = violations(code, module)
    assert len(messages) == 1
    assert re.search(expected, messages[0])


@pytest.mark.parametrize(
    ("code", "module"),
    [
        ("from zscape.base import Draw", "zscape.terms.divergence"),
        ("from zscape.terms.kernels import imq", "zscape.terms.divergence"),
        ("from . import kernels", "zscape.terms.divergence"),
        ("from zscape import __version__", "zscape.training"),
        ("import zscape\nzscape.__version__, zscape.Autoencoder", "zscape.training"),
        ("import numpy as np", "zscape.measure.structure"),
    ],
)
def test_an_allowed_import_is_left_alone(code, module):
    assert violations(code, module) == []


def calls(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and dotted name of every call."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield node.lineno, ast.unparse(node.func)


SPEAKS = re.compile(r"^(print|sys\.std(out|err)\.write|logging\.basicConfig)$|\.(addHandler|setLevel)$")


def test_only_app_prints_or_configures_logging():
    found = [
        f"{name}:{line} calls {call}"
        for name, path in modules()
        if not name.startswith("zscape.app.")
        for line, call in calls(ast.parse(path.read_text("utf-8")))
        if SPEAKS.search(call)
    ]
    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize("call", ["print", "sys.stderr.write", "logging.basicConfig", "logger.addHandler"])
def test_speaking_is_seen(call):
    assert SPEAKS.search(call)
    assert not SPEAKS.search("blueprint")


def forbidden(tree: ast.AST) -> Iterator[str]:
    """What no module may do: unpickle, guard with assert, catch everything, leave a stub."""
    for node in ast.walk(tree):
        match node:
            case ast.keyword(arg="allow_pickle", value=ast.Constant(value=True)):
                yield f"{node.lineno} allow_pickle=True runs code from a data file"
            case ast.keyword(arg="weights_only", value=ast.Constant(value=False)):
                yield f"{node.lineno} weights_only=False runs code from a weights file"
            case ast.Call(func=ast.Attribute(value=ast.Name(id="pickle" | "dill" | "joblib" | "shelve"))):
                yield f"{node.lineno} a pickle runs code when it is read"
            case ast.ImportFrom(module="pickle" | "dill" | "joblib" | "shelve"):
                yield f"{node.lineno} a pickle runs code when it is read; its errors are named by the module"
            case ast.Assert():
                yield f"{node.lineno} assert vanishes under python -O; raise instead"
            case ast.ExceptHandler(type=None | ast.Name(id="Exception" | "BaseException")):
                yield f"{node.lineno} catches everything; name the failure that is meant"


def test_no_module_unpickles_asserts_or_catches_everything():
    found = [
        f"{name}:{what}" for name, path in modules() for what in forbidden(ast.parse(path.read_text("utf-8")))
    ]
    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize(
    "code",
    [
        "np.load(path, allow_pickle=True)",
        "torch.load(path, weights_only=False)",
        "pickle.load(file)",
        "from joblib import load",
        "assert x > 0",
        "try:\n    f()\nexcept Exception:\n    pass",
        "try:\n    f()\nexcept:\n    pass",
    ],
)
def test_a_forbidden_thing_is_seen(code):
    assert list(forbidden(ast.parse(code)))
    assert not list(forbidden(ast.parse("np.load(path, allow_pickle=False)")))
    assert not list(forbidden(ast.parse("try:\n    f()\nexcept pickle.UnpicklingError:\n    pass")))


# Spelled apart, so that this file does not find itself.
MACHINE_PATH = re.compile(r"(?<![\w.{}$])/(?:" + "|".join(("work", "root", "tm" + "p", "home")) + r")/\w")


def committed() -> list[Path]:
    """Text files that git knows of, or that it would add; without git, the folders that hold text."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    names = listed.stdout.splitlines()
    if not names:
        names = [
            str(path.relative_to(ROOT))
            for folder in ("src", "tests", "docs")
            for path in ROOT.glob(f"{folder}/**/*")
        ]
    suffixes = {".py", ".md", ".rst", ".toml", ".yml", ".yaml", ".txt", ".json", ".html", ".css", ""}
    return [path for name in names if (path := ROOT / name).is_file() and path.suffix in suffixes]


def test_no_file_names_a_path_of_one_machine():
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}"
        for path in committed()
        for number, line in enumerate(path.read_text("utf-8", errors="replace").splitlines(), 1)
        if MACHINE_PATH.search(line)
    ]
    assert not found, "\n" + "\n".join(found)


def test_a_machine_path_is_seen():
    assert MACHINE_PATH.search('open("' + "/ho" + 'me/someone/data.npz")')
    assert not MACHINE_PATH.search("https://example.org" + "/wo" + "rk/1")
    assert not MACHINE_PATH.search("docs" + "/wo" + "rk/index.md")
