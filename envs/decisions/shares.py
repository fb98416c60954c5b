"""Shares as actions: two numbers for each region, which generalise HOLD, RUN and PULL."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from wattward.envs.decisions.action import ActionInterface, Actions, Mode, batched, wrong_shape
from wattward.envs.kernels.codes import OFFERS
from wattward.envs.kernels.stores import BY_RULE
from wattward.envs.model.types import Offers

if TYPE_CHECKING:
    from wattward.configs.schema.scenario import Scenario
    from wattward.envs.kernels.fleet import Fleet

A_REGION = 2
"""Numbers for each region: the share of its free GPUs for its own queue, and of the rest for work of others."""


class ShareActions(ActionInterface):
    """A flat Box of 2 R numbers in 0..1, region by region; stores follow their rules.

    Python code may also pass an action of shape (R, 2).
    """

    name = "shares"

    def __init__(self, scenario: Scenario) -> None:
        """Makes the interface for the environments of a scenario."""
        super().__init__(scenario)
        self._by_region = (scenario.n_regions, A_REGION)
        self._flat = (scenario.n_regions * A_REGION,)

    @cached_property
    def space(self) -> spaces.Box:
        """Box(0, 1, (2 R,))."""
        return spaces.Box(0.0, 1.0, self._flat, np.float32)

    def recognises(self, answer: object) -> bool:
        """Whether the answer is an array of floating-point numbers, two for each region."""
        array = np.asarray(answer)
        return array.dtype.kind == "f" and array.shape in (self._flat, self._by_region)

    def checked(self, action: Any, batch: int | None = None) -> Actions:  # noqa: ANN401 - whatever a caller brings
        """Returns shares, shape (R, 2) or (B, R, 2).

        Raises:
            ValueError: they are not numbers, have a wrong shape, or lie outside 0..1.
        """
        array, flat, by_region = np.asarray(action), batched(self._flat, batch), batched(self._by_region, batch)
        if array.dtype.kind not in "fiu":
            raise ValueError(f"shares must be numbers in 0..1, got {array.dtype} {array.tolist()}")
        if array.shape not in (flat, by_region):
            raise wrong_shape(f"{flat} or {by_region}", array.shape, batch)
        return _within_bounds(array.reshape(by_region).astype(np.float64))

    def write(self, actions: Actions, fleet: Fleet) -> int:
        """Writes the shares as offers of the regions."""
        return write_offers(_offers(actions), fleet)

    def modes_alike(self, action: Actions, fleet: Fleet) -> NDArray[np.int64]:
        """The nearest of HOLD, RUN and PULL for each region, shape (R,)."""
        del fleet
        runs, pulls = action[:, 0] >= 0.5, action[:, 1] >= 0.5
        return np.where(runs & pulls, Mode.PULL, np.where(runs, Mode.RUN, Mode.HOLD)).astype(np.int64)

    def agent_space(self, entries: Sequence[int]) -> spaces.Box:  # noqa: ARG002 - stores follow their rules
        """Box(0, 1, (2,))."""
        return spaces.Box(0.0, 1.0, (A_REGION,), np.float32)

    def joined(self, actions: Sequence[Any], entries: Sequence[Sequence[int]]) -> Actions:
        """Shares of all regions, shape (2 R,).

        Raises:
            ValueError: an agent's action has a wrong shape or is not made of floating-point numbers.
        """
        for r, (action, own) in enumerate(zip(actions, entries, strict=True)):
            array = np.asarray(action)
            if array.shape != (A_REGION,) or array.dtype.kind != "f":
                name = self.scenario.regions[r].name
                raise ValueError(f"action of {name!r} must be of {self.agent_space(own)}, got {action!r}")
        return np.concatenate([np.asarray(action, np.float64) for action in actions])


def offers_of_shares(shares: NDArray[np.floating]) -> Offers:
    """Translates a batch of shares into offers.

    Args:
        shares: Shape (B, R, 2), in 0..1: the share of the free GPUs for the own queue, and of the rest for others.

    Raises:
        ValueError: a share lies outside 0..1.
    """
    return _offers(_within_bounds(shares))


def write_offers(offers: Offers, fleet: Fleet) -> int:
    """Writes offers, shape (B, R) each, into the regions' rows and lets stores follow their rules.

    Returns:
        The source `OFFERS`.
    """
    regions = fleet.regions
    regions["own_share"], regions["others_share"], regions["surplus_only"] = offers
    fleet.stored["told"] = BY_RULE
    return OFFERS


def _within_bounds(shares: NDArray[Any]) -> NDArray[Any]:
    if shares.size and not (shares.min() >= 0.0 and shares.max() <= 1.0):
        raise ValueError(f"shares must lie in 0..1, got {shares.tolist()}")
    return shares


def _offers(shares: NDArray[np.floating]) -> Offers:
    own = np.ascontiguousarray(shares[..., 0], dtype=np.float64)
    others = np.ascontiguousarray(shares[..., 1], dtype=np.float64)
    return Offers(own=own, others=others, surplus_only=np.zeros(own.shape, dtype=np.bool_))
