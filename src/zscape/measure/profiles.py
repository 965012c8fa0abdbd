"""What happens along paths of pictures, step by step: losses of style and content, distances of features."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from zscape.base import Result
from zscape.checks import check_whole
from zscape.estimates import bootstrap_results
from zscape.measure._grams import Convention, check_images, check_style, chunks, gram_losses, in_words
from zscape.measure.style import STYLE_UNIT
from zscape.model import FeatureReader, feature_errors

Against = Literal["previous", "first", "all"]


@dataclass(frozen=True, slots=True, eq=False)
class StyleProfiles:
    """Style losses along P paths of T points.

    Attributes:
        losses: (P, T - 1) between each point and the one before, or the first; or (P, T, T) between all.
        layers: Names of the layers they were read at.
        definition: What was measured, in words, as a `Result` has it.
    """

    losses: Float[np.ndarray, "P ..."]
    layers: tuple[str, ...]
    definition: str


@dataclass(frozen=True, slots=True, eq=False)
class PathFeatures:
    """What changes in each of the S = T - 1 steps along P paths of T points, as a feature network sees it.

    Attributes:
        style: Style loss, as `style_loss` has it.
        content: Content loss at one layer.
        distance: Squared difference of features over that of the earlier point, as `feature_distance` has it.
        layers: Names of the layers that style and distance were read at.
        content_layer: Name of that of content.
        definition: What was measured, in words.
    """

    style: Float[np.ndarray, "P S"]
    content: Float[np.ndarray, "P S"]
    distance: Float[np.ndarray, "P S"]
    layers: tuple[str, ...]
    content_layer: str
    definition: str


def style_profiles(
    paths: Float[np.ndarray, "P T C H W"],
    reader: FeatureReader,
    *,
    against: Against = "previous",
    convention: Convention = "paper",
    layer_weights: Sequence[float] | None = None,
) -> StyleProfiles:
    """Style loss along paths of pictures: of every step, from the first point on, or between all points.

    Null: 0 where pictures are equal. Bias: as `style_loss`; of paths in many small steps the rounding of
    bfloat16 counts more, as the loss of a step falls with the square of its length. Cost: one pass through
    the network and one Gram matrix a layer for each picture, whatever is compared. Memory beyond the paths:
    the Gram matrices of one path (0.3 MB a picture for VGG through relu3_1, 2.4 MB through relu5_1) and the
    features of 16 pictures.

    >>> from zscape import model
    >>> reader = model.feature_reader("vgg16", weights="random", layers=["relu1_1"])
    >>> style_profiles(np.zeros((2, 11, 1, 8, 8)), reader).losses.shape
    (2, 10)

    Args:
        paths: Pictures in [0, 1], of one or three channels; 2 or more points a path.
        reader: The network and its layers; see `zscape.model.style_layers`.
        against: What each point is compared with: "previous", "first" or "all".
        convention: As for `style_loss`.
        layer_weights: As for `style_loss`.

    Raises:
        ValueError: As `style_loss`, or if `against` is none of the three.
    """
    if against not in get_args(Against):
        raise ValueError(f'against needs to be "previous", "first" or "all", but is {against!r}')
    check_style(reader, convention, layer_weights)
    paths = np.asarray(paths)
    _check_paths(paths)

    def losses(ones: Sequence[Tensor], others: Sequence[Tensor]) -> Tensor:
        return gram_losses(ones, others, convention=convention, layer_weights=layer_weights)

    found = []
    for path in paths:
        parts = list(chunks(path, reader))
        grams = parts[0] if len(parts) == 1 else [torch.cat(each) for each in zip(*parts, strict=True)]
        later = [each[1:] for each in grams]
        if against == "previous":
            found.append(losses(later, [each[:-1] for each in grams]))
        elif against == "first":
            found.append(losses(later, [each[:1] for each in grams]))
        else:
            each_point = [[each[point : point + 1] for each in grams] for point in range(len(path))]
            found.append(torch.stack([losses(grams, alone) for alone in each_point]))
    words = in_words(reader, convention, layer_weights, paths.shape[3:])
    other = {"previous": "the one before", "first": "the first", "all": "every other"}[against]
    definition = f"{words}; each of {paths.shape[1]} points of a path against {other}"
    return StyleProfiles(torch.stack(found).double().numpy(), reader.layers, definition)


def path_features(
    paths: Float[np.ndarray, "P T C H W"],
    reader: FeatureReader,
    *,
    content_layer: str | None = None,
    convention: Convention = "paper",
    layer_weights: Sequence[float] | None = None,
) -> PathFeatures:
    r"""Style loss, content loss and feature distance of every step along paths, in one pass.

    With F and P the features of the later and the earlier point at one layer, the content loss is

    .. math:: \tfrac12 \sum_{ij} (F_{ij} - P_{ij})^2

    ("paper") or the mean of the squares ("gatys_code"). Style loss sees what textures and colours there are,
    content loss and distance also where.

    Null: 0 where pictures are equal. Bias: as `style_profiles`. Cost: as that, and the features of 13
    pictures in memory.

    Args:
        paths: Pictures in [0, 1], of one or three channels; 2 or more points a path.
        reader: The network and its layers.
        content_layer: One of the reader's; None for the last. The paper's is relu4_2.
        convention: Of the losses of style and content.
        layer_weights: Of the style loss, as for `style_loss`; 0 for a layer that is read for content alone.
            Distances take all layers alike.

    Raises:
        ValueError: As `style_loss`, or if the reader does not read `content_layer`.
    """
    content_layer = reader.layers[-1] if content_layer is None else content_layer
    if content_layer not in reader.layers:
        raise ValueError(
            f"content_layer needs to be one that the reader reads, {', '.join(reader.layers)}, but is "
            f"{content_layer!r}"
        )
    check_style(reader, convention, layer_weights)
    paths = np.asarray(paths)
    _check_paths(paths)
    count = len(reader.layers)
    layer = reader.layers.index(content_layer)

    def changes(before: list[Tensor], after: list[Tensor]) -> Tensor:
        style = gram_losses(after[count:], before[count:], convention=convention, layer_weights=layer_weights)
        earlier, later = ([each.flatten(1) for each in side[:count]] for side in (before, after))
        squares = (later[layer].float() - earlier[layer].float()).square()
        content = squares.sum(1) / 2 if convention == "paper" else squares.mean(1)
        return torch.stack([style, content, feature_errors(earlier, later)])

    steps = [
        torch.cat([changes(*pair) for pair in _steps(chunks(path, reader, maps=True))], dim=1)
        for path in paths
    ]
    style, content, distance = torch.stack(steps, dim=1).double().numpy()
    half = "half the sum" if convention == "paper" else "mean"
    definition = (
        f"style: {in_words(reader, convention, layer_weights, paths.shape[3:])}; content: {half} of squared "
        f"differences of features at {content_layer}; distance: mean square of the difference of features "
        f"over that of the earlier point, equal layers; each of {paths.shape[1]} points of a path against "
        "the one before"
    )
    return PathFeatures(style, content, distance, reader.layers, content_layer, definition)


def profile_results(
    profiles: StyleProfiles | Float[np.ndarray, "P S"],
    *,
    name: str = "style_loss",
    unit: str | None = None,
    definition: str | None = None,
    seed: int = 0,
) -> list[Result]:
    """The mean over paths of each step, with an interval that covers the choice of the paths.

    Intervals are by the bootstrap over paths and lie within the values of the paths, so not under 0 where no
    value does; one path has none. Bias: none; intervals are too narrow for fewer than about ten paths, and
    where paths share ends and are not independent.

    >>> [result.name for result in profile_results(np.ones((4, 2)))]
    ['style_loss_step_1', 'style_loss_step_2']

    Args:
        profiles: What `style_profiles` gives, or one value a step of each path.
        name: Of the results, before the number of the step.
        unit: Of the values; None for that of style losses where they are known to be such, else none.
        definition: What they are; None for what `StyleProfiles` says of itself.
        seed: Of the bootstrap.

    Raises:
        TypeError: If the seed is no whole number.
        ValueError: If there is not a finite number a step of each path, as of profiles against all.
    """
    check_whole("seed", seed)
    if isinstance(profiles, StyleProfiles):
        unit = STYLE_UNIT if unit is None else unit
        definition = profiles.definition if definition is None else definition
    values = step_values(profiles, "profile_results")
    if not values.size or not np.isfinite(values).all():
        raise ValueError(
            f"profiles need one finite number or more, but got shape {values.shape} or NaN in it"
        )
    unit, definition = unit or "", definition or ""
    steps = range(1, values.shape[1] + 1)
    return bootstrap_results(
        [f"{name}_step_{step}" for step in steps],
        values.astype(np.float64),
        unit=unit,
        definitions=[
            f"{definition}; step {step} of {len(steps)}, mean over paths".removeprefix("; ") for step in steps
        ],
        seed=seed,
    )


def step_values(profiles: object, what: str) -> Float[np.ndarray, "P S"]:
    """The numbers of profiles, one a step of each path.

    Args:
        profiles: What `style_profiles` gives, or an array (P, S).
        what: The function that takes them.

    Raises:
        ValueError: If they are of another shape.
    """
    values = profiles.losses if isinstance(profiles, StyleProfiles) else np.asarray(profiles, dtype=float)
    if values.ndim != 2:
        raise ValueError(
            f"{what} needs profiles (P, S), one value a step of each path, but got shape {values.shape}; "
            'give those of style_profiles against "previous" or "first", not "all"'
        )
    return values


def _check_paths(paths: np.ndarray) -> None:
    if paths.ndim != 5 or paths.shape[1] < 2:
        raise ValueError(
            f"paths need shape (P, T, C, H, W) with 2 or more points T, but got {paths.shape}; give one "
            "path as path[None]"
        )
    check_images(paths, "paths")


def _steps(parts: Iterable[list[Tensor]]) -> Iterator[tuple[list[Tensor], list[Tensor]]]:
    """Rows that come some at a time, as pairs of each row and the one after it."""
    last: list[Tensor] | None = None
    for part in parts:
        both = part if last is None else [torch.cat(each) for each in zip(last, part, strict=True)]
        last = [each[-1:] for each in both]
        yield [each[:-1] for each in both], [each[1:] for each in both]
