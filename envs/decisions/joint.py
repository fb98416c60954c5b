"""Joint modes as actions: one number for all regions and stores, for algorithms such as DQN."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from wattward.envs.decisions.action import N_MODES, ActionInterface, Actions, Masks, batched, n_entries, wrong_shape
from wattward.envs.decisions.modes import ModeActions

if TYPE_CHECKING:
    from wattward.configs.schema.scenario import Scenario
    from wattward.envs.kernels.fleet import Fleet

MOST_ENTRIES = 31
"""The most entries of an action that a 64-bit number can hold."""


class JointActions(ActionInterface):
    """Discrete(4**(R + S)). The base-4 digits are the modes, then the store orders; the first is most significant."""

    name = "joint"

    def __init__(self, scenario: Scenario) -> None:
        """Makes the interface for the environments of a scenario."""
        super().__init__(scenario)
        self._entries, self._modes = n_entries(scenario), ModeActions(scenario)

    @cached_property
    def space(self) -> spaces.Discrete:
        """Discrete(4**(R + S)).

        Raises:
            ValueError: there are too many actions for a 64-bit number.
        """
        if self._entries > MOST_ENTRIES:
            raise ValueError(
                f"action = 'joint': {self._entries} regions and stores have more actions than a 64-bit number counts; "
                f"must be at most {MOST_ENTRIES}"
            )
        return spaces.Discrete(N_MODES**self._entries)

    def recognises(self, answer: object) -> bool:
        """Whether the answer is a single integer."""
        array = np.asarray(answer)
        return array.dtype.kind in "iu" and array.shape == ()

    def checked(self, action: Any, batch: int | None = None) -> Actions:  # noqa: ANN401 - whatever a caller brings
        """Returns modes and orders, shape (R + S,) or (B, R + S).

        Raises:
            ValueError: the numbers are not integers, have a wrong shape, or are out of range.
        """
        array, n_actions = np.asarray(action), self.space.n
        if array.dtype.kind not in "iu":
            raise ValueError(f"joint actions must be integers, got {array.dtype} {array.tolist()}")
        if array.shape != batched((), batch):
            raise wrong_shape(str(batched((), batch)), array.shape, batch)
        if array.size and (array.min() < 0 or array.max() >= n_actions):
            raise ValueError(f"joint actions must lie in 0..{n_actions - 1}, got {array.tolist()}")
        return joint_to_modes(array, self._entries)

    def write(self, actions: Actions, fleet: Fleet) -> int:
        """Writes the actions in the same way as modes."""
        return self._modes.write(actions, fleet)

    def modes_alike(self, action: Actions, fleet: Fleet) -> NDArray[np.int64]:
        """The modes and orders that the action stands for."""
        return self._modes.modes_alike(action, fleet)

    def masks(self, fleet: Fleet) -> Masks:
        """The joint actions in which every mode may matter, shape (B, 4**(R + S))."""
        each = self._modes.masks(fleet).reshape(len(fleet.observations), self._entries, N_MODES)
        allowed = np.ones((len(each), 1), np.bool_)
        for entry in range(self._entries):
            allowed = (allowed[:, :, None] & each[:, entry, None, :]).reshape(len(each), -1)
        return allowed

    def agent_space(self, entries: Sequence[int]) -> spaces.Discrete:
        """Discrete(4**entries): the region's mode and its stores' orders in one number."""
        return spaces.Discrete(N_MODES ** len(entries))

    def joined(self, actions: Sequence[Any], entries: Sequence[Sequence[int]]) -> Actions:
        """The joint action of all regions, shape ().

        Raises:
            ValueError: an agent's action is not an integer of its space.
        """
        modes = np.zeros(self._entries, np.int64)
        for r, (action, own) in enumerate(zip(actions, entries, strict=True)):
            array, space = np.asarray(action), self.agent_space(own)
            if array.shape != () or array.dtype.kind not in "iu" or not 0 <= int(array) < space.n:
                raise ValueError(f"action of {self.scenario.regions[r].name!r} must be of {space}, got {action!r}")
            modes[list(own)] = joint_to_modes(array, len(own))
        return np.asarray(modes_to_joint(modes))


def joint_to_modes(joint: NDArray[np.integer], entries: int) -> NDArray[np.int64]:
    """Splits joint actions into their base-4 digits; the first region's digit is the most significant.

    Args:
        joint: Joint actions, shape (...), values 0..4**entries - 1.
        entries: Length of an action, see `n_entries`.

    Returns:
        Modes and store orders, shape (..., entries).
    """
    return (np.asarray(joint, dtype=np.int64)[..., None] // _place_values(entries)) % N_MODES


def modes_to_joint(modes: NDArray[np.integer]) -> NDArray[np.int64]:
    """Joins modes and store orders, shape (..., entries), into joint actions, shape (...)."""
    joint: NDArray[np.int64] = np.asarray(modes, dtype=np.int64) @ _place_values(modes.shape[-1])
    return joint


def _place_values(entries: int) -> NDArray[np.int64]:
    return N_MODES ** np.arange(entries - 1, -1, -1, dtype=np.int64)
