"""What a policy decides, and what every action interface has in common.

An action interface is one form that decisions may take: modes, shares, joint modes. It owns the form's Gymnasium space,
its check and error text, its mask, and its encoding into what the kernels read. The registry beside this file knows
interfaces by name. Environments of all kinds use only what `ActionInterface` says.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from enum import IntEnum
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from gymnasium import spaces

    from wattward.configs.schema.scenario import Scenario
    from wattward.envs.kernels.fleet import Fleet

Actions = NDArray[Any]
Masks = NDArray[np.bool_]


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
    """What an action tells a store, where the scenario hands its control to it."""

    BY_RULE = 0
    """As the price rule has it (`wattward.envs.world.processes.store_rule`)."""
    CHARGE = 1
    """At full power."""
    IDLE = 2
    """A power store still takes surplus of the plants on site."""
    DISCHARGE = 3
    """Up to what the site needs."""


N_MODES = len(Mode)


def n_entries(scenario: Scenario) -> int:
    """Numbers in an action of modes: one a region, then one a store that actions order; each is one of 4."""
    return scenario.n_regions + scenario.n_stores


class ActionInterface(ABC):
    """One form of decisions, for the environments of one scenario. It has no state, so it may be shared and copied.

    A new form is a file in this folder with a subclass, and its class in `registry.INTERFACES`; no environment changes.

    Where the kernels cannot read a form yet, such as an order for each job, they learn it once: a new array in
    `wattward.envs.kernels.fleet.Fleet` for `write` to fill, and a new source in `wattward.envs.kernels.codes` for it to
    return and `wattward.envs.kernels.entries` to tell apart. `write` and `masks` get the whole fleet, so they find the
    jobs that an action is about in `Fleet.queue`; `observation_space` and `observed` may add them to what is observed.

    Attributes:
        name: What the registry knows it by.
        scenario: The scenario; of a family one of its members, as all have as many regions and stores.
    """

    name: ClassVar[str]

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario

    @property
    @abstractmethod
    def space(self) -> spaces.Space[Any]:
        """The Gymnasium space of one environment's action, the same object every time."""

    @abstractmethod
    def recognises(self, answer: object) -> bool:
        """Whether one environment's action, as a policy may answer it, has this form, be its values allowed or not."""

    @abstractmethod
    def checked(self, action: Any, batch: int | None = None) -> Actions:  # noqa: ANN401 - whatever a caller brings
        """The action in the form that `write` reads.

        Args:
            action: Of one environment; or of `batch` environments, along the first axis.
            batch: Environments B, or None for one.

        Raises:
            ValueError: shape, type or values are wrong; the message says what is allowed. Modes out of range pass: the
                kernels find them, see `wattward.envs.simulator.simulator.Simulator.advance`.
        """

    @abstractmethod
    def write(self, actions: Actions, fleet: Fleet) -> int:
        """Writes checked actions, of all environments of a batch or of its only one, into the batch's arrays.

        Returns:
            Where the kernels find them: a source of `wattward.envs.kernels.codes`.
        """

    @abstractmethod
    def modes_alike(self, action: Actions) -> NDArray[np.int64]:
        """The modes that one environment's action comes nearest to, shape (R,) or with store orders: for pictures."""

    def masks(self, fleet: Fleet) -> Masks | None:
        """Which choices may matter now, as flat as sb3-contrib's MaskablePPO takes them.

        Returns:
            Shape (B, choices); all true where nothing is known; None where the space has no choices to count.
        """
        del fleet
        return None

    def observation_space(self, observed: spaces.Box) -> spaces.Space[Any]:
        """The space of what one environment observes, where the vector of fields is `observed`."""
        return observed

    def observed(self, fleet: Fleet, which: int | slice) -> Any:  # noqa: ANN401 - as `observation_space` says
        """A copy of what environment `which`, or a slice of them, observes."""
        return fleet.observations[which].copy()

    @abstractmethod
    def agent_space(self, entries: Sequence[int]) -> spaces.Space[Any]:
        """The space of the agent of one region; `entries` are the numbers of its mode and its stores' orders."""

    @abstractmethod
    def joined(self, actions: Sequence[Any], entries: Sequence[Sequence[int]]) -> Actions:
        """One environment's action out of the regions' agents' own.

        Args:
            actions: One of each region, in its `agent_space`.
            entries: Of each region, as for `agent_space`.
        """


def batched(shape: tuple[int, ...], batch: int | None) -> tuple[int, ...]:
    """The shape of one environment's action, or that of `batch` environments."""
    return shape if batch is None else (batch, *shape)


def wrong_shape(allowed: str, got: tuple[int, ...], batch: int | None) -> ValueError:
    """The error about an action, or about the actions of a batch, of another shape than allowed."""
    return ValueError(f"{'action' if batch is None else 'actions'} must have shape {allowed}, got {got}")
