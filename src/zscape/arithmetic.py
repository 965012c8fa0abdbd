"""How the processor computes inside a block: who multiplies matrices, and whether tiny numbers are zero."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator

import torch


@contextlib.contextmanager
def flushed_denormals(wanted: bool) -> Iterator[None]:
    """Treat subnormal numbers as zero inside the block, and as before after it.

    torch has no getter for the setting, so it is read off by computing with a subnormal number.

    Args:
        wanted: False leaves them as they are computed by default.
    """
    before = (torch.full((), 1e-40) * 1.0).item() == 0.0
    torch.set_flush_denormal(wanted)
    try:
        yield
    finally:
        torch.set_flush_denormal(before)


@contextlib.contextmanager
def fast_products(device: torch.device) -> Iterator[None]:
    """Let oneDNN multiply float32 matrices on the CPU, where that keeps the precision of float32.

    torch multiplies float32 matrices with MKL, which is held back on processors of another maker; there
    oneDNN is twice as fast. The only way to choose it allows it to round to bfloat16, which it does on
    processors with units for that. So the choice is tried on products of several shapes, and taken back if
    their error is larger than float32's own. Inside the block torch.get_float32_matmul_precision() refuses to
    answer, as torch has it once this choice is made.

    Args:
        device: Where the products are; elsewhere than on the CPU nothing is changed.
    """
    matmul = getattr(torch.backends.mkldnn, "matmul", None)  # newer than the oldest torch that is supported
    if device.type != "cpu" or matmul is None or not torch.backends.mkldnn.is_available():
        yield
        return
    before = matmul.fp32_precision
    matmul.fp32_precision = "bf16"
    if not _products_are_float32():
        matmul.fp32_precision = before
    try:
        yield
    finally:
        matmul.fp32_precision = before


@functools.cache
def _products_are_float32() -> bool:
    """Whether products of float32 matrices err by rounding alone; bfloat16 errs a thousand times more.

    Asked only under the choice that `fast_products` makes, whose answer stands as long as the process does.
    """
    generator = torch.Generator().manual_seed(0)
    for rows, inner, columns in ((32, 64, 32), (128, 784, 500), (1, 500, 40), (500, 128, 784)):
        a = torch.randn(rows, inner, generator=generator)
        b = torch.randn(columns, inner, generator=generator)
        exact = a.double() @ b.double().T
        if ((a @ b.T).double() - exact).abs().max() > 1e-5 * exact.abs().max():
            return False
    return True
