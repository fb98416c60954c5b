"""What a policy decides: a mode a region, or continuous shares that generalise the modes."""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from wattward.envs.types import Offers


class Mode(IntEnum):
    """What a region does with deferrable work in a step."""

    HOLD = 0
    """Own queue: only what is due."""
    SOAK = 1
    """Own queue, then others', up to what surplus green power covers."""
    RUN = 2
    """Own queue up to the free GPUs."""
    PULL = 3
    """Own queue up to the free GPUs, then others' with the GPUs still free."""


N_MODES = len(Mode)
_OWN = np.array([0.0, 1.0, 1.0, 1.0])
_OTHERS = np.array([0.0, 1.0, 0.0, 1.0])
_SURPLUS = np.array([False, True, False, False])


def offers_of_modes(modes: NDArray[np.integer]) -> Offers:
    """Offers of a batch of modes.

    Args:
        modes: Shape (B, R), values of `Mode`.

    Raises:
        ValueError: a value is not a mode.
    """
    if modes.size and (modes.min() < 0 or modes.max() >= N_MODES):
        raise ValueError(f"modes must lie in 0..{N_MODES - 1}, got {modes.tolist()}")
    return Offers(own=_OWN[modes], others=_OTHERS[modes], surplus_only=_SURPLUS[modes])


def offers_of_shares(shares: NDArray[np.floating]) -> Offers:
    """Offers of a batch of continuous actions.

    Args:
        shares: Shape (B, R, 2) in 0..1: share of the free GPUs for the own queue, then of what is left for others'.

    Raises:
        ValueError: a share lies outside 0..1.
    """
    if shares.size and not (shares.min() >= 0.0 and shares.max() <= 1.0):
        raise ValueError(f"shares must lie in 0..1, got {shares.tolist()}")
    own = np.ascontiguousarray(shares[..., 0], dtype=np.float64)
    others = np.ascontiguousarray(shares[..., 1], dtype=np.float64)
    return Offers(own=own, others=others, surplus_only=np.zeros(own.shape, dtype=np.bool_))


def joint_to_modes(joint: NDArray[np.integer], n_regions: int) -> NDArray[np.int64]:
    """Base-4 digits of joint actions, region 0 most significant.

    Args:
        joint: Shape (B,), values 0..4**n_regions - 1.
        n_regions: Number of regions R.

    Returns:
        Modes, shape (B, R).
    """
    powers = N_MODES ** np.arange(n_regions - 1, -1, -1, dtype=np.int64)
    return (np.asarray(joint, dtype=np.int64)[..., None] // powers) % N_MODES
