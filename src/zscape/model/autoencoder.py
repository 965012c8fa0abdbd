"""The one model class: it encodes and decodes, and holds no loss."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from zscape.base import Likelihood, Posterior
from zscape.errors import SettingError, nearest
from zscape.model import networks, sketching
from zscape.model.likelihoods import BernoulliHead, GaussianHead, head_from_spec

ACTIVATIONS = {
    activation.__name__: activation
    for activation in (nn.ELU, nn.GELU, nn.LeakyReLU, nn.ReLU, nn.SiLU, nn.Softplus, nn.Tanh)
}


class Autoencoder(nn.Module):
    """An encoder, a decoder, and a head that reads the decoder's output as a likelihood.

    Build one with `mlp`, `conv` or `lstm`, or wrap networks of your own in one line:

    >>> encoder = nn.Sequential(nn.Flatten(), nn.Linear(64, 3))
    >>> decoder = nn.Sequential(nn.Linear(3, 64), nn.Unflatten(1, (1, 8, 8)))
    >>> model = Autoencoder(encoder, decoder, shape=(1, 8, 8), latent=3)
    >>> model.encode(torch.zeros(5, 1, 8, 8)).mean.shape
    torch.Size([5, 3])

    Args:
        encoder: Data (B, *shape) to a Posterior, a tensor of means (B, D), or a tuple (mean, logvar).
        decoder: Codes (B, D) to a tensor that can be reshaped to (B, *shape), or to a Likelihood.
        shape: Shape of one sample.
        latent: Latent dimensions, D.
        head: Reads the decoder's tensor as a likelihood; Gaussian of standard deviation 1 if not given.

    Raises:
        ValueError: If latent < 1 or a side of shape is < 1.
    """

    def __init__(
        self,
        encoder: nn.Module,
        decoder: nn.Module,
        *,
        shape: Sequence[int],
        latent: int,
        head: nn.Module | None = None,
    ) -> None:
        super().__init__()
        _check_size(shape, latent)
        self.encoder = encoder
        self.decoder = decoder
        self.head = head if head is not None else GaussianHead()
        self.shape = tuple(shape)
        self.latent = latent
        self._spec: dict[str, Any] | None = None

    @classmethod
    def mlp(
        cls,
        shape: Sequence[int],
        *,
        latent: int,
        widths: Sequence[int] = (500, 500),
        activation: type[nn.Module] = nn.Softplus,
        stochastic: bool = True,
        head: nn.Module | None = None,
    ) -> Autoencoder:
        """A fully connected autoencoder; by default the published 500-500 softplus network.

        Args:
            shape: Shape of one sample.
            latent: Latent dimensions, D.
            widths: Hidden layers of the encoder; the decoder mirrors them.
            activation: A class of torch.nn: ELU, GELU, LeakyReLU, ReLU, SiLU, Softplus or Tanh.
            stochastic: Whether the encoder gives a log variance; False for a plain autoencoder.
            head: What the decoder says about data; Bernoulli if not given.

        Raises:
            ValueError: If widths is empty or holds a number below 1, or the activation is not one of those
                listed.
        """
        _check_size(shape, latent)
        if not widths or min(widths) < 1:
            raise ValueError(f"mlp needs one or more widths, each >= 1, but got {list(widths)}")
        settings = {
            "widths": list(widths),
            "activation": _activation_name(activation),
            "stochastic": stochastic,
        }
        pair = networks.mlp(shape, latent, widths=widths, activation=activation, stochastic=stochastic)
        return cls._built("mlp", pair, settings, shape=shape, latent=latent, head=head)

    @classmethod
    def conv(
        cls,
        shape: Sequence[int],
        *,
        latent: int,
        channels: Sequence[int] = (32, 64, 128, 256),
        dense: int = 256,
        activation: type[nn.Module] = nn.ReLU,
        stochastic: bool = True,
        head: nn.Module | None = None,
    ) -> Autoencoder:
        """A convolutional autoencoder for pictures: by default four strided convolutions and a dense layer.

        Args:
            shape: Picture shape (C, H, W); each side at least 2 to the number of convolutions.
            latent: Latent dimensions, D.
            channels: Output channels of each convolution; each halves height and width.
            dense: Width of the dense layer.
            activation: A class of torch.nn: ELU, GELU, LeakyReLU, ReLU, SiLU, Softplus or Tanh.
            stochastic: Whether the encoder gives a log variance; False for a plain autoencoder.
            head: What the decoder says about data; Bernoulli if not given.

        Raises:
            ValueError: If the shape is not (C, H, W) or too small, channels is empty, a width is below 1, or
                the activation is not one of those listed.
        """
        _check_size(shape, latent)
        if len(shape) != 3:
            raise ValueError(f"conv needs pictures of shape (C, H, W), but got {tuple(shape)}; use mlp")
        if not channels or min(*channels, dense) < 1:
            raise ValueError(f"conv needs channels and dense >= 1, but got {list(channels)} and {dense}")
        settings = {
            "channels": list(channels),
            "dense": dense,
            "activation": _activation_name(activation),
            "stochastic": stochastic,
        }
        pair = networks.conv(
            shape, latent, channels=channels, dense=dense, activation=activation, stochastic=stochastic
        )
        return cls._built("conv", pair, settings, shape=shape, latent=latent, head=head)

    @classmethod
    def lstm(
        cls,
        shape: Sequence[int],
        *,
        latent: int = 128,
        encoder: int = 256,
        decoder: int = 512,
        mixtures: int = 20,
        stochastic: bool = True,
        layer_norm: bool = False,
        dropout: float = 0.0,
    ) -> Autoencoder:
        """A recurrent autoencoder for drawings in stroke-5 form; by default of the published size.

        Its likelihood is a `StrokeMixture`; `draw` makes drawings of any temperature from codes.

        Args:
            shape: (L, 5): rows of the longest drawing with its end, and their features.
            latent: Latent dimensions, D.
            encoder: Width of the encoder in each of its two directions.
            decoder: Width of the decoder.
            mixtures: Gaussians that the next point is a mixture of.
            stochastic: Whether the encoder gives a log variance; False for a plain autoencoder.
            layer_norm: Whether the gates and the memory are normalised.
            dropout: Share of the candidates that are dropped in training, at every step anew; the memory is
                left alone.

        Raises:
            ValueError: If the shape is not (L, 5) with L >= 2, a width or mixtures is below 1, or dropout is
                not in [0, 1).

        References:
            Ha and Eck, A Neural Representation of Sketch Drawings, ICLR 2018.
        """
        _check_size(shape, latent)
        if len(shape) != 2 or shape[1] != sketching.ROW or shape[0] < 2:
            raise ValueError(
                f"lstm needs drawings of shape (L, {sketching.ROW}) with L >= 2, but got {tuple(shape)}; "
                "for pictures use conv or mlp"
            )
        if min(encoder, decoder, mixtures) < 1 or not 0 <= dropout < 1:
            raise ValueError(
                "lstm needs encoder, decoder and mixtures >= 1 and dropout in [0, 1), but got "
                f"{encoder}, {decoder}, {mixtures} and {dropout}"
            )
        settings = {
            "encoder": encoder,
            "decoder": decoder,
            "mixtures": mixtures,
            "stochastic": stochastic,
            "layer_norm": layer_norm,
            "dropout": dropout,
        }
        # The decoder's output is a likelihood already, so there is nothing for a head to do.
        model = cls(
            *sketching.lstm(shape, latent, **settings), shape=shape, latent=latent, head=nn.Identity()
        )
        model._spec = {"net": "lstm", "shape": list(shape), "latent": latent, **settings}
        return model

    @classmethod
    def _built(
        cls,
        net: str,
        pair: networks.Pair,
        settings: dict[str, Any],
        *,
        shape: Sequence[int],
        latent: int,
        head: nn.Module | None,
    ) -> Autoencoder:
        head = head if head is not None else BernoulliHead()
        model = cls(*pair, shape=shape, latent=latent, head=head)
        # A head that cannot describe itself leaves the model without a spec, as a wrapped one.
        if hasattr(head, "to_spec"):
            model._spec = {
                "net": net,
                "shape": list(shape),
                "latent": latent,
                **settings,
                "head": head.to_spec(),  # type: ignore[operator]
            }
        return model

    def encode(self, x: Tensor) -> Posterior:
        """Posterior of a batch (B, *shape).

        Raises:
            ValueError: If the encoder gives codes of another shape than (B, latent).
        """
        output = self.encoder(x)
        if isinstance(output, Tensor):
            output = Posterior(output)
        elif isinstance(output, tuple):
            output = Posterior(*output)
        for name, part in (("mean", output.mean), ("logvar", output.logvar)):
            if part is not None and part.shape != (len(x), self.latent):
                raise ValueError(
                    f"the encoder must give a {name} of shape {(len(x), self.latent)}, "
                    f"but gave {tuple(part.shape)}"
                )
        # Codes and variances keep full precision under autocast: a sum over latents needs the digits.
        if output.mean.dtype in (torch.bfloat16, torch.float16):
            output = Posterior(output.mean.float(), None if output.logvar is None else output.logvar.float())
        return output

    def decode(self, z: Float[Tensor, "B D"]) -> Likelihood:
        """Likelihood of data given codes (B, D).

        Raises:
            ValueError: If the decoder gives a tensor that does not hold B samples of the model's shape.
        """
        output = self.decoder(z)
        if not isinstance(output, Tensor):
            return output
        if output.numel() != len(z) * math.prod(self.shape):
            raise ValueError(
                f"the decoder must give {len(z)} samples of shape {self.shape}, "
                f"but gave {tuple(output.shape)}"
            )
        return self.head(output.reshape(len(z), *self.shape))

    def pictures(self, z: Float[np.ndarray, "N D"], *, batch: int = 1024) -> Float[np.ndarray, "N ..."]:
        """Mean data at codes z (N, D), as float32 (N, *shape), in evaluation mode and without gradients.

        Args:
            z: Codes.
            batch: Codes decoded at a time.

        Raises:
            ValueError: If z is not (N, latent).
        """
        self.check_codes(z)
        with self.evaluating() as device:
            parts = [
                self.decode(torch.as_tensor(z[i : i + batch], dtype=torch.float32, device=device)).mean.cpu()
                for i in range(0, len(z), batch)
            ]
        return torch.cat(parts).numpy() if parts else np.empty((0, *self.shape), dtype=np.float32)

    def check_codes(self, z: np.ndarray) -> None:
        """Refuse an array that cannot be codes of this model.

        Raises:
            ValueError: If z is not (N, latent).
        """
        if z.ndim != 2 or z.shape[1] != self.latent:
            raise ValueError(f"codes must be of shape (N, {self.latent}) for this model, but got {z.shape}")

    def log_prob(self, x: np.ndarray, z: Float[np.ndarray, "N D"]) -> Float[np.ndarray, "N"]:
        """Log-likelihood log p(x | z) of each row in nats, in evaluation mode and without gradients."""
        with self.evaluating() as device:
            codes, data = (torch.as_tensor(array, dtype=torch.float32, device=device) for array in (z, x))
            return self.decode(codes).log_prob(data).double().cpu().numpy()

    @contextlib.contextmanager
    def evaluating(self) -> Iterator[torch.device]:
        """Evaluation mode without gradients; every module's mode is put back. Yields the device."""
        modes = {module: module.training for module in self.modules()}
        self.eval()
        try:
            with torch.no_grad():
                yield next(self.parameters()).device
        finally:
            for module, training in modes.items():
                module.training = training

    def to_spec(self) -> dict[str, Any]:
        """What `from_spec` needs to build this model again; for wrapped networks, only what they must fit."""
        return self._spec or {"net": "wrapped", "shape": list(self.shape), "latent": self.latent}

    @classmethod
    def from_spec(cls, spec: dict[str, Any]) -> Autoencoder:
        """Build the model that `to_spec` described, with fresh weights.

        Raises:
            SettingError: If the spec is of wrapped networks, or names something unknown.
        """
        settings = dict(spec)
        net = settings.pop("net", None)
        if net == "wrapped":
            raise SettingError(
                "this run wraps networks that are not zscape's, so its spec cannot rebuild them; "
                "pass the model: zscape.Run(path, model=model)"
            )
        if net not in ("mlp", "conv", "lstm"):
            raise SettingError(f"unknown network {net!r}: {nearest(str(net), ('mlp', 'conv', 'lstm'))}")
        if net != "lstm":
            settings["activation"] = activation_named(settings.get("activation", "ReLU"))
            settings["head"] = head_from_spec(settings.get("head", {"name": "bernoulli"}))
        try:
            return getattr(cls, net)(settings.pop("shape"), **settings)
        except (KeyError, TypeError) as error:
            raise SettingError(f"the model's spec does not fit the network {net!r}: {error}") from error


def activation_named(name: str) -> type[nn.Module]:
    """The activation class of that name.

    Raises:
        SettingError: If the name is not one of those that a spec can hold.
    """
    if name not in ACTIVATIONS:
        raise SettingError(f"unknown activation {name!r}: {nearest(name, ACTIVATIONS)}")
    return ACTIVATIONS[name]


def _check_size(shape: Sequence[int], latent: int) -> None:
    if latent < 1 or min(shape) < 1:
        raise ValueError(
            f"Autoencoder needs latent >= 1 and a shape without zeros, but got {latent} and {tuple(shape)}"
        )


def _activation_name(activation: type[nn.Module]) -> str:
    name = getattr(activation, "__name__", repr(activation))
    if ACTIVATIONS.get(name) is not activation:
        known = ", ".join(ACTIVATIONS)
        raise ValueError(f"the activation must be a class of torch.nn among {known}, but got {name}")
    return name
