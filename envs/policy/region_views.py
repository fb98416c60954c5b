"""What one region sees of an observation: the clock, its own fields, and what the others are like, however many."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from wattward.envs.model.layout import HIGH, LOW, N_CLOCK

N_PARTS = 3
"""Blocks of fields in a view: the region's own, the mean of the others', the largest of the others'."""


def view_size(n_regions: int, size: int) -> int:
    """Numbers in a region's view of an observation of `size` numbers."""
    return N_CLOCK + N_PARTS * ((size - N_CLOCK) // n_regions)


def view_space(n_regions: int, size: int) -> spaces.Box:
    """The Box of a region's view of an observation of `size` numbers."""
    return spaces.Box(LOW, HIGH, (view_size(n_regions, size),), np.float32)


def observation_size(n_regions: int, seen: int) -> int:
    """Numbers in the observation of a scenario of `n_regions` whose regions see `seen` numbers each."""
    return N_CLOCK + n_regions * ((seen - N_CLOCK) // N_PARTS)


def n_regions_of(size: int, seen: int) -> int:
    """Regions of a scenario whose observation has `size` numbers and whose regions see `seen` each."""
    return (size - N_CLOCK) // ((seen - N_CLOCK) // N_PARTS)


def region_views(observations: NDArray[np.float32], n_regions: int) -> NDArray[np.float32]:
    """Every region's view.

    Args:
        observations: Shape (..., size): the clock, then a block of `width` fields a region.
        n_regions: Number of regions R.

    Returns:
        Shape (..., R, N_CLOCK + 3 * width); where there is no other region, 0 stands for the others.
    """
    *batch, size = observations.shape
    width = (size - N_CLOCK) // n_regions
    blocks = observations[..., N_CLOCK:].reshape(*batch, n_regions, width)
    views = np.zeros((*batch, n_regions, N_CLOCK + N_PARTS * width), np.float32)
    views[..., :N_CLOCK] = observations[..., None, :N_CLOCK]
    views[..., N_CLOCK : N_CLOCK + width] = blocks
    if n_regions > 1:
        others = blocks.sum(axis=-2, dtype=np.float64, keepdims=True) - blocks
        views[..., N_CLOCK + width : N_CLOCK + 2 * width] = others / (n_regions - 1)
        views[..., N_CLOCK + 2 * width :] = _largest_of_others(blocks)
    return views


def _largest_of_others(blocks: NDArray[np.float32]) -> NDArray[Any]:
    ordered = np.partition(blocks, blocks.shape[-2] - 2, axis=-2)
    second, largest = ordered[..., -2, None, :], ordered[..., -1, None, :]
    return np.where(blocks == largest, second, largest)
