"""What a fit sets for its own length and puts back: signal handlers, denormals, random state."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

import torch


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

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _note(self, number: int, _: FrameType | None) -> None:
        self.received = number
        signal.signal(number, self._before[number])  # type: ignore[arg-type]


@contextlib.contextmanager
def flushed_denormals(wanted: bool) -> Iterator[None]:
    """Treat subnormal numbers as zero inside the block, and as before after it.

    torch has no getter for the setting, so it is read off by computing with a subnormal number.
    """
    before = (torch.full((), 1e-40) * 1.0).item() == 0.0
    torch.set_flush_denormal(wanted)
    try:
        yield
    finally:
        torch.set_flush_denormal(before)


@contextlib.contextmanager
def own_random_state(device: torch.device) -> Iterator[None]:
    """Leave the caller's random state as it was before the block."""
    devices = [device.index or 0] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        yield
