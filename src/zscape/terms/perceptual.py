"""How far decoded pictures are from pictures in the eyes of a network that was trained on photographs."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from zscape.base import Draw
from zscape.model import feature_errors, feature_reader
from zscape.model.perception import Network
from zscape.model.weights import Preprocessing

_GIB = 2**30


class Perceptual(nn.Module):
    r"""Squared difference between features of a picture and of what is decoded, at layers of a network.

    .. math:: \frac{1}{B} \sum_b \sum_l w_l
        \frac{\lVert \phi_l(\hat x_b) - \phi_l(x_b) \rVert^2}{\lVert \phi_l(x_b) \rVert^2}

    as `zscape.model.feature_errors` has it: a share, 1 where all features are lost, and no likelihood. The
    weight is in nats for that much: a picture whose features are off by a tenth in norm costs a hundredth of
    it.

    Weights of the network get no gradients, are not part of checkpoints and stay in evaluation mode; a spec
    keeps their file's name and hash, and resuming asks for the same content.

    Features of the data are worked out once for every row that `Draw.rows` names, and kept up to a limit,
    beside the data's device; first come, first kept. The picture is kept with them and compared, so that
    another data set is no danger. Kept or not, the value is the same to the bit, since features of data are
    worked out in a way that does not depend on the batch (`FeatureReader.read_alone`).

    Null: 0 where every sample is decoded exactly, to rounding. Bias: none.
    Cost: three passes of the batch through the network (features of both, gradient of one), two where
    features of the data are kept. See the benchmarks.

    >>> term = Perceptual("vgg16", weights="random", layers=["relu1_1"])
    >>> term.settings["layers"], len(term.state_dict())
    (['relu1_1'], 0)

    Args:
        network: Which one; the published system names VGG16.
        weights: As for `zscape.model.feature_reader`.
        layers: As for `feature_reader`; the published system does not name its layers.
        layer_weights: w, one a layer; None for equal weights of sum 1.
        preprocessing: As for `feature_reader`.
        resize: As for `feature_reader`.
        relative: Whether to divide by the squared norm of the features. Without, the mean over n_l of the
            squared difference takes its place, in squared units of features, which differ a thousandfold
            between layers and preprocessings.
        bf16: As for `feature_reader`.
        budget_gib: Memory for features of the data, in GiB; 0 keeps none.
        sha256: As for `feature_reader`; a spec holds it.

    Raises:
        DataError: As `feature_reader`.
        ValueError: As `feature_reader`, or if layer_weights are not one number >= 0 a layer, or budget_gib
            < 0; when called, if x are no pictures, or too small for the layers.

    References:
        Johnson, Alahi and Fei-Fei, Perceptual Losses for Real-Time Style Transfer and Super-Resolution, ECCV
        2016; Hou et al., Deep Feature Consistent Variational Autoencoder, WACV 2017. Both have the mean of
        squared differences, `relative=False`.
    """

    def __init__(
        self,
        network: Network = "vgg19",
        *,
        weights: str | os.PathLike[str] | None = None,
        layers: Sequence[str] | None = None,
        layer_weights: Sequence[float] | None = None,
        preprocessing: Preprocessing | None = None,
        resize: int | None = None,
        relative: bool = True,
        bf16: bool = False,
        budget_gib: float = 1.0,
        sha256: str | None = None,
    ) -> None:
        super().__init__()
        if not budget_gib >= 0:
            raise ValueError(f"Perceptual needs budget_gib >= 0, but got {budget_gib}")
        # Not a part of this module: its weights are neither trained nor kept with the fit.
        self.reader = feature_reader(
            network,
            weights=weights,
            layers=layers,
            preprocessing=preprocessing,
            resize=resize,
            bf16=bf16,
            sha256=sha256,
        )
        count = len(self.reader.layers)
        self._weights = [1 / count] * count if layer_weights is None else [float(w) for w in layer_weights]
        if len(self._weights) != count or not all(0 <= weight < math.inf for weight in self._weights):
            raise ValueError(
                f"Perceptual needs a layer weight >= 0 for each of {count} layers, but got {self._weights}"
            )
        self.settings = {
            **self.reader.settings,
            "layer_weights": self._weights,
            "relative": relative,
            "budget_gib": budget_gib,
        }
        self._kept = _Kept(budget_gib * _GIB)

    def forward(self, draw: Draw) -> Float[Tensor, ""]:
        """The mean over the batch; features of its data are kept for later."""
        if draw.rows is None:
            wanted = self.reader.read_alone(draw.x)
        else:
            wanted = self._kept.features(draw.rows.tolist(), draw.x, self.reader.read_alone)
        found = self.reader.read(draw.decoded.mean)
        relative = self.settings["relative"]
        errors = feature_errors(wanted, found, layer_weights=self._weights, relative=relative)
        return errors.mean().to(draw.x.dtype)


class _Kept:
    """Features of rows of a data set, first come, first kept, up to a number of bytes."""

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._forget()

    def features(
        self, rows: Sequence[int], x: Tensor, compute: Callable[[Tensor], list[Tensor]]
    ) -> list[Tensor]:
        """Features of pictures, computed where they are not kept.

        Args:
            rows: Of the data set.
            x: Their pictures.
            compute: Features of pictures, a row a picture, layer by layer.
        """
        here = [place for place, row in enumerate(rows) if row in self._rows]
        if here and not self._same([rows[place] for place in here], x[here]):
            # Of another data set, or of the same on another device or in another type.
            self._forget()
            here = []
        if len(here) == len(rows):
            return self._gathered([self._rows[row][1] for row in rows])
        missing = sorted(set(range(len(rows))) - set(here))
        fresh = compute(x[missing])
        found = {place: [layer[number] for layer in fresh] for number, place in enumerate(missing)}
        for place, features in found.items():
            self._keep(rows[place], x[place], features)
        if not here:
            return fresh
        return self._gathered([found.get(place) or self._rows[row][1] for place, row in enumerate(rows)])

    def _same(self, rows: Sequence[int], x: Tensor) -> bool:
        kept = [self._rows[row][0] for row in rows]
        first = kept[0]
        alike = (first.dtype, first.device, first.shape) == (x.dtype, x.device, x.shape[1:])
        return alike and torch.equal(torch.stack(kept), x)

    def _keep(self, row: int, picture: Tensor, features: list[Tensor]) -> None:
        size = sum(part.numel() * part.element_size() for part in (picture, *features))
        if row not in self._rows and self._bytes + size <= self._limit:
            # Copies, since a view would hold on to the whole batch.
            self._rows[row] = picture.clone(), [layer.clone() for layer in features]
            self._bytes += size

    def _gathered(self, rows: list[list[Tensor]]) -> list[Tensor]:
        return [torch.stack(layer) for layer in zip(*rows, strict=True)]

    def _forget(self) -> None:
        self._rows: dict[int, tuple[Tensor, list[Tensor]]] = {}
        self._bytes = 0
