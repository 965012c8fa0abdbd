"""What a fit sets for its own length and puts back: signal handlers, threads, random state."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

# Operations of a step below which one thread is as fast as several, about a millisecond of work.
_SMALL = 1e8


class StopSignals:
    """Notes SIGINT and SIGTERM, so that a fit can write its checkpoint and stop between two steps.

    A second signal of the same kind acts as it would have before. Outside the main thread, where Python
    allows no handlers, signals stay as they are.

    Attributes:
        received: The signal that came, or None.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self._before: dict[int, object] = {}

    def __enter__(self) -> StopSignals:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        if error is None and self.received is not None:
            # It came when there was nothing left to stop; whoever comes next must hear of it.
            signal.raise_signal(self.received)

    def _note(self, number: int, _: FrameType | None) -> None:
        self.received = number
        signal.signal(number, self._before[number])  # type: ignore[arg-type]


class CountedProducts(TorchDispatchMode):
    """Counts the operations of matrix products and convolutions inside the block, forward and backward.

    >>> with CountedProducts() as counted:
    ...     _ = torch.ones(2, 3) @ torch.ones(3, 5)
    >>> counted.operations
    60

    torch.utils.flop_counter would do, but takes a second to load.

    Attributes:
        operations: Multiplications and additions so far.
    """

    def __init__(self) -> None:
        super().__init__()
        self.operations = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # noqa: ANN001, ANN204 (torch's)
        result = func(*args, **(kwargs or {}))
        name = func.overloadpacket.__name__
        if name in ("mm", "bmm", "addmm", "baddbmm"):
            left: Tensor = args[1 if name in ("addmm", "baddbmm") else 0]
            self.operations += 2 * result.numel() * left.shape[-1]
        elif name == "convolution":
            data, weight, transposed = args[0], args[1], args[6]
            self.operations += 2 * (data if transposed else result).numel() * weight[0].numel()
        return result


@contextlib.contextmanager
def fitting_threads(operations: float) -> Iterator[None]:
    """One thread inside the block if a step has few operations, and as many as before otherwise.

    Several threads wait for each other many times a step; where another program has one of the processors
    they wait long, and a fit of a small network takes 20 times as long as with one.

    Args:
        operations: Multiplications and additions of a step, as `CountedProducts` counts them.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1 if operations < _SMALL else before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextlib.contextmanager
def own_random_state(device: torch.device) -> Iterator[None]:
    """Leave the caller's random state as it was before the block."""
    devices = [device.index or 0] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        yield
