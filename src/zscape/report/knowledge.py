"""What latents know of factors: a map of mutual information, a row a factor and a column a latent."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from zscape.report.style import INK, MUTED, WIDTH, label, shades, styled
from zscape.walk import latent_name

_WRITTEN = 16  # latents up to which each number is written into its square
_MOST = 64  # latents that are shown


@styled()
def information_map(
    matrix: Float[np.ndarray, "D F"], entropies: Float[np.ndarray, "F"], names: tuple[str, ...]
) -> Figure:
    """Mutual information of latents and factors, each as a share of the entropy of the factor.

    The latents that know most of anything come first, 64 at most. The one that knows most of a factor has a
    frame; right of a row stands by how much it is ahead of the next, whose mean is the gap MIG.

    Args:
        matrix: Nats, as `zscape.measure.Information` has them; below 0 they are shown as 0.
        entropies: Of the factors, in nats.
        names: Of the factors.
    """
    shares = np.maximum(matrix, 0) / entropies
    order = np.argsort(-shares.max(axis=1), kind="stable")[:_MOST]
    shown = shares[order].T
    factors, latents = shown.shape
    figure = Figure(figsize=(WIDTH, 0.75 + 0.34 * factors), layout="constrained")
    axes = figure.subplots()
    picture = axes.imshow(shown, cmap=shades(), vmin=0, vmax=1, aspect="auto")
    bar = figure.colorbar(picture, ax=axes, aspect=12, pad=0.09, label="share of the entropy")
    bar.outline.set_visible(False)
    if latents <= _WRITTEN:
        for row, column in np.ndindex(shown.shape):
            # Dark ink on both ends of the scale, whatever the page is.
            axes.text(
                column, row, f"{shown[row, column]:.2f}", ha="center", va="center", fontsize=7.5,
                color="#ffffff" if shown[row, column] < 0.3 else "#101010",
            )  # fmt: skip
    for row, values in enumerate(shown):
        ranked = np.sort(values)[::-1]
        gap = ranked[0] - (ranked[1] if latents > 1 else 0.0)
        axes.add_patch(
            Rectangle(
                (values.argmax() - 0.5, row - 0.5),
                1,
                1,
                fill=False,
                edgecolor=INK,
                linewidth=1.4,
                clip_on=False,
            )
        )
        axes.text(latents - 0.38, row, f"{gap:.2f}", ha="left", va="center", fontsize=8.5, color=INK)
    axes.text(latents - 0.38, -0.75, "gap", ha="left", va="center", fontsize=8.5, color=MUTED)
    step = 1 if latents <= _WRITTEN else 8
    axes.set_xticks(range(0, latents, step), [latent_name(int(which)) for which in order[::step]])
    axes.set_yticks(range(factors), [label(name) for name in names])
    axes.grid(visible=False)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    return figure
