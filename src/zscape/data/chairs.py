"""3D chairs: renderings of 1,393 chairs from 31 directions and two heights, a folder a chair.

The archive rendered_chairs.tar unpacks to rendered_chairs/<chair>/renders/image_001_p020_t011_r096.png, whose
name holds the elevation p and the azimuth t in degrees. The central square of 400 of the 600 pixels is scaled
to 64 x 64 and made grey, unless asked otherwise, as public code for disentanglement does.

References:
    Aubry et al., Seeing 3D Chairs, CVPR 2014 (the data).
"""

import re
from functools import partial
from pathlib import Path

import numpy as np

from zscape.data.folder import SUFFIXES, decoded, sub_folders
from zscape.data.pixels import check_size
from zscape.data.source import Source
from zscape.errors import DataError

_CROP, _SIZE = 400, 64
_RENDERS = "renders"
_NAME = re.compile(r"image_\d+_p(\d{1,3})_t(\d{1,3})_r\d+\.png")


def is_chairs(folder: Path) -> bool:
    """Whether a folder within it holds renderings, named as they are in the archive."""
    return any(
        _NAME.fullmatch(file.name)
        for chair in sub_folders(folder)
        for file in (chair / _RENDERS).glob("image_*.png")
    )


def open_chairs(folder: Path, *, size: int | None = None, grey: bool | None = None) -> Source:
    """All views of all chairs, with the factors chair, azimuth and elevation; labels are the chairs.

    Args:
        folder: In the layout that the module describes. Chairs may lack views.
        size: Side that the central square is scaled to, antialiased; None for 64.
        grey: False for three channels, otherwise one.

    Raises:
        DataError: If there are no chairs, one has no views, or a view is named otherwise.
        ValueError: If size is not in 1..8192.
    """
    check_size(size)
    chairs = sub_folders(folder)
    if not chairs:
        raise DataError(f"{folder} needs a folder a chair, but holds none; unpack rendered_chairs.tar there")
    views = [_views(chair) for chair in chairs]
    files = tuple(file for found in views for file, _ in found)
    angles = np.array([angles for found in views for _, angles in found])
    elevations, elevation = np.unique(angles[:, 0], return_inverse=True)
    azimuths, azimuth = np.unique(angles[:, 1], return_inverse=True)
    labels = np.repeat(np.arange(len(chairs)), [len(found) for found in views])
    side = _SIZE if size is None else size
    shape = (len(files), 3 if grey is False else 1, side, side)
    return Source(
        shape=shape,
        chunks=partial(decoded, files, shape, size=side, crop=_CROP),
        root=folder,
        files=files,
        labels=labels,
        names=tuple(chair.name for chair in chairs),
        factors={"chair": labels, "azimuth": azimuth, "elevation": elevation},
        values={
            "chair": np.arange(len(chairs), dtype=np.float64),
            "azimuth": azimuths.astype(np.float64),
            "elevation": elevations.astype(np.float64),
        },
        slow=True,
    )


def _views(chair: Path) -> list[tuple[Path, tuple[int, int]]]:
    """Pictures of a chair, each with its elevation and azimuth."""
    renders = chair / _RENDERS
    found = sorted(renders.iterdir()) if renders.is_dir() else []
    pictures = [file for file in found if file.suffix.lower() in SUFFIXES and not file.name.startswith(".")]
    if not pictures:
        raise DataError(f"{chair} needs pictures in {_RENDERS}, but has none; delete it or unpack it again")
    return [(file, _angles(file)) for file in pictures]


def _angles(file: Path) -> tuple[int, int]:
    match = _NAME.fullmatch(file.name)
    if match is None:
        raise DataError(
            "views of chairs need names such as image_001_p020_t011_r096.png (elevation 20, azimuth 11 "
            f"degrees), but {file} has another; delete or rename it"
        )
    return int(match[1]), int(match[2])
