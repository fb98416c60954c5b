"""What a policy decides: a mode a region, or continuous shares that generalise the modes."""

from __future__ import annotations

from enum import IntEnum
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from wattward.configs.schema.scenario import Scenario
from wattward.envs.model.types import Offers


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


class StoreOrder(IntEnum):
    """What an action tells a battery or a tank, where the scenario hands their control to it."""

    BY_RULE = 0
    """As the price rule has it (`wattward.envs.world.processes.store_rule`)."""
    CHARGE = 1
    """At full power."""
    IDLE = 2
    """A battery still takes surplus of the plants on site."""
    DISCHARGE = 3
    """Up to what the site needs."""


N_MODES = len(Mode)
ActionKind = Literal["modes", "shares"]
"""How an action says it: see docs/actions.md."""
_OWN = np.array([0.0, 1.0, 1.0, 1.0])
_OTHERS = np.array([0.0, 1.0, 0.0, 1.0])
_SURPLUS = np.array([False, True, False, False])


def n_entries(scenario: Scenario) -> int:
    """Numbers in an action of modes: one a region, then one a store that actions order; each is one of 4."""
    return scenario.n_regions + scenario.n_stores


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


def nearest_modes(action: NDArray[np.integer] | NDArray[np.floating]) -> NDArray[np.int64]:
    """Modes as they are, (R,) or more; of shares (R, 2) HOLD, RUN or PULL, whichever is most alike: for pictures."""
    if action.ndim == 1:
        return action.astype(np.int64)
    runs, pulls = action[:, 0] >= 0.5, action[:, 1] >= 0.5
    return np.where(runs & pulls, Mode.PULL, np.where(runs, Mode.RUN, Mode.HOLD)).astype(np.int64)


def joint_to_modes(joint: NDArray[np.integer], entries: int) -> NDArray[np.int64]:
    """Base-4 digits of joint actions, the first region's most significant.

    Args:
        joint: Shape (B,), values 0..4**entries - 1.
        entries: Numbers in an action, see `n_entries`.

    Returns:
        Actions, shape (B, entries).
    """
    powers = N_MODES ** np.arange(entries - 1, -1, -1, dtype=np.int64)
    return (np.asarray(joint, dtype=np.int64)[..., None] // powers) % N_MODES
