"""Modes as actions: one of four modes for each region, then an order for each store that actions order."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from wattward.envs.decisions.action import (
    N_MODES,
    ActionInterface,
    Actions,
    Masks,
    Mode,
    batched,
    n_entries,
    wrong_shape,
)
from wattward.envs.kernels.codes import MODES
from wattward.envs.model.layout import LOOKAHEAD
from wattward.envs.model.observation import AT, N_CLOCK, N_FORECASTS, N_NOW, WIDTH
from wattward.envs.model.types import Offers

if TYPE_CHECKING:
    from wattward.configs.schema.scenario import Scenario
    from wattward.envs.kernels.fleet import Fleet

_OWN = np.array([0.0, 1.0, 1.0, 1.0])
_OTHERS = np.array([0.0, 1.0, 0.0, 1.0])
_SURPLUS = np.array([False, True, False, False])
LEAST_BASE_LOAD = 1e-5
"""A region has no surplus if its load exceeds its plants by at least this share of its full power.

The margin allows for rounding.
"""


class ModeActions(ActionInterface):
    """MultiDiscrete([4] * (R + S)): a `Mode` for each of R regions, then a `StoreOrder` for each of S stores.

    An action may leave out the orders; stores then follow their rules.
    """

    name = "modes"

    def __init__(self, scenario: Scenario) -> None:
        """Makes the interface for the environments of a scenario."""
        super().__init__(scenario)
        self._entries = n_entries(scenario)
        self._shape, self._without_orders = (self._entries,), (scenario.n_regions,)

    @cached_property
    def space(self) -> spaces.MultiDiscrete:
        """MultiDiscrete([4] * (R + S))."""
        return spaces.MultiDiscrete([N_MODES] * self._entries)

    def recognises(self, answer: object) -> bool:
        """Whether the answer is an array of integers: one for each region, or one for each region and each store."""
        array = np.asarray(answer)
        return array.dtype.kind in "biu" and array.shape in (self._shape, self._without_orders)

    def checked(self, action: Any, batch: int | None = None) -> Actions:  # noqa: ANN401 - whatever a caller brings
        """Returns modes and orders as integers, shape (R + S,) or (B, R + S).

        Raises:
            ValueError: they are not integers, or have a wrong shape.
        """
        array = np.asarray(action)
        if array.dtype.kind not in "biu":
            raise ValueError(f"modes must be integers in 0..{N_MODES - 1}, got {array.dtype} {array.tolist()}")
        allowed = batched(self._shape, batch)
        if array.shape == allowed:
            return array
        if array.shape != batched(self._without_orders, batch):
            raise wrong_shape(str(allowed), array.shape, batch)
        by_rule = np.zeros((*array.shape[:-1], self._entries - array.shape[-1]), np.int64)
        return np.concatenate([array, by_rule], axis=-1)

    def write(self, actions: Actions, fleet: Fleet) -> int:
        """Copies the actions into `Fleet.modes`."""
        fleet.modes[...] = actions
        return MODES

    def modes_alike(self, action: Actions, fleet: Fleet) -> NDArray[np.int64]:
        """The action itself."""
        del fleet
        return action.astype(np.int64)

    def masks(self, fleet: Fleet) -> Masks:
        """The modes that may matter, see `allowed_modes`, shape (B, 4 (R + S)); all true in extended scenarios."""
        allowed = np.ones((len(fleet.observations), self._entries, N_MODES), np.bool_)
        if not self.scenario.is_extended:
            allowed[:] = allowed_modes(fleet.observations, self.scenario.n_regions)
        return allowed.reshape(len(allowed), -1)

    def agent_space(self, entries: Sequence[int]) -> spaces.Discrete | spaces.MultiDiscrete:
        """The space of a mode, or of a mode and store orders if actions order stores of the region."""
        return spaces.Discrete(N_MODES) if len(entries) == 1 else spaces.MultiDiscrete([N_MODES] * len(entries))

    def joined(self, actions: Sequence[Any], entries: Sequence[Sequence[int]]) -> Actions:
        """Modes and orders of all regions, shape (R + S,).

        Raises:
            ValueError: an agent's action has a wrong shape or is not made of integers.
        """
        joined = np.zeros(self._entries, np.int64)
        for r, (action, own) in enumerate(zip(actions, entries, strict=True)):
            array = np.atleast_1d(action)
            if array.shape != (len(own),) or array.dtype.kind not in "iu":
                name = self.scenario.regions[r].name
                raise ValueError(f"action of {name!r} must be of {self.agent_space(own)}, got {action!r}")
            joined[list(own)] = array
        return joined


def unknown_modes(modes: NDArray[np.integer], where: str = "") -> ValueError:
    """The error for numbers that are not modes."""
    return ValueError(f"modes must lie in 0..{N_MODES - 1}, got {modes.tolist()}{where}")


def offers_of_modes(modes: NDArray[np.integer]) -> Offers:
    """Translates a batch of modes into offers.

    Args:
        modes: Shape (B, R), values of `Mode`.

    Raises:
        ValueError: a value is not a mode.
    """
    if modes.size and (modes.min() < 0 or modes.max() >= N_MODES):
        raise unknown_modes(modes)
    return Offers(own=_OWN[modes], others=_OTHERS[modes], surplus_only=_SURPLUS[modes])


def allowed_modes(observations: NDArray[np.float32], n_regions: int) -> Masks:
    """The modes that can matter in a step, from observations alone; a mode with the effect of HOLD or RUN is masked.

    Invalid-action masking follows Huang and Ontañón (2022, arXiv 2006.14171). HOLD is never masked. RUN is masked if
    nothing waits in the region. PULL is masked if nothing waits elsewhere; if there are more regions than a job tries,
    only if nothing waits in the region either. SOAK is masked if there is no surplus, or nothing waits anywhere. A
    decision that is held for several steps is masked by its first step, so SOAK stays if surplus is forecast for the
    coming hour.

    Args:
        observations: Observations of a scenario that is not extended, shape (..., size).
        n_regions: Number of regions R.

    Returns:
        Whether each mode can matter, shape (..., R, 4), by `Mode`.
    """
    rows = observations[..., N_CLOCK:].reshape(*observations.shape[:-1], n_regions, -1)
    waits = rows[..., AT.queue : AT.queue + WIDTH.queue].any(axis=-1)
    n_waiting = waits.sum(axis=-1, keepdims=True)
    # if there are more regions than a job tries, a region that pulls in vain takes the place of another in the tries
    pulls = (n_waiting > waits) | (waits & (n_regions > LOOKAHEAD))
    allowed = np.ones((*waits.shape, N_MODES), dtype=np.bool_)
    allowed[..., Mode.RUN] = waits
    allowed[..., Mode.PULL] = pulls
    allowed[..., Mode.SOAK] = _may_have_surplus(rows) & (n_waiting > 0)
    return allowed


def _may_have_surplus(rows: NDArray[np.float32]) -> Masks:
    """Whether there is surplus in this step or in the forecast for the coming hour, shape (..., R)."""
    n_blocks = (rows.shape[-1] - N_NOW) // N_FORECASTS
    soon = rows[..., N_NOW + AT.surplus_ahead * n_blocks] > 0.0
    now = rows[..., AT.base_load] < LEAST_BASE_LOAD
    return np.asarray(now | soon, dtype=np.bool_)
