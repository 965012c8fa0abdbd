"""Walk: ways through the latent space, and what changes on them.

Arrays in, arrays out: a walk is codes, and whoever has a decoder makes pictures of them. Latents are counted
from 0 in arrays and from z1 in names, as in figures and files.
"""

from zscape.walk.latents import active, aggregate_quantiles, latent_kl, latent_name, ranked
from zscape.walk.responses import Response, responses, save_responses
from zscape.walk.storage import load, save
from zscape.walk.traversals import Traversals, from_posterior, from_prior, traversals

__all__ = [
    "Response",
    "Traversals",
    "active",
    "aggregate_quantiles",
    "from_posterior",
    "from_prior",
    "latent_kl",
    "latent_name",
    "load",
    "ranked",
    "responses",
    "save",
    "save_responses",
    "traversals",
]
