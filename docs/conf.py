"""Sphinx: built from the code and the pages beside this file, without network access (`make docs`)."""

import importlib.metadata
import re

from sphinx.application import Sphinx

project = "zscape"
author = "The zscape maintainers"
project_copyright = "The zscape maintainers"
release = version = importlib.metadata.version("zscape")

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.mathjax",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
]
exclude_patterns = ["_build"]
default_role = "code"  # docstrings write `x` as Markdown does
myst_enable_extensions = ["deflist", "dollarmath"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
# scikit-learn adds this method to its estimators, with references to its own documentation.
autodoc_default_options = {"exclude-members": "set_fit_request"}
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
highlight_language = "none"  # for literal blocks in docstrings, which hold trees of files
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True

html_theme = "furo"
html_title = "zscape"
html_theme_options = {"navigation_with_keys": True}
# The pages are read from a folder as often as from a server; nothing is fetched but the formulas' typesetter.
html_copy_source = False


def escaped(lines: list[str]) -> list[str]:
    r"""Docstrings are prose with `code`: a lone * or | in them, as in (B, *shape) or |x|, is no markup.

    Left alone are spans of code, doctests, directives such as math, and literal blocks.

    >>> escaped(["Data (B, *shape).", "The `*` of |x|:", ".. math:: a*b"])
    ['Data (B, \\*shape).', 'The `*` of \\|x\\|:', '.. math:: a*b']
    """
    result, verbatim = [], None
    for line in lines:
        indent = len(line) - len(line.lstrip())
        if verbatim is not None and line.strip() and indent <= verbatim:
            verbatim = None
        starts = line.lstrip().startswith(".. ") or line.endswith("::")
        if verbatim is None and not starts and not line.lstrip().startswith((">>>", "...")):
            spans = re.split(r"(`[^`]*`)", line)
            line = "".join(
                span if span.startswith("`") else re.sub(r"([*|])", r"\\\1", span) for span in spans
            )
        if verbatim is None and starts:
            verbatim = indent
        result.append(line)
    return result


def read_docstring(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """Hand napoleon a docstring with its prose escaped."""
    lines[:] = escaped(lines)
    if what in ("attribute", "property"):
        # Napoleon takes what stands before a first colon for a type; our first lines are sentences.
        lines[:0] = ["..", ""]


def read_signature(
    app: Sphinx, what: str, name: str, obj: object, options: object, signature: str, returns: str
) -> tuple[str, str] | None:
    """A protocol is not called: leave out the signature (*args, **kwargs) of its constructor."""
    return ("", "") if getattr(obj, "_is_protocol", False) else None


def setup(app: Sphinx) -> None:
    """Read docstrings before napoleon (priority 500) turns their sections into fields, which are markup."""
    app.connect("autodoc-process-docstring", read_docstring, priority=400)
    app.connect("autodoc-process-signature", read_signature)
