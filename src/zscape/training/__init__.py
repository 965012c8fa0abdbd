"""Fit a model to data: one loop that knows terms and critics, and no concrete one."""

from zscape.training.fitting import fit, resume
from zscape.training.settings import Adam, Engine
from zscape.training.watching import Progress

__all__ = ["Adam", "Engine", "Progress", "fit", "resume"]
