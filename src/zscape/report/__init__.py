"""Run folder in; figures, tables and one self-contained page out."""

from zscape.report.page import write

__all__ = ["write"]
