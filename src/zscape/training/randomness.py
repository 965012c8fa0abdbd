"""Seeds that depend on where a fit is, not on how it came there.

Every step starts from its own seed, so a checkpoint holds no generator state, a resumed fit draws what the
uninterrupted one would have drawn, and several processes can draw what one would have drawn.
"""

import torch

_MASK = (1 << 64) - 1


def mixed(*parts: int) -> int:
    """One 63-bit seed from several whole numbers (the finaliser of SplitMix64, applied in turn).

    >>> mixed(0, 1) == mixed(0, 1), mixed(0, 1) == mixed(1, 0)
    (True, False)
    """
    state = 0
    for part in parts:
        state = (state + 0x9E3779B97F4A7C15 + part) & _MASK
        state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & _MASK
        state ^= state >> 31
    return state >> 1


def reseed(device: torch.device, *parts: int) -> None:
    """Seed torch's default generators of the CPU and of `device`.

    `torch.manual_seed` would do, but takes 60 microseconds, a hundredth of a small step.
    """
    seed = mixed(*parts)
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        torch.cuda.manual_seed(seed)
    elif device.type == "mps":
        torch.mps.manual_seed(seed)
