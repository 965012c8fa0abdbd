"""The map of what latents know of factors shows the numbers that it was given."""

import numpy as np
from matplotlib.patches import Rectangle

from zscape.report.knowledge import information_map


def drawn(matrix, entropies=None, names=None):
    matrix = np.asarray(matrix, dtype=float)
    count = matrix.shape[1]
    entropies = np.ones(count) if entropies is None else np.asarray(entropies)
    return information_map(matrix, entropies, names or tuple(f"f{which}" for which in range(count))).axes[0]


def texts(axes):
    return [each.get_text() for each in axes.texts]


def test_shares_frames_and_gaps():
    """Two factors of entropies 1 and 2; the second latent knows most of the first."""
    axes = drawn([[0.2, 1.0], [0.7, 0.1], [-0.1, 0.0]], [1.0, 2.0], ("shape", "size"))
    shown = axes.images[0].get_array()
    # Latents by what they know best: z2 0.7 of shape, z1 half of size, z3 nothing.
    np.testing.assert_allclose(shown, [[0.7, 0.2, 0.0], [0.05, 0.5, 0.0]])
    assert [label.get_text() for label in axes.get_xticklabels()] == ["z2", "z1", "z3"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["shape", "size"]
    frames = [patch.get_xy() for patch in axes.patches if isinstance(patch, Rectangle)]
    assert frames == [(-0.5, -0.5), (0.5, 0.5)]
    assert texts(axes) == ["0.70", "0.20", "0.00", "0.05", "0.50", "0.00", "0.50", "0.45", "gap"]


def test_one_latent_is_ahead_by_all_it_knows():
    assert texts(drawn([[0.4]])) == ["0.40", "0.40", "gap"]


def test_of_many_latents_the_best_are_shown_without_numbers():
    matrix = np.random.default_rng(0).random((300, 3))
    axes = drawn(matrix)
    assert axes.images[0].get_array().shape == (3, 64)
    assert axes.images[0].get_array().max() == matrix.max()
    assert len(texts(axes)) == 4
