"""Sphinx: built from the code and the pages beside this file, without network access (`make docs`)."""

import importlib.metadata

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
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False
napoleon_custom_sections = ["Null", "Bias", "Cost"]

html_theme = "furo"
html_title = "zscape"
html_theme_options = {"navigation_with_keys": True}
# The pages are read from a folder as often as from a server; nothing is fetched but the formulas' typesetter.
html_copy_source = False
