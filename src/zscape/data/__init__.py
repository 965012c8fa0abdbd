"""Data sets of images and of drawings: named, fetched, read, checked, split, and drawn in batches."""

from zscape.data.checking import Finding, check
from zscape.data.contact import contact_sheet
from zscape.data.download import fetch
from zscape.data.entries import Entry, File, Found, catalogue, find
from zscape.data.images import Images, from_arrays
from zscape.data.loading import load, load_images, sprites
from zscape.data.sketches import Strokes, from_sketches

__all__ = [
    "Entry",
    "File",
    "Finding",
    "Found",
    "Images",
    "Strokes",
    "catalogue",
    "check",
    "contact_sheet",
    "fetch",
    "find",
    "from_arrays",
    "from_sketches",
    "load",
    "load_images",
    "sprites",
]
