"""How latents answer to known factors: small curves, a row a latent and a column a factor."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from zscape.report.style import INK, MUTED, TRAIN, WIDTH, label, styled
from zscape.walk import Response, latent_name

_ABOVE, _BELOW = 0.42, 0.5  # inches, of titles and of the numbers of the last row with the words under them
_ROW = 0.95  # inches, of a row of panels with the space above it for its percentages
# Percent of the variance of a latent; what answers less is drawn in grey.
_ANSWERS = 10


@styled()
def response_curves(found: Sequence[Response], latents: Sequence[int]) -> Figure:
    """Mean of each latent against each factor with its 95 % interval, and the share of its variance.

    The panels of a latent share their vertical axis. Those with a tenth of its variance or more stand out.

    Args:
        found: What `zscape.walk.responses` gave, one a column.
        latents: Latents from 0, one a row.

    Raises:
        ValueError: If there are no factors or no latents.
    """
    if not len(found) or not len(latents):
        raise ValueError(
            f"response_curves needs factors and latents, but got {len(found)} and {len(latents)}; a factor "
            "needs to be in the codes table"
        )
    rows, columns = len(latents), len(found)
    tall = _ABOVE + _ROW * rows + _BELOW
    figure = Figure(figsize=(WIDTH, tall))
    # Margins that are known save the layout of all panels, which takes as long as drawing them.
    around = {
        "left": 0.72 / WIDTH,
        "right": 1 - 0.05 / WIDTH,
        "bottom": _BELOW / tall,
        "top": 1 - _ABOVE / tall,
    }
    grid = figure.subplots(
        rows, columns, squeeze=False, sharex="col", sharey="row",
        gridspec_kw=around | {"wspace": 0.07, "hspace": 0.26},
    )  # fmt: skip
    for across, response in enumerate(found):
        for down, latent in enumerate(latents):
            _panel(grid[down, across], response, int(latent))
        # Above the percentages, which stand at the right.
        grid[0, across].set_title(label(response.factor, 90 // columns), pad=14)
    for axes, latent in zip(grid[:, 0], latents, strict=True):
        axes.annotate(
            latent_name(int(latent)), (0, 0.5), (-34, 0), xycoords="axes fraction",
            textcoords="offset points", ha="right", va="center", color=INK,
        )  # fmt: skip
        axes.yaxis.set_major_locator(MaxNLocator(2, min_n_ticks=2))
    figure.text(
        0.5, 0.05 / tall, "mean of the latent and its 95 % interval at each value of the factor; %: share of "
        "the latent's variance", ha="center", va="bottom", fontsize=8, color=MUTED,
    )  # fmt: skip
    return figure


def _panel(axes: Axes, response: Response, latent: int) -> None:
    percent = max(round(100 * float(response.share[latent])), 0)
    answers = percent >= _ANSWERS
    colour = TRAIN if answers else MUTED
    mean, low, high = (each[:, latent] for each in (response.mean, response.low, response.high))
    axes.fill_between(response.values, low, high, color=colour, alpha=0.25, linewidth=0)
    many = len(response.values) > 15
    axes.plot(
        response.values, mean, color=colour, linewidth=1.3, marker=None if many else "o", markersize=2.5
    )
    axes.text(
        1.0, 1.02, f"{percent} %", transform=axes.transAxes,
        ha="right", va="bottom", fontsize=8, color=INK if answers else MUTED,
    )  # fmt: skip
    whole = bool((response.values == np.round(response.values)).all())
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=whole))
    axes.margins(x=0.06, y=0.2)
