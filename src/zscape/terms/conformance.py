"""What every term and critic must pass, ours or a user's; a failed check raises a ValueError that names it.

>>> from zscape.terms import kl
>>> check_term(kl)
"""

from __future__ import annotations

import copy
import math
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
_ROWS = 100  # of the data set
# Codes of the second pass are so much larger: a term that charges nothing near the prior does so there.
_FAR = 10.0
# A term that draws at random is judged by its mean over so many seeds, to within so many standard errors.
_SEEDS = 200
_ERRORS = 6.0
# A statistic of the whole batch may change by this factor when every sample is there twice; a sum doubles.
_GROWTH = 1.8


def check_term(term: Term | Critic) -> None:
    """Check that a term is a finite, differentiable scalar that leaves its arguments alone.

    Also: it works in float64 as in float32, agrees with itself under one seed, keeps the gradient mode, and
    is a mean over samples; a term marked with `whole_batch` need not be a mean, but must not be a sum.
    Without labels, log variances, rows or size it works or raises a ValueError that says why. A gradient of
    zero is allowed where codes are near the prior, as with free bits, but not where they are ten times as
    far.

    Cost: about 600 calls on batches of 8.

    Args:
        term: A term, as it would stand in an objective; left as it is. Labels 0, 1, 2 are given to it.

    Raises:
        ValueError: Naming the first property that does not hold.
    """
    term = copy.deepcopy(term)
    _build(term)
    for dtype in (torch.float32, torch.float64):
        model, draw = _pass(dtype)
        if isinstance(term, nn.Module):
            term.to(dtype)
        before = [part.detach().clone() for part in _tensors(draw)]
        value = _kept_mode(term, draw)
        _check_scalar(value, dtype)
        same = all(torch.equal(old, new.detach()) for old, new in zip(before, _tensors(draw), strict=True))
        _need(same, "its arguments left as they were, but it changed one")
        _need(torch.equal(value, _seeded(term, draw)), "one value for one seed, but two calls differed")
        if not _check_gradient(value, model):
            model, draw = _pass(dtype, _FAR)
            moved = _check_gradient(_seeded(term, draw), model)
            _need(
                moved, "a gradient that moves the model, but all gradients are zero, far from the prior too"
            )
    if needs_whole_batch(term):
        _check_no_sum(term, "a value that does not grow with the batch")
    else:
        _check_mean_over_samples(term)
    _check_what_may_lack(term)


def check_critic(critic: Critic) -> None:
    """Check that a critic is a term and that its two losses move two disjoint sets of parameters.

    The critic's own loss must reach its parameters and must not be a sum over the batch. That neither loss
    reaches the other side is what the training loop guarantees; here the losses are taken as the loop takes
    them, so that only a critic that moves something by itself is found out.

    Args:
        critic: A critic for pictures of shape (1, 4, 4) and 3 latent dimensions; left as it is.

    Raises:
        ValueError: Naming the first property that does not hold.
    """
    check_term(critic)
    critic = copy.deepcopy(critic)
    _build(critic)
    critic.to(torch.float32)
    model, draw = _pass(torch.float32)
    parameters = [p for p in critic.parameters() if p.requires_grad]
    _need(bool(parameters), "a critic with parameters, but it has none; write it as a plain term")
    # The loop never takes it without gradients, so that a penalty on them is fine.
    own = _kept_mode(critic.loss, draw, modes=(True,))
    fine = isinstance(own, Tensor) and own.shape == () and bool(torch.isfinite(own))
    _need(fine, f"a finite scalar loss, but it gave {_kind(own)}")
    _need(own.requires_grad, "a loss that depends on the critic's parameters, but it has no gradient history")
    own.backward(inputs=parameters, retain_graph=True)
    _need(_moved(parameters), "a loss that reaches the critic's parameters, but their gradients are all zero")
    _need(not _moved(model.parameters()), "a loss that leaves the model alone, but it reached the model")
    critic.zero_grad()
    _seeded(critic, draw).backward(inputs=list(model.parameters()))
    _need(not _moved(parameters), "a term that leaves the critic alone, but it reached the critic")
    critic.to(torch.float64)
    _check_no_sum(critic.loss, "a critic's own loss that does not grow with the batch")


def _build(term: Term | Critic) -> None:
    """Have a critic make its networks for the codes here, as a fit would."""
    if isinstance(term, Critic):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            term.build(_LATENT, _SHAPE)


def _check_scalar(value: object, dtype: torch.dtype) -> None:
    if not (isinstance(value, Tensor) and value.shape == ()):
        raise ValueError(f"a term must give a scalar tensor, but it gave {_kind(value)}")
    _need(value.dtype == dtype, f"its inputs' type {dtype}, but it gave {value.dtype}")
    _need(bool(torch.isfinite(value)), f"a finite value, but it gave {value.item()}")


def _check_gradient(value: Tensor, model: Autoencoder) -> bool:
    """Refuse gradients that are missing or not finite; whether they move the model."""
    _need(value.requires_grad, "a value that depends on the model, but it has no gradient history")
    value.backward(inputs=list(model.parameters()), retain_graph=True)
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    finite = all(bool(torch.isfinite(gradient).all()) for gradient in gradients)
    _need(finite, "finite gradients, but one is not finite")
    return _moved(model.parameters())


def _check_mean_over_samples(term: Term) -> None:
    model, draw = _pass(torch.float64)
    half = _BATCH // 2
    halves = [
        _rows(draw, model, torch.arange(half)),
        _rows(draw, model, torch.arange(half, _BATCH)),
    ]
    whole = _values(term, draw)
    parts = torch.stack([_values(term, part) for part in halves]).mean(0)
    # Seed by seed, as a draw that whole and halves share then cancels.
    gap, error = _mean_and_error(whole - parts)
    _need(
        abs(gap) <= _ERRORS * error + 1e-6 * float(whole.abs().mean()) + 1e-9,
        f"a mean over samples, but halves of a batch average to {float(parts.mean()):.6g} and the whole "
        f"gives {float(whole.mean()):.6g}; mark it with zscape.base.whole_batch",
    )


def _check_no_sum(term: Callable[[Draw], Any], needed: str) -> None:
    """Refuse a value that about doubles whenever every sample is repeated twice as often."""
    # Far from the prior, where no part of a statistic cancels another.
    model, draw = _pass(torch.float64, _FAR)
    copies = [_rows(draw, model, torch.arange(_BATCH).repeat(times)) for times in (1, 2, 4)]
    once, twice, often = (_mean_and_error(_values(term, copy)) for copy in copies)
    # Twice, since a statistic of pairs may grow once, when it first meets pairs of equal samples.
    _need(
        not (_grew(once, twice) and _grew(twice, often)),
        f"{needed}, but a batch gives {once[0]:.6g}, every sample twice {twice[0]:.6g} and four times "
        f"{often[0]:.6g}",
    )


def _grew(less: tuple[float, float], more: tuple[float, float]) -> bool:
    spread = _ERRORS * math.hypot(less[1], more[1])
    return abs(more[0]) > _GROWTH * abs(less[0]) + spread + 1e-9


def _check_what_may_lack(term: Term) -> None:
    """Without labels, log variances, or knowledge of the data set: a value, or a ValueError that says why."""
    _, draw = _pass(torch.float64)
    lacking = {
        "labels": replace(draw, y=None),
        "log variances": replace(draw, q=Posterior(draw.q.mean), z=draw.q.mean),
        "rows": replace(draw, rows=None),
        "size": replace(draw, size=None),
    }
    for what, poorer in lacking.items():
        try:
            value = _seeded(term, poorer)
        except ValueError as error:
            _need(bool(str(error).strip()), f"a reason if it needs {what}, but its ValueError has no message")
        except (TypeError, AttributeError, RuntimeError, LookupError, ArithmeticError) as error:
            raise ValueError(
                f"a term must give a value or a ValueError without {what}, but it raised "
                f"{type(error).__name__}: {error}"
            ) from error
        else:
            _check_scalar(value, torch.float64)


def _values(term: Callable[[Draw], Any], draw: Draw) -> Tensor:
    """Values under many seeds."""
    return torch.stack([_seeded(term, draw, seed=seed).detach() for seed in range(_SEEDS)])


def _mean_and_error(values: Tensor) -> tuple[float, float]:
    return float(values.mean()), float(values.std()) / math.sqrt(len(values))


def _kept_mode(term: Callable[[Draw], Any], draw: Draw, modes: tuple[bool, ...] = (False, True)) -> Any:  # noqa: ANN401 (what a term gives)
    """The term's value in the last mode, refused if it left gradients switched otherwise than they were."""
    value = None
    for mode in modes:
        with torch.set_grad_enabled(mode):
            value = _seeded(term, draw)
            kept = torch.is_grad_enabled() == mode
        _need(kept, "the gradient mode left as it was, but it changed it")
    return value


def _pass(dtype: torch.dtype, scale: float = 1.0) -> tuple[Autoencoder, Draw]:
    """A fixed pass over a fixed batch; means of the codes are multiplied by `scale`."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = Autoencoder.mlp(_SHAPE, latent=_LATENT, widths=(16,)).to(dtype)
        x = torch.rand(_BATCH, *_SHAPE, dtype=dtype)
        q = _scaled(model.encode(x), scale)
        z = q.sample(torch.randn(_BATCH, _LATENT, dtype=dtype))

    def encode(pictures: Tensor) -> Posterior:
        return _scaled(model.encode(pictures), scale)

    y = torch.arange(_BATCH) % 3
    decoded, rows = model.decode(z), torch.arange(_BATCH)
    draw = Draw(x, y, q, z, decoded, encode, model.decode, step=3, total=10, rows=rows, size=_ROWS)
    return model, draw


def _scaled(q: Posterior, scale: float) -> Posterior:
    return Posterior(q.mean * scale, q.logvar)


def _rows(draw: Draw, model: Autoencoder, rows: Tensor) -> Draw:
    q = Posterior(draw.q.mean[rows], None if draw.q.logvar is None else draw.q.logvar[rows])
    z = draw.z[rows]
    y = None if draw.y is None else draw.y[rows]
    known = None if draw.rows is None else draw.rows[rows]
    return replace(draw, x=draw.x[rows], y=y, q=q, z=z, decoded=model.decode(z), rows=known)


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
