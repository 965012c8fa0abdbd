"""Write docs/reference/cli.md from the command line: `make reference`. A test fails when it is stale."""

import enum
import inspect
import types
import typing
from collections.abc import Iterator
from pathlib import Path

import typer

from zscape.app.cli import app
from zscape.app.settings import known_settings

PAGE = Path(__file__).parent / "reference" / "cli.md"
HEAD = "# Command line\n\n<!-- Written by `make reference`: change the code, not this page. -->\n"
SETTINGS = """
## Settings

The keys that `--set` and `--config` take. They are parameters of functions of the [reference](index.md):
those of `data` of `zscape.data.load`, of `model` of `Autoencoder.mlp`, `conv` and `lstm`, of `optimiser` of
`zs.Adam`, of `engine` of `zs.Engine`. The name of a term stands before its parameters,
its weight and its capacity.
"""
WORDS = {int: "INTEGER", float: "NUMBER", str: "TEXT", Path: "PATH"}


def render() -> str:
    """The whole page."""
    # The name of the program is that of [project.scripts], whatever the typer application is called.
    sections = list(_sections("zscape", typer.main.get_command(app)))
    rows = [f"| `{key}` | {default} | {takes} |" for key, (takes, default) in known_settings().items()]
    table = "\n".join(["| key | default | takes |", "|---|---|---|", *rows])
    return HEAD + "".join(sections) + SETTINGS + f"\n{table}\n"


def _sections(name: str, command: typing.Any) -> Iterator[str]:
    children = {key: child for key, child in getattr(command, "commands", {}).items() if not child.hidden}
    yield _section(name, command, children)
    for key, child in children.items():
        yield from _sections(f"{name} {key}", child)


def _section(name: str, command: typing.Any, children: dict[str, typing.Any]) -> str:
    shown = [item for item in command.params if not getattr(item, "hidden", False)]
    arguments = [item for item in shown if item.param_type_name == "argument"]
    options = [item for item in shown if item.param_type_name == "option"]
    usage = [name, *(["[OPTIONS]"] if options else []), *(_argument(item) for item in arguments)]
    usage += ["COMMAND [ARGS]"] if children else []
    parts = [f"\n## {name}\n", *_paragraphs(command.help), "```text\n" + " ".join(usage) + "\n```\n"]
    if children:
        rows = [
            f"| [`{key}`](#{name.replace(' ', '-')}-{key}) | {_summary(child)} |\n"
            for key, child in children.items()
        ]
        parts.append("| command | what it does |\n|---|---|\n" + "".join(rows))
    if shown:
        rows = [_row(item, _hints(command)) for item in [*arguments, *options]]
        parts.append("| argument or option | default | meaning |\n|---|---|---|\n" + "".join(rows))
    return "\n".join(parts)


def _paragraphs(text: str | None) -> list[str]:
    cleaned = inspect.cleandoc(text or "").replace("\b", "").strip()
    return [cleaned + "\n"] if cleaned else []


def _anchor(*words: str) -> str:
    return "-".join(words).replace(" ", "-")


def _summary(command: typing.Any) -> str:
    return inspect.cleandoc(command.help or "").split("\n\n")[0].replace("\n", " ").replace("|", "\\|")


def _argument(item: typing.Any) -> str:
    word = (item.metavar or item.name.upper()) + ("..." if item.nargs == -1 else "")
    return word if item.required else f"[{word}]"


def _row(item: typing.Any, hints: dict[str, typing.Any]) -> str:
    if item.param_type_name == "argument":
        name = f"`{item.metavar or item.name.upper()}`"
    else:
        value = "" if item.is_flag else " " + (item.metavar or _word(hints.get(item.name)))
        name = ", ".join(f"`{flag}{value}`" for flag in [*item.opts, *item.secondary_opts])
    # Brackets are escaped from the markup of the console.
    meaning = " ".join((getattr(item, "help", None) or "").split()).replace("\\[", "[")
    cells = [name, _default(item), meaning]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def _default(item: typing.Any) -> str:
    if item.required:
        return "required"
    value = item.default.value if isinstance(item.default, enum.Enum) else item.default
    if item.param_type_name == "option" and item.is_flag and value is not None:
        return "on" if value else "off"
    return "" if value in (None, (), [], "") or callable(value) else f"`{value}`"


def _hints(command: typing.Any) -> dict[str, typing.Any]:
    return typing.get_type_hints(inspect.unwrap(command.callback)) if command.callback else {}


def _word(hint: typing.Any) -> str:
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return "|".join(str(member.value) for member in hint)
    if typing.get_origin(hint) is typing.Literal:
        return "|".join(map(str, typing.get_args(hint)))
    if typing.get_origin(hint) in (types.UnionType, typing.Union, list, tuple):
        inner = [part for part in typing.get_args(hint) if part is not type(None)]
        return _word(inner[0])
    return WORDS.get(hint, "VALUE")


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
    print("wrote docs/reference/cli.md")
