"""What `zscape sample` does: draw a set of codes, decode it, and measure it beside independent draws."""

from zscape.app.sampling.asked import Asked
from zscape.app.sampling.command import sample
from zscape.app.sampling.measuring import TRIALS, Measured

__all__ = ["TRIALS", "Asked", "Measured", "sample"]
