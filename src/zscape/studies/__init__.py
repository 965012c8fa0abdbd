"""Published experiments from end to end: their tables beside ours, with a verdict on each claim."""

from zscape.studies.running import SCALES, STUDIES, run

__all__ = ["SCALES", "STUDIES", "run"]
