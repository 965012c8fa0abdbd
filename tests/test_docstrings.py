"""Docstrings say what the code does: present, with the sections that the signature and the body ask for."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "zscape"
Function = ast.FunctionDef | ast.AsyncFunctionDef


def public(node: ast.AST, path: str = "") -> Iterator[tuple[str, ast.AST]]:
    """Public classes, functions and methods in a tree, with dotted names."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef | Function) and not child.name.startswith("_"):
            yield path + child.name, child
            if isinstance(child, ast.ClassDef):
                yield from public(child, f"{path}{child.name}.")


def exported(path: Path) -> set[str] | None:
    """Names of a module that its room offers to users; None when that is all of them."""
    if path.parent == SOURCE:
        return None
    tree = ast.parse((path.parent / "__init__.py").read_text("utf-8"))
    imported = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    return {alias.name for node in imported for alias in node.names}


def complaints(code: str, offered: set[str] | None = None) -> list[str]:
    """What the docstrings of a module lack, one message each; arguments are asked of what is offered."""
    tree = ast.parse(code)
    messages = [] if ast.get_docstring(tree) or not tree.body else ["1: the module has no docstring"]
    for name, node in public(tree):
        found = list(_lacks(node))
        if offered is None or name.split(".")[0] in offered:
            found += _leaves_unsaid(node)
        messages += [f"{node.lineno}: {name} {what}" for what in found]
    return messages


def _lacks(node: ast.AST) -> Iterator[str]:
    text = ast.get_docstring(node)
    if text is None:
        yield "has no docstring"
        return
    if isinstance(node, ast.ClassDef):
        return
    first = text.split("\n\n")[0].splitlines()[0]
    if not first.endswith((".", ":")) or len(text.split("\n\n")[0].splitlines()) > 1:
        yield "needs a summary of one line that ends with a full stop"
    parameters = _parameters(node)
    described = _described(text)
    if strangers := [name for name in described or () if name not in parameters]:
        yield f"describes arguments it does not take: {', '.join(strangers)}"
    raised = {name for name in _raised(node) if name in ("ValueError", "TypeError")}
    stated = (
        set(re.findall(r"^    (\w+):", text.split("\nRaises:\n")[1], re.MULTILINE))
        if "\nRaises:\n" in text
        else set()
    )
    if missing := sorted(raised - stated):
        yield f"raises {', '.join(missing)} and needs to say when under Raises:"


def _leaves_unsaid(node: ast.AST) -> Iterator[str]:
    text = ast.get_docstring(node)
    if text is None or isinstance(node, ast.ClassDef):
        return
    parameters, described = _parameters(node), _described(text)
    if described is not None and (left_out := [name for name in parameters if name not in described]):
        yield f"leaves out of Args: {', '.join(left_out)}"
    # A short text may name its arguments in passing; one argument is what the function is about.
    unnamed = [name for name in parameters if not re.search(rf"\b{name}\b", text)]
    if described is None and len(parameters) > 1 and unnamed:
        yield f"needs Args:, for it does not name {', '.join(unnamed)}"


def _described(text: str) -> list[str] | None:
    section = re.search(r"^Args:\n((?:[ ]{4}.*\n?|\n)+)", text, re.MULTILINE)
    return re.findall(r"^    \*{0,2}(\w+)(?: \([^)]*\))?:", section[1], re.MULTILINE) if section else None


def _parameters(node: Function) -> list[str]:
    arguments = node.args
    every = [
        *arguments.posonlyargs,
        *arguments.args,
        arguments.vararg,
        *arguments.kwonlyargs,
        arguments.kwarg,
    ]
    return [each.arg for each in every if each is not None and each.arg not in ("self", "cls")]


def _raised(node: ast.AST) -> Iterator[str]:
    """Names of the errors raised in a body, nested functions aside."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Function | ast.Lambda | ast.ClassDef):
            continue
        match child:
            case ast.Raise(exc=ast.Call(func=ast.Name(id=name)) | ast.Name(id=name)):
                yield name
        yield from _raised(child)


def test_docstrings_are_there_and_say_what_they_must():
    found = [
        f"{path.relative_to(SOURCE.parent)}:{message}"
        for path in sorted(SOURCE.rglob("*.py"))
        for message in complaints(path.read_text("utf-8"), exported(path))
    ]
    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("x = 1", "module has no docstring"),
        ('"""M."""\ndef f():\n    pass', "2: f has no docstring"),
        ('"""M."""\nclass C:\n    """C."""\n    def m(self): ...', "C.m has no docstring"),
        ('"""M."""\ndef f():\n    """No stop"""', "summary of one line"),
        ('"""M."""\ndef f():\n    """Two\n    lines."""', "summary of one line"),
        ('"""M."""\ndef f(a, b, *, c):\n    """F of a."""', "does not name b, c"),
        ('"""M."""\ndef f(first, second):\n    """F of first."""', "does not name second"),
        ('"""M."""\ndef f(a, b):\n    """F.\n\n    Args:\n        a: A.\n    """', "leaves out of Args: b"),
        ('"""M."""\ndef f(a):\n    """F.\n\n    Args:\n        a: A.\n        z: Z.\n    """', "not take: z"),
        ('"""M."""\ndef f(a):\n    """F."""\n    if a:\n        raise ValueError("a")', "raises ValueError"),
    ],
)
def test_a_poor_docstring_is_seen(code, expected):
    messages = complaints(code)
    assert len(messages) == 1
    assert expected in messages[0]


def test_a_good_docstring_is_left_alone():
    code = '''"""M."""
def f(a, b, *, c=1):
    """F of a.

    Args:
        a: A, one of
            several: x.
        b: B.
        c: C.

    Raises:
        ValueError: If a is 0.
    """
    def inner():
        raise TypeError
    if a == 0:
        raise ValueError("a")
'''
    assert complaints(code) == []


def test_arguments_are_asked_only_of_what_is_offered():
    code = '"""M."""\ndef f(first, second):\n    """F."""'
    assert complaints(code, {"g"}) == []
    assert len(complaints(code, {"f"})) == 1
