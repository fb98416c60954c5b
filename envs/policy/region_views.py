"""The view that one region has of an observation: the clock, its own fields, and a summary of the other regions.

The size of a view does not depend on the number of regions.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from wattward.envs.model.observation import HIGH, LOW, N_CLOCK

N_PARTS = 3
"""Blocks of fields in a view: the region's own fields, and the mean and the largest of the other regions' fields."""


def view_size(n_regions: int, size: int) -> int:
    """How many numbers a region's view of an observation of `size` numbers has."""
    return N_CLOCK + N_PARTS * ((size - N_CLOCK) // n_regions)


def view_space(n_regions: int, size: int) -> spaces.Box:
    """The Box of a region's view of an observation of `size` numbers."""
    return spaces.Box(LOW, HIGH, (view_size(n_regions, size),), np.float32)


def observation_size(n_regions: int, seen: int) -> int:
    """How many numbers the observation of `n_regions` regions has if each region sees `seen` numbers."""
    return N_CLOCK + n_regions * ((seen - N_CLOCK) // N_PARTS)


def n_regions_of(size: int, seen: int) -> int:
    """How many regions a scenario has if its observation has `size` numbers and each region sees `seen` numbers."""
    return (size - N_CLOCK) // ((seen - N_CLOCK) // N_PARTS)


def region_views(observations: NDArray[np.float32], n_regions: int) -> NDArray[np.float32]:
    """The views of all regions.

    Args:
        observations: Shape (..., size): the clock, then a block of `width` fields for each region.
        n_regions: Number of regions R.

    Returns:
        Shape (..., R, N_CLOCK + 3 * width). If there is no other region, the fields of the others are 0.
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
