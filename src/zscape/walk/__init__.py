"""Walk: ways through the latent space, and what changes on them.

Arrays in, arrays out: a walk is codes, and whoever has a decoder makes pictures of them. Latents are counted
from 0 in arrays and from z1 in names, as in figures and files. Paths between P pairs of codes (P, D) are
(P, T, D), with T = steps + 1 points of which the first and the last are the ends.
"""

from zscape.walk.attributes import (
    Attribute,
    Linearity,
    analogy,
    attribute_linearity,
    attribute_vector,
    class_axis,
)
from zscape.walk.costs import density_cost, distance_cost, ensemble_cost
from zscape.walk.geodesics import GeodesicPaths, Search, geodesic_paths
from zscape.walk.graph import GraphPaths, graph_paths
from zscape.walk.latents import active, aggregate_quantiles, latent_kl, latent_name, ranked
from zscape.walk.lengths import at_constant_speed, path_lengths, step_lengths
from zscape.walk.lines import linear_path, norm_corrected_path, spherical_path
from zscape.walk.path_storage import PathSet, load_paths, save_paths
from zscape.walk.responses import Response, responses, save_responses
from zscape.walk.storage import load, save
from zscape.walk.traversals import Traversals, from_posterior, from_prior, traversals

__all__ = [
    "Attribute",
    "GeodesicPaths",
    "GraphPaths",
    "Linearity",
    "PathSet",
    "Response",
    "Search",
    "Traversals",
    "active",
    "aggregate_quantiles",
    "analogy",
    "at_constant_speed",
    "attribute_linearity",
    "attribute_vector",
    "class_axis",
    "density_cost",
    "distance_cost",
    "ensemble_cost",
    "from_posterior",
    "from_prior",
    "geodesic_paths",
    "graph_paths",
    "latent_kl",
    "latent_name",
    "linear_path",
    "load",
    "load_paths",
    "norm_corrected_path",
    "path_lengths",
    "ranked",
    "responses",
    "save",
    "save_paths",
    "save_responses",
    "spherical_path",
    "step_lengths",
    "traversals",
]
