"""Long short-term memory: a time loop whose gradient is written by hand."""

from __future__ import annotations

import contextlib
import math
import mmap
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

# Added to the variance that layer normalisation divides by.
_EPSILON = 1e-5
# Bytes from which memory is asked for in huge pages: two of them.
_HUGE = 2**22


class LSTM(nn.Module):
    r"""One layer of long short-term memory; time is the first axis.

    .. math:: (i, f, o, g)_t = W_x x_t + W_h h_{t-1} + b + k, \quad
        c_t = \sigma(f_t) c_{t-1} + \sigma(i_t) \, m_t \tanh(g_t), \quad h_t = \sigma(o_t) \tanh(c_t)

    where k is what an input that stays the same over time adds, and m a dropout mask drawn anew at every
    step, which leaves the memory c itself alone. With layer normalisation each of i, f, o and g is normalised
    before it is squashed, and so is c before the last tanh.

    Cost: two products with W_h a step, there and back; the gradient of the weights is one product over all
    steps, which is why torch's own differentiation is not used. It cannot be differentiated twice.

    Args:
        inputs: Features of an input, I.
        width: Features of a state, H.
        layer_norm: Whether to normalise.
        dropout: Share of the candidates tanh(g) that is dropped in training.

    References:
        Hochreiter and Schmidhuber, Long Short-Term Memory, Neural Computation 1997. Ba, Kiros and Hinton,
        Layer Normalization, 2016. Semeniuta, Severyn and Barth, Recurrent Dropout without Memory Loss, COLING
        2016.
    """

    def __init__(self, inputs: int, width: int, *, layer_norm: bool = False, dropout: float = 0.0) -> None:
        super().__init__()
        self.width = width
        self.dropout = dropout
        self.input_weight = nn.Parameter(torch.empty(inputs, 4 * width))
        self.state_weight = nn.Parameter(torch.empty(width, 4 * width))
        self.bias = nn.Parameter(torch.zeros(4 * width))
        # Five rows: i, f, o, g and the memory.
        self.gain = nn.Parameter(torch.ones(5, width)) if layer_norm else None
        self.shift = nn.Parameter(torch.zeros(5, width)) if layer_norm else None
        with torch.no_grad():
            nn.init.xavier_uniform_(self.input_weight)
            for block in self.state_weight.chunk(4, dim=1):
                block.copy_(nn.init.orthogonal_(torch.empty(width, width)))

    def forward(
        self,
        x: Float[Tensor, "T B I"],
        h: Float[Tensor, "B H"],
        c: Float[Tensor, "B H"],
        constant: Float[Tensor, "B F"] | None = None,
    ) -> tuple[Float[Tensor, "T1 B H"], Float[Tensor, "T1 B H"]]:
        """States and memories before the first step and after each, T + 1 of each; memories have no gradient.

        Under autocast, products with the states are taken in its type, all else in the type of the weights.

        Args:
            x: Inputs.
            h: State before the first step.
            c: Memory before the first step.
            constant: What is added to the gates at every step, (B, 4 H).
        """
        kind = x.device.type
        half = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else None
        with torch.autocast(kind, enabled=False):
            # A sum in half precision would lose the digits that the weights have.
            x, h, c = (part.to(self.bias.dtype) for part in (x, h, c))
            added = self.bias.expand(len(h), -1) if constant is None else self.bias + constant
            return _Loop.apply(
                x,
                added,
                h,
                c,
                self.input_weight,
                self.state_weight,
                self.gain,
                self.shift,
                self._mask(x),
                half,
            )

    def _mask(self, x: Tensor) -> Tensor | None:
        if not (self.training and self.dropout):
            return None
        keep = 1 - self.dropout
        return x.new_empty(*x.shape[:2], self.width).bernoulli_(keep).div_(keep)


class _Loop(torch.autograd.Function):
    """The time loop, there and back."""

    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401 (torch's context)
        x: Tensor,
        added: Tensor,
        h: Tensor,
        c: Tensor,
        input_weight: Tensor,
        state_weight: Tensor,
        gain: Tensor | None,
        shift: Tensor | None,
        mask: Tensor | None,
        half: torch.dtype | None,
    ) -> tuple[Tensor, Tensor]:
        steps, width = len(x), h.shape[1]
        states, memories = (_empty(h, steps + 1, *h.shape) for _ in range(2))
        states[0], memories[0] = h, c
        squashed, gates = _empty(h, steps, *h.shape), _empty(h, steps, *added.shape)
        weight = state_weight if half is None else state_weight.to(half)
        normals = _Normals(gates, gain, shift) if gain is not None and shift is not None else None
        for t in range(steps):
            # Inputs have few features: their product is made here, where the gates are still in the cache.
            gate = torch.addmm(added, x[t], input_weight, out=gates[t])
            if half is None:
                gate.addmm_(states[t], weight)
            else:
                gate += states[t].to(half) @ weight
            if normals is not None:
                normals.gates(t, gate)
            gate[:, : 3 * width].sigmoid_()
            _tanh_(gate[:, 3 * width :])
            i, f, o, candidate = gate.chunk(4, dim=1)
            memory = torch.mul(f, memories[t], out=memories[t + 1])
            memory.addcmul_(i, candidate if mask is None else candidate * mask[t])
            if normals is not None:
                memory = normals.memory(t, memory)
            _tanh_(squashed[t].copy_(memory))
            torch.mul(o, squashed[t], out=states[t + 1])
        ctx.save_for_backward(x, input_weight, state_weight, gain, mask, states, memories, squashed, gates)
        ctx.half, ctx.normals = half, normals
        ctx.mark_non_differentiable(memories)
        return states, memories

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dstates: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        x, input_weight, state_weight, gain, mask, states, memories, squashed, gates = ctx.saved_tensors
        half, normals = ctx.half, None if gain is None else _NormalsBack(ctx.normals, gain)
        steps, _, width = squashed.shape
        weight = (state_weight if half is None else state_weight.to(half)).t()
        dgates = _empty(gates, *gates.shape)
        dh, dc = dstates[steps].clone(), torch.zeros_like(memories[0])
        for t in reversed(range(steps)):
            gate, dgate = gates[t], dgates[t]
            i, f, o, candidate = gate.chunk(4, dim=1)
            di, df, do, dcandidate = dgate.chunk(4, dim=1)
            torch.mul(dh, squashed[t], out=do)
            through = torch.ops.aten.tanh_backward(dh * o, squashed[t])
            dc += through if normals is None else normals.memory(t, through)
            dfed = dc if mask is None else dc * mask[t]
            torch.mul(dfed, candidate, out=di)
            torch.mul(dc, memories[t], out=df)
            torch.mul(dfed, i, out=dcandidate)
            squashing = slice(0, 3 * width)
            dgate[:, squashing] = torch.ops.aten.sigmoid_backward(dgate[:, squashing], gate[:, squashing])
            dcandidate.copy_(torch.ops.aten.tanh_backward(dcandidate, candidate))
            if normals is not None:
                normals.gates(t, dgate)
            dc.mul_(f)
            if half is None:
                dh = torch.addmm(dstates[t], dgate, weight)
            else:
                dh = dstates[t] + dgate.to(half) @ weight
        flat, before = dgates.flatten(0, 1), states[:-1].flatten(0, 1)
        before, after = (before, flat) if half is None else (before.to(half), flat.to(half))
        dweight = (before.t() @ after).to(flat.dtype)
        dgain, dshift = (None, None) if normals is None else (normals.dgain, normals.dshift)
        dx = dgates @ input_weight.t() if ctx.needs_input_grad[0] else None
        dinput = x.flatten(0, 1).t() @ flat
        return dx, dgates.sum(0), dh, dc, dinput, dweight, dgain, dshift, None, None


class _Normals:
    """Layer normalisation of each step, and what it keeps for the way back."""

    def __init__(self, gates: Tensor, gain: Tensor, shift: Tensor) -> None:
        steps, count, width = *gates.shape[:2], gain.shape[1]
        self._gain, self._shift = gain, shift
        self.kept_gates = gates.new_empty(steps, count, 4, width)
        self.gate_scales = gates.new_empty(steps, count, 4, 1)
        self.kept_memories = gates.new_empty(steps, count, width)
        self.memory_scales = gates.new_empty(steps, count, 1)

    def gates(self, t: int, gate: Tensor) -> None:
        """Normalise the four gates of a step in place."""
        parts = gate.view_as(self.kept_gates[t])
        self.kept_gates[t], self.gate_scales[t] = _normalised(parts)
        torch.addcmul(self._shift[:4], self.kept_gates[t], self._gain[:4], out=parts)

    def memory(self, t: int, memory: Tensor) -> Tensor:
        """The normalised memory of a step."""
        self.kept_memories[t], self.memory_scales[t] = _normalised(memory)
        return torch.addcmul(self._shift[4], self.kept_memories[t], self._gain[4])


class _NormalsBack:
    """One way back through `_Normals`, with sums of its own: a graph may be gone through several times."""

    def __init__(self, there: _Normals, gain: Tensor) -> None:
        self._there, self._gain = there, gain
        self.dgain, self.dshift = torch.zeros_like(gain), torch.zeros_like(gain)

    def gates(self, t: int, dgate: Tensor) -> None:
        """Make the gradient of normalised gates, in place, that of the gates."""
        normal = self._there.kept_gates[t]
        parts = dgate.view_as(normal)
        self.dgain[:4] += (parts * normal).sum(0)
        self.dshift[:4] += parts.sum(0)
        parts.copy_(_unnormalised(parts * self._gain[:4], normal, self._there.gate_scales[t]))

    def memory(self, t: int, dmemory: Tensor) -> Tensor:
        """The gradient of the memory from that of the normalised memory."""
        normal = self._there.kept_memories[t]
        self.dgain[4] += (dmemory * normal).sum(0)
        self.dshift[4] += dmemory.sum(0)
        return _unnormalised(dmemory * self._gain[4], normal, self._there.memory_scales[t])


def _empty(like: Tensor, *shape: int) -> Tensor:
    """Memory that is not set to anything.

    The first touch of a page of fresh memory is a fault, and with the small pages that torch asks for on a
    CPU these took an eighth of a training step.
    """
    size = math.prod(shape) * like.element_size()
    if like.device.type != "cpu" or size < _HUGE or not hasattr(mmap, "MADV_HUGEPAGE"):
        return like.new_empty(shape)
    pages = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    # A kernel without huge pages gives small ones.
    with contextlib.suppress(OSError):
        pages.madvise(mmap.MADV_HUGEPAGE)
    return torch.frombuffer(pages, dtype=like.dtype).view(shape)


def _tanh_(values: Tensor) -> Tensor:
    """tanh in place, by the sigmoid, which torch computes five times as fast on a CPU."""
    return values.mul_(2).sigmoid_().mul_(2).sub_(1)


def _normalised(values: Tensor) -> tuple[Tensor, Tensor]:
    normal, _, scale = torch.native_layer_norm(values, values.shape[-1:], None, None, _EPSILON)
    return normal, scale


def _unnormalised(gradient: Tensor, normal: Tensor, scale: Tensor) -> Tensor:
    along = (gradient * normal).mean(-1, keepdim=True)
    return (gradient - gradient.mean(-1, keepdim=True)).sub_(normal * along).mul_(scale)
