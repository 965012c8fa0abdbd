"""Run folder in; figures, tables and one self-contained page out."""

from zscape.report.along import write_path_pictures
from zscape.report.page import write, write_paths, write_samples, write_singles, write_walk

__all__ = ["write", "write_path_pictures", "write_paths", "write_samples", "write_singles", "write_walk"]
