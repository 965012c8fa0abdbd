"""What changes on paths from code to code, step by step, and the measures of whole paths."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from zscape import walk
from zscape.app.walking.asked import NETWORKS, Between
from zscape.base import Result
from zscape.errors import SettingError
from zscape.estimates import mean_result
from zscape.folders import places
from zscape.measure import cross_dissolve, profile_shape, style_profiles
from zscape.model import FeatureReader, feature_reader, style_layers
from zscape.model.architectures import features_of
from zscape.model.features import least_side
from zscape.model.perception import Network
from zscape.model.weights import KNOWN, located
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
    weights = located(name, data_dir=data_dir)
    reader = feature_reader(name, weights=weights, layers=style_layers(name, weights=weights))
    side, least = (
        min(64 if run.of_drawings else each for each in run.model.shape[1:]),
        least_side(features_of(reader.network)),
    )
    if side >= least:
        return reader
    if asked.style is None:
        return None
    raise SettingError(
        f"--style {name} needs pictures of {least} pixels a side or more, but those of {run.path} have {side}"
    )


def _network(asked: str | None, data_dir: Path | None) -> Network | None:
    """The network of that name, None for "none"; without a name the first whose weights are there."""
    for network in NETWORKS:
        if asked == network or (asked is None and _is_there(network, data_dir)):
            return network
    return None


def measured(
    run: Run, z: dict[str, np.ndarray], reader: FeatureReader | None, *, told: Callable[[int], None]
) -> tuple[dict[str, dict[str, np.ndarray]], list[Result]]:
    """Profiles (P, S) of each step by name and kind of path, and measures of whole paths.

    Args:
        run: What decodes.
        z: Paths (P, T, D) by their kind.
        reader: What style losses are read with; None for none.
        told: Called with the number of paths that are done.
    """
    profiles: dict[str, dict[str, np.ndarray]] = {"length": {}, "decoded": {}}
    if reader is not None:
        profiles["style_loss"] = {}
    dissolves, done, words = {}, 0, ""
    for kind, paths in z.items():
        profiles["length"][kind] = walk.step_lengths(paths)
        parts: dict[str, list[np.ndarray]] = {"decoded": [], "style_loss": [], "dissolve": []}
        for images in _pictures(run, paths):
            flat = images.reshape(*images.shape[:2], -1).astype(np.float64)
            parts["decoded"].append(np.linalg.norm(np.diff(flat, axis=1), axis=2))
            parts["dissolve"].append(cross_dissolve(images).of_paths)
            if reader is not None:
                style = style_profiles(np.clip(images, 0, 1), reader)
                words = style.definition
                parts["style_loss"].append(style.losses)
            done += len(images)
            told(done)
        for name in profiles.keys() - {"length"}:
            profiles[name][kind] = np.concatenate(parts[name])
        dissolves[kind] = np.concatenate(parts["dissolve"])
    return profiles, [each for kind in z for each in _results(kind, profiles, dissolves[kind], words)]


def _is_there(network: str, data_dir: Path | None) -> bool:
    return any(
        (folder / "networks" / file.name).is_file() for folder in places(data_dir) for file in KNOWN[network]
    )


def _pictures(run: Run, paths: np.ndarray) -> Iterator[np.ndarray]:
    for first in range(0, len(paths), _TOGETHER):
        yield along(run, paths[first : first + _TOGETHER])


def _results(
    kind: str, profiles: dict[str, dict[str, np.ndarray]], dissolve: np.ndarray, words: str
) -> Iterator[Result]:
    """Means over paths, with intervals over the choice of the pairs."""
    length, decoded = profiles["length"][kind], profiles["decoded"][kind]
    mean = decoded.mean(axis=1)
    unevenness = np.divide(decoded.std(axis=1), mean, where=mean > 0, out=np.zeros_like(mean))
    steps = f"{decoded.shape[1]} steps"
    found: list[tuple[str, np.ndarray, str, str]] = [
        ("latent_length", length.sum(axis=1), "latent units", f"length of {kind} paths in codes, {steps}"),
        ("decoded_length", decoded.sum(axis=1), "", f"length of {kind} paths in what is decoded, {steps}"),
        (
            "unevenness",
            unevenness,
            "",
            f"standard deviation over mean of the decoded lengths of {steps} of {kind} paths",
        ),
        (
            "cross_dissolve",
            dissolve,
            "",
            f"share of a picture on {kind} paths that no mixture of their ends accounts for, mean over "
            "points",
        ),
    ]
    straight = profiles["decoded"].get("linear")
    if straight is not None and kind != "linear":
        whole = straight.sum(axis=1)
        share = np.divide(decoded.sum(axis=1), whole, where=whole > 0, out=np.full(len(whole), np.nan))
        found.append(("over_linear", share, "", f"decoded length of {kind} paths over that of linear ones"))
    if "style_loss" in profiles:
        losses = profiles["style_loss"][kind]
        found.append(("style_loss", losses.mean(axis=1), "", f"{words}; mean over steps of {kind} paths"))
        if losses.shape[1] >= 3:
            ratio = profile_shape(losses).ratio
            text = "mean style loss of the middle third of steps over that of the outer thirds"
            found.append(("style_ratio", ratio, "", f"{text}, {kind} paths"))
    for name, values, unit, definition in found:
        defined = values[np.isfinite(values)]
        if len(defined):
            text = f"{definition}; mean over {len(defined)} paths"
            yield mean_result(f"{kind.replace('-', '_')}_{name}", defined, unit=unit, definition=text)
