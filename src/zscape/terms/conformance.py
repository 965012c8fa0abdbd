"""What every term and critic must pass, ours or a user's; a failed check raises a ValueError that names it.

>>> from zscape.terms import kl
>>> check_term(kl)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from zscape.base import Critic, Draw, Posterior, Term, needs_whole_batch
from zscape.model import Autoencoder

_SHAPE = (1, 4, 4)
_LATENT = 3
_BATCH = 8


def check_term(term: Term | Critic) -> None:
    """Check that a term is a finite, differentiable scalar that leaves its arguments alone.

    Also: it works in float64 as in float32, agrees with itself under one seed, and is a mean over samples
    unless it is marked with `whole_batch`.

    Args:
        term: A term, as it would stand in an objective. Labels 0, 1, 2 are given to it.

    Raises:
        ValueError: Naming the first property that does not hold.
    """
    for dtype in (torch.float32, torch.float64):
        model, draw = _pass(dtype)
        if isinstance(term, nn.Module):
            term.to(dtype)
        before = [part.detach().clone() for part in _tensors(draw)]
        value = _seeded(term, draw)
        _need(isinstance(value, Tensor) and value.shape == (), f"a scalar tensor, but it gave {_kind(value)}")
        _need(value.dtype == dtype, f"its inputs' type {dtype}, but it gave {value.dtype}")
        _need(bool(torch.isfinite(value)), f"a finite value, but it gave {value.item()}")
        same = all(torch.equal(old, new.detach()) for old, new in zip(before, _tensors(draw), strict=True))
        _need(same, "its arguments left as they were, but it changed one")
        _need(torch.equal(value, _seeded(term, draw)), "one value for one seed, but two calls differed")
        _check_gradient(value, model)
    if not needs_whole_batch(term):
        _check_mean_over_samples(term)


def check_critic(critic: Critic) -> None:
    """Check that a critic is a term and that its two losses move two disjoint sets of parameters.

    The critic's own loss must reach its parameters. That neither loss reaches the other side is what the
    training loop guarantees; here the losses are taken as the loop takes them.

    Args:
        critic: A critic for pictures of shape (1, 4, 4) and 3 latent dimensions.

    Raises:
        ValueError: Naming the first property that does not hold.
    """
    check_term(critic)
    critic.to(torch.float32)
    model, draw = _pass(torch.float32)
    parameters = [p for p in critic.parameters() if p.requires_grad]
    _need(bool(parameters), "a critic with parameters, but it has none; write it as a plain term")
    own = _seeded(critic.loss, draw)
    _need(own.shape == () and bool(torch.isfinite(own)), f"a finite scalar loss, but it gave {_kind(own)}")
    own.backward(inputs=parameters, retain_graph=True)
    _need(_moved(parameters), "a loss that reaches the critic's parameters, but their gradients are all zero")
    _need(not _moved(model.parameters()), "a loss that leaves the model alone, but it reached the model")
    critic.zero_grad()
    _seeded(critic, draw).backward(inputs=list(model.parameters()))
    _need(not _moved(parameters), "a term that leaves the critic alone, but it reached the critic")


def _check_gradient(value: Tensor, model: Autoencoder) -> None:
    _need(value.requires_grad, "a value that depends on the model, but it has no gradient history")
    value.backward(inputs=list(model.parameters()), retain_graph=True)
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    finite = all(bool(torch.isfinite(gradient).all()) for gradient in gradients)
    _need(finite, "finite gradients, but one is not finite")
    _need(_moved(model.parameters()), "a gradient that moves the model, but all gradients are zero")


def _check_mean_over_samples(term: Term) -> None:
    model, draw = _pass(torch.float64)
    if isinstance(term, nn.Module):
        term.to(torch.float64)
    half = _BATCH // 2
    halves = [_rows(draw, model, slice(0, half)), _rows(draw, model, slice(half, None))]
    whole = _seeded(term, draw)
    parts = torch.stack([_seeded(term, part) for part in halves]).mean()
    if not torch.allclose(whole, parts, rtol=1e-6):
        # A term that draws at random gives other values on other halves; only one that repeats can be judged.
        again = _seeded(term, draw, seed=1)
        _need(
            not torch.equal(whole, again),
            f"a mean over samples, but halves of a batch average to {parts.item():.6g} and the whole gives "
            f"{whole.item():.6g}; mark it with zscape.base.whole_batch",
        )


def _pass(dtype: torch.dtype) -> tuple[Autoencoder, Draw]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = Autoencoder.mlp(_SHAPE, latent=_LATENT, widths=(16,)).to(dtype)
        x = torch.rand(_BATCH, *_SHAPE, dtype=dtype)
        q = model.encode(x)
        z = q.sample(torch.randn(_BATCH, _LATENT, dtype=dtype))
    y = torch.arange(_BATCH) % 3
    draw = Draw(x, y, q, z, model.decode(z), model.encode, model.decode, step=3, total=10)
    return model, draw


def _rows(draw: Draw, model: Autoencoder, rows: slice) -> Draw:
    q = Posterior(draw.q.mean[rows], None if draw.q.logvar is None else draw.q.logvar[rows])
    z = draw.z[rows]
    y = None if draw.y is None else draw.y[rows]
    return replace(draw, x=draw.x[rows], y=y, q=q, z=z, decoded=model.decode(z))


def _seeded(term: Callable[[Draw], Any], draw: Draw, seed: int = 0) -> Any:  # noqa: ANN401 (what a term gives)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return term(draw)


def _tensors(draw: Draw) -> list[Tensor]:
    parts = [draw.x, draw.y, draw.q.mean, draw.q.logvar, draw.z, draw.decoded.mean]
    return [part for part in parts if part is not None]


def _moved(parameters: Iterable[Tensor]) -> bool:
    return any(p.grad is not None and bool((p.grad != 0).any()) for p in parameters)


def _kind(value: object) -> str:
    return f"shape {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__


def _need(holds: bool, needed: str) -> None:
    if not holds:
        raise ValueError(f"a term must give {needed}")
