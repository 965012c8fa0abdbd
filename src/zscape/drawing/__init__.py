"""Pictures of drawings: stroke-5 arrays to bitmaps, SVG, PNG, and drawings that draw themselves.

Each drawing is fitted to a square: centred, its aspect kept, its size in the data lost. Lines have a width in
proportion to the square and round ends; a point that no line reaches is a dot; a drawing without points is an
empty square. Ink is dark on light.
"""

from zscape.drawing.animated import animation, gif
from zscape.drawing.raster import bitmaps
from zscape.drawing.sheet import INK, MUTED, PAPER, grid_png, grid_svg, png, svg

__all__ = ["INK", "MUTED", "PAPER", "animation", "bitmaps", "gif", "grid_png", "grid_svg", "png", "svg"]
