"""Checkpoints and weights on disk: whole files, and nothing in them that runs when read."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save as save_bytes

from zscape.errors import RunFormatError
from zscape.files import whole_file
from zscape.model import Autoencoder


def save(path: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint of tensors, numbers, strings, lists and dictionaries."""
    with whole_file(path) as temporary:
        torch.save(state, temporary)


def load(path: Path, device: torch.device) -> dict[str, Any]:
    """Read a checkpoint; only tensors and plain values are accepted.

    Raises:
        RunFormatError: If it is missing or damaged.
    """
    if not path.is_file():
        raise RunFormatError(f"{path} is missing, so the fit cannot be resumed; fit again into a new folder")
    try:
        return torch.load(path, map_location=device, weights_only=True)
    except (RuntimeError, EOFError, pickle.UnpicklingError) as error:
        reason = str(error).splitlines()[0]
        raise RunFormatError(f"{path} cannot be read ({reason}); fit again into a new folder") from error


def save_weights(model: Autoencoder, path: Path) -> None:
    """Write a model's tensors by name as safetensors."""
    # Cloned, since tied weights share memory, which the format refuses.
    tensors = {
        name: tensor.detach().cpu().clone().contiguous() for name, tensor in model.state_dict().items()
    }
    with whole_file(path) as temporary:
        # Not save_file, which would leave a file that only its owner may read.
        temporary.write_bytes(save_bytes(tensors))
