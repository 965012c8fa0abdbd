"""What changes on paths from code to code, step by step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from zscape import walk
from zscape.app.walking.asked import NETWORKS, Between
from zscape.errors import DataError, SettingError
from zscape.model import FeatureReader, feature_reader, style_layers
from zscape.model.architectures import features_of
from zscape.model.features import least_side
from zscape.model.perception import Network
from zscape.model.weights import known_places
from zscape.report.along import picture_profiles
from zscape.report.paths import along
from zscape.report.sections import pictorial
from zscape.run import Run

_TOGETHER = 8  # paths whose pictures are in memory at a time


def reader_of(run: Run, asked: Between, data_dir: Path | None) -> FeatureReader | None:
    """The network that style losses are measured with; None for none.

    Raises:
        DataError: If one is asked for and its weights are not there.
        SettingError: If one is asked for and samples are no pictures, or too small for it.
    """
    name = _network(asked.style, data_dir)
    if name is None:
        return None
    if not pictorial(run):
        if asked.style is None:
            return None
        raise SettingError(
            f"--style {name} needs pictures or drawings, but samples of {run.path} are neither"
        )
    reader = _reader(name, data_dir)
    if reader is None:
        places = ", ".join(map(str, known_places(name, data_dir)))
        raise DataError(
            f"--style {name} needs its weights, but there are none at {places}; get them with zscape data "
            f"fetch network:{name}, or leave --style out"
        )
    side = min(64 if run.of_drawings else each for each in run.model.shape[1:])
    if side >= _least(reader):
        return reader
    if asked.style is None:
        return None
    others = {each: _reader(each, data_dir) for each in NETWORKS if each != name}
    do = [each for each, other in others.items() if other is not None and side >= _least(other)]
    raise SettingError(
        f"--style {name} needs pictures of {_least(reader)} pixels a side or more, but those of {run.path} "
        f"have {side}; take --style {' or --style '.join([*do, 'none'])}"
    )


def _reader(network: Network, data_dir: Path | None) -> FeatureReader | None:
    """Reads the style layers of a network; None where its weights are not there."""
    weights = next((path for path in known_places(network, data_dir) if path.is_file()), None)
    if weights is None:
        return None
    return feature_reader(network, weights=weights, layers=style_layers(network, weights=weights))


def _least(reader: FeatureReader) -> int:
    """Pixels a side of the smallest picture that it reads."""
    return least_side(features_of(reader.network))


def _network(asked: str | None, data_dir: Path | None) -> Network | None:
    """The network of that name, None for "none"; without a name the first whose weights are there."""
    for network in NETWORKS:
        there = any(path.is_file() for path in known_places(network, data_dir))
        if asked == network or (asked is None and there):
            return network
    return None


def measured(
    run: Run, z: dict[str, np.ndarray], reader: FeatureReader | None, *, told: Callable[[int], None]
) -> tuple[dict[str, dict[str, np.ndarray]], str]:
    """Profiles (P, S) of each step by name and kind of path, and how style was measured, in words.

    Args:
        run: What decodes.
        z: Paths (P, T, D) by their kind.
        reader: What style losses are read with; None for none, and no words.
        told: Called with the number of paths that are done.
    """
    profiles: dict[str, dict[str, np.ndarray]] = {"length": {}}
    done, words = 0, ""
    for kind, paths in z.items():
        profiles["length"][kind] = walk.step_lengths(paths)
        parts: dict[str, list[np.ndarray]] = {}
        for images in _pictures(run, paths):
            found, words = picture_profiles(images, reader)
            for name, values in found.items():
                parts.setdefault(name, []).append(values)
            done += len(images)
            told(done)
        for name, values in parts.items():
            profiles.setdefault(name, {})[kind] = np.concatenate(values)
    return profiles, words


def _pictures(run: Run, paths: np.ndarray) -> Iterator[np.ndarray]:
    for first in range(0, len(paths), _TOGETHER):
        yield along(run, paths[first : first + _TOGETHER])
