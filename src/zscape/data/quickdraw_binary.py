"""Simplified drawings of Quick, Draw! in the binary form that its makers publish.

Little-endian and without gaps; of each drawing key (u64), country (2 bytes), recognised (i8), time (u32) and
number of strokes (u16); of each stroke its number of points (u16), all x and then all y (u8 each).
"""

import struct
from pathlib import Path

import numpy as np

from zscape.data.drawings import Drawings, checked
from zscape.errors import DataError
from zscape.strokes import sketches_from_lines

_HEAD = struct.Struct("<Q2sbIH")
_COUNT = struct.Struct("<H")


def open_binary(path: Path) -> Drawings:
    """All drawings of a file, whether or not the game recognised them. The file does not say their category.

    Raises:
        DataError: If it cannot be read or ends within a drawing.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror or error}); check it") from error
    values = np.frombuffer(data, dtype=np.uint8)
    drawings: list[list[np.ndarray]] = []
    at = 0
    while at < len(data):
        begin = at
        lines = []
        try:
            strokes = _HEAD.unpack_from(data, at)[4]
            at += _HEAD.size
            for _ in range(strokes):
                count = _COUNT.unpack_from(data, at)[0]
                at += _COUNT.size + 2 * count
                lines.append(values[at - 2 * count : at].reshape(2, count).T)
        except (struct.error, ValueError) as error:
            raise DataError(
                f"{path} ends within drawing {len(drawings)}, which begins at byte {begin} of {len(data)}; "
                "it is cut short, or is no file of Quick, Draw! drawings: copy it again"
            ) from error
        drawings.append(lines)
    return Drawings(checked(sketches_from_lines(drawings), str(path)), path, (path,))
