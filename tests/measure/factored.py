"""Codes with known factors, for the tests of disentanglement: perfect, rotated, split over latents, noise."""

import numpy as np


def draws(count, latents, seed=0):
    return np.random.default_rng(seed).standard_normal((count, latents))


def rotation(latents, seed=1):
    return np.linalg.qr(draws(latents, latents, seed))[0]


def random_factors(count, sizes, seed=0):
    """Independent factors, each row at random: no complete grid."""
    columns = np.random.default_rng(seed).integers(0, sizes, size=(count, len(sizes)))
    return {f"factor{index}": column for index, column in enumerate(columns.T)}


def perfect(factors, *, idle=0, noise=0.0, seed=7):
    """One latent of variance 1 a factor, and idle ones."""
    columns = np.stack(list(factors.values()), axis=1).astype(float)
    columns = (columns - columns.mean(axis=0)) / columns.std(axis=0)
    columns += noise * draws(*columns.shape, seed)
    return np.hstack([columns, draws(len(columns), idle, seed + 1)])
