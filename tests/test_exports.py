"""What zscape exports exists, is documented, and is loaded no earlier than it is needed."""

import importlib
import importlib.metadata
import inspect
import itertools
import subprocess
import sys
import zlib
from pathlib import Path
from types import ModuleType

import pytest

import zscape

ROOT = Path(__file__).parents[1]
REFERENCE = ROOT / "docs" / "reference"


def public(module: ModuleType) -> list[str]:
    """Names a module offers: its __all__, or what it defines itself without a leading underscore."""
    if hasattr(module, "__all__"):
        return list(module.__all__)
    return [
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and (inspect.isclass(value) or inspect.isfunction(value))
        and value.__module__ == module.__name__
    ]


def documented_modules() -> set[str]:
    """Modules that a page of the reference documents with all their members."""
    lines = [line for page in REFERENCE.glob("*.md") for line in page.read_text("utf-8").splitlines()]
    prefix = ".. automodule:: "
    return {
        line.removeprefix(prefix).strip()
        for line, after in itertools.pairwise(lines)
        if line.startswith(prefix) and after.strip() == ":members:"
    }


@pytest.mark.parametrize("name", zscape.__all__)
def test_every_name_of_zscape_exists_and_is_listed_in_the_reference(name):
    assert getattr(zscape, name) is not None
    assert name in dir(zscape)
    assert f"| `zs.{name}` |" in (REFERENCE / "index.md").read_text("utf-8")


@pytest.mark.parametrize("name", zscape._MODULES)
def test_every_public_name_of_a_room_exists_and_has_a_docstring(name):
    module = getattr(zscape, name)
    names = public(module)
    assert names
    assert len(set(names)) == len(names)
    missing = [each for each in names if not hasattr(module, each)]
    assert not missing, f"{module.__name__}.__all__ names what is not there: {missing}"
    bare = [
        each
        for each in names
        if callable(getattr(module, each)) and not inspect.getdoc(getattr(module, each))
    ]
    # autodoc leaves out what has no docstring, so a bare name would be missing from the reference.
    assert not bare, f"{module.__name__} exports names without a docstring: {bare}"
    assert module.__name__ in documented_modules()


def test_every_exported_object_is_documented_where_it_lives():
    homes = {importlib.import_module(home) for home in zscape._NAMES.values()}
    for module in homes:
        assert module.__name__ in documented_modules(), f"no page documents {module.__name__}"
        lost = [
            name
            for name, home in zscape._NAMES.items()
            if home == module.__name__ and name not in public(module)
        ]
        assert not lost, f"{module.__name__} does not list {lost} as public, so the reference leaves it out"


def inventory(path: Path) -> set[str]:
    """Names in the objects.inv that Sphinx writes: four lines, then deflated ones `name role ...`."""
    content = path.read_bytes().split(b"\n", 4)[4]
    return {line.split(" ")[0] for line in zlib.decompress(content).decode("utf-8").splitlines()}


def test_every_public_name_is_in_the_built_reference(site):
    known = inventory(site / "objects.inv")
    wanted = {
        f"{module}.{name}"
        for module in documented_modules()
        for name in public(importlib.import_module(module))
        if callable(getattr(importlib.import_module(module), name))
    }
    assert len(wanted) > 30
    assert not wanted - known, f"not on any page: {sorted(wanted - known)}"


def test_an_unknown_name_is_refused():
    with pytest.raises(AttributeError, match="no attribute 'autoencoder'"):
        zscape.autoencoder  # noqa: B018 (the access is what is tested)


@pytest.mark.parametrize(
    "code",
    [
        "import zscape",
        "import zscape; dir(zscape); zscape.__version__",
        "import zscape.app.cli",
        "import sys; sys.argv = ['zscape', '--help']\nfrom zscape.app.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass",
    ],
)
def test_torch_is_not_imported_before_it_is_needed(code):
    heavy = ["torch", "scipy", "sklearn", "matplotlib", "pyarrow", "lightning_fabric"]
    check = f"\nimport sys\nprint('LOADED', [name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code + check], capture_output=True, text=True, timeout=60)
    assert done.stdout.rstrip().endswith("LOADED []"), done.stdout + done.stderr


def test_version_is_that_of_the_package():
    assert zscape.__version__ == importlib.metadata.version("zscape")
