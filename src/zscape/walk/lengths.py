"""How long paths are, in codes or in what is decoded from them; paths at constant speed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float, Num

from zscape.checks import check_whole
from zscape.walk.lines import real_numbers

Decode = Callable[[np.ndarray], np.ndarray]
"""Codes (N, D) to whatever they stand for, (N, ...), such as `Run.decode`."""


def step_lengths(
    paths: Num[np.ndarray, "P T D"], *, decode: Decode | None = None, finer: int = 1
) -> Float[np.ndarray, "P S"]:
    """Euclidean length of each step of each path, between codes or between what is decoded from them.

    Null: 0 for a step between equal points. Bias: a step is measured along `finer` chords, so a decoded one
    is too short by O(1 / finer^2) where the decoder is curved. Cost: P T finer codes decoded.

    >>> step_lengths(np.array([[[0.0, 0.0], [3.0, 4.0], [3.0, 5.0]]])).tolist()
    [[5.0, 1.0]]

    Args:
        paths: P paths of T >= 2 points each.
        decode: Codes to data; lengths are those of codes if not given.
        finer: Chords that a decoded step is measured along.

    Raises:
        TypeError: If finer is no whole number.
        ValueError: If the paths or what is decoded are not finite, of fewer than two points, finer < 1, or
            decode does not give one row a code.
    """
    paths = checked_paths(paths)
    check_whole("finer", finer, least=1)
    if decode is None:
        return np.linalg.norm(np.diff(paths, axis=1), axis=2)
    # Path by path, since what is decoded takes far more memory than codes.
    chords = np.stack([_chords(each, decode) for each in subdivided(paths, finer)] or [np.empty(0)])
    return chords.reshape(len(paths), paths.shape[1] - 1, finer).sum(axis=2)


def path_lengths(
    paths: Num[np.ndarray, "P T D"], *, decode: Decode | None = None, finer: int = 1
) -> Float[np.ndarray, "P"]:
    """Length of each path, in codes, or in the metric of the decoder: that of what is decoded along it.

    Null: 0 where all points are equal. Bias and cost: as of `step_lengths`.

    >>> path_lengths(np.array([[[0.0, 0.0], [3.0, 4.0], [3.0, 5.0]]])).tolist()
    [6.0]

    Args:
        paths: P paths of T >= 2 points each.
        decode: Codes to data, such as `Run.decode`; lengths are those of codes if not given.
        finer: Chords that a decoded step is measured along.

    Raises:
        TypeError: If finer is no whole number.
        ValueError: As `step_lengths`.
    """
    return step_lengths(paths, decode=decode, finer=finer).sum(axis=1)


def at_constant_speed(
    paths: Num[np.ndarray, "P T D"],
    *,
    decode: Decode | None = None,
    steps: int | None = None,
    finer: int = 4,
) -> Float[np.ndarray, "P S D"]:
    """The same paths, straight from point to point, with new points at equal distances along them.

    Distances are those of codes, or of what is decoded. A path without length keeps equal shares of its
    points.

    Cost: P T finer codes decoded.

    >>> at_constant_speed(np.array([[[0.0], [1.0], [4.0]]]), steps=4)[0].ravel().tolist()
    [0.0, 1.0, 2.0, 3.0, 4.0]

    Args:
        paths: P paths of T >= 2 points each.
        decode: Codes to data, such as `Run.decode`; distances are those of codes if not given.
        steps: Of the new paths; as many as before if not given.
        finer: Chords that each decoded step is measured along.

    Raises:
        TypeError: If finer or steps is no whole number.
        ValueError: As `step_lengths`, or if steps < 1.
    """
    paths = checked_paths(paths)
    new = paths.shape[1] - 1 if steps is None else steps
    check_whole("steps", new, least=1)
    if decode is not None:
        check_whole("finer", finer, least=1)
        paths = subdivided(paths, finer)
    chords = step_lengths(paths, decode=decode)
    return evenly(paths, chords, new)


def evenly(
    paths: Float[np.ndarray, "P T D"], chords: Float[np.ndarray, "P K"], steps: int
) -> Float[np.ndarray, "P S D"]:
    """Points in equal steps along paths whose pieces have the given lengths."""
    new = np.empty((len(paths), steps + 1, paths.shape[2]))
    for place, (path, each) in enumerate(zip(paths, chords, strict=True)):
        new[place] = _evenly(path, each, steps)
    return new


def checked_paths(paths: np.ndarray) -> Float[np.ndarray, "P T D"]:
    """Paths as float64, checked.

    Raises:
        ValueError: If they are not (P, T, D) with T >= 2 and D >= 1, or not real and finite.
    """
    paths = real_numbers(paths, "paths")
    if paths.ndim != 3 or paths.shape[1] < 2 or not paths.shape[2]:
        raise ValueError(f"paths need shape (P, T, D) with T >= 2 and D >= 1, but got {paths.shape}")
    strange = ~np.isfinite(paths).all(axis=(1, 2))
    if strange.any():
        raise ValueError(f"paths need finite codes, but path {strange.argmax()} holds NaN or infinity")
    return paths


def subdivided(paths: Float[np.ndarray, "P T D"], finer: int) -> Float[np.ndarray, "P S D"]:
    """Each straight step cut into `finer` equal ones."""
    count, points, latent = paths.shape
    share = (np.arange(finer) / finer)[:, None]
    cut = paths[:, :-1, None] + share * np.diff(paths, axis=1)[:, :, None]
    return np.concatenate([cut.reshape(count, (points - 1) * finer, latent), paths[:, -1:]], axis=1)


def check_decoded(shape: Sequence[int], count: int) -> None:
    """Refuse what a decoder gives if it is not one row a code.

    Args:
        shape: Of what it gives.
        count: Codes that it was given.

    Raises:
        ValueError: If the first axis has another size.
    """
    if tuple(shape[:1]) != (count,):
        raise ValueError(
            f"decode needs to give one row for each of {count} codes, ({count}, ...), but gives shape "
            f"{tuple(shape)}; bring the axis of the codes to the front"
        )


def _chords(path: np.ndarray, decode: Decode) -> Float[np.ndarray, "S"]:
    found = np.asarray(decode(path))
    check_decoded(found.shape, len(path))
    x = found.reshape(len(path), -1)
    if not np.isfinite(x).all():
        raise ValueError("lengths need finite samples, but decode gave NaN or infinity; train again")
    return np.linalg.norm(np.diff(x.astype(np.float64), axis=0), axis=1)


def _evenly(path: np.ndarray, chords: np.ndarray, steps: int) -> Float[np.ndarray, "S D"]:
    whole = chords.sum()
    gone = np.concatenate([[0.0], np.cumsum(chords)]) / whole if whole > 0 else np.linspace(0, 1, len(path))
    wanted = np.linspace(0, 1, steps + 1)
    place = np.clip(np.searchsorted(gone, wanted, side="right") - 1, 0, len(chords) - 1)
    width = gone[place + 1] - gone[place]
    share = np.divide(wanted - gone[place], width, where=width > 0, out=np.zeros(len(wanted)))[:, None]
    new = path[place] + np.clip(share, 0, 1) * (path[place + 1] - path[place])
    new[0], new[-1] = path[0], path[-1]
    return new
