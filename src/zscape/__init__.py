"""Shape, measure, walk and sample the latent spaces of autoencoders.

>>> import zscape as zs
>>> data = zs.data.load("digits")
>>> model = zs.Autoencoder.mlp(data.shape, latent=10)
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # for editors and type checkers, which do not follow __getattr__
    from zscape import (
        base,
        codes,
        data,
        drawing,
        energy,
        judge,
        measure,
        model,
        recipes,
        report,
        sample,
        strokes,
        studies,
        terms,
        walk,
    )
    from zscape.base import Codes, Weighted
    from zscape.codes import encode
    from zscape.model import Autoencoder
    from zscape.run import Run
    from zscape.training import Adam, Engine, fit, resume

__version__ = "0.1.0"

# Loaded on first use, so that `import zscape` and `zscape --help` do not wait for torch.
_MODULES = (
    "base",
    "codes",
    "data",
    "drawing",
    "energy",
    "judge",
    "measure",
    "model",
    "recipes",
    "report",
    "sample",
    "strokes",
    "studies",
    "terms",
    "walk",
)
_NAMES = {
    "Adam": "zscape.training",
    "Autoencoder": "zscape.model",
    "Codes": "zscape.base",
    "Engine": "zscape.training",
    "Run": "zscape.run",
    "Weighted": "zscape.base",
    "encode": "zscape.codes",
    "fit": "zscape.training",
    "resume": "zscape.training",
}

__all__ = [
    "Adam",
    "Autoencoder",
    "Codes",
    "Engine",
    "Run",
    "Weighted",
    "__version__",
    "base",
    "codes",
    "data",
    "drawing",
    "encode",
    "energy",
    "fit",
    "judge",
    "measure",
    "model",
    "recipes",
    "report",
    "resume",
    "sample",
    "strokes",
    "studies",
    "terms",
    "walk",
]


def __getattr__(name: str) -> object:
    if name in _MODULES:
        return importlib.import_module(f"zscape.{name}")
    if name in _NAMES:
        return getattr(importlib.import_module(_NAMES[name]), name)
    raise AttributeError(f"module 'zscape' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
