"""The decisions of a policy, and the base class of all action interfaces.

An action interface is one form of decisions: modes, shares or joint modes. It defines the Gymnasium space of the form,
its check and error text, its mask, and its encoding for the kernels. The module `registry` lists the interfaces by
name. Environments of all kinds use only the methods of `ActionInterface`.
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
    """Run only due jobs of the own queue."""
    SOAK = 1
    """Run the own queue, then work of others, on as many GPUs as surplus green power covers."""
    RUN = 2
    """Run the own queue on the free GPUs."""
    PULL = 3
    """Run the own queue on the free GPUs, then work of others on the GPUs still free."""


class StoreOrder(IntEnum):
    """What an action tells a store, if the scenario lets actions order it."""

    BY_RULE = 0
    """Follow the price rule (`wattward.envs.world.processes.store_rule`)."""
    CHARGE = 1
    """Charge at full power."""
    IDLE = 2
    """Neither charge nor discharge; a power store still takes surplus of the plants on site."""
    DISCHARGE = 3
    """Discharge at full power, but at most as much as the site needs."""


N_MODES = len(Mode)


def n_entries(scenario: Scenario) -> int:
    """Length of an action of modes: one number for each region and each store that actions order.

    Each number has 4 values.
    """
    return scenario.n_regions + scenario.n_stores


class ActionInterface(ABC):
    """One form of decisions, for the environments of one scenario. It has no state, so it may be shared and copied.

    To add a form, put a subclass into a new file in this folder and add the class to `registry.INTERFACES`. No
    environment needs to change.

    `write` turns an action into modes, offers or orders for jobs, which the kernels read. It gets the whole fleet, and
    so finds the jobs in `Fleet.queue`. `observation_space` and `observed` may add to observations, `facts` to `info`.

    Attributes:
        name: The interface's name in the registry.
        scenario: The scenario. For a family it is any member, because all have the same number of regions and stores.
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
        """Whether one environment's action has this form, whether or not its values are allowed."""

    @abstractmethod
    def checked(self, action: Any, batch: int | None = None) -> Actions:  # noqa: ANN401 - whatever a caller brings
        """Checks an action and returns it in the form that `write` reads.

        Args:
            action: Action of one environment, or actions of `batch` environments along the first axis.
            batch: Number of environments B, or None for a single one.

        Raises:
            ValueError: shape, type or values are wrong; the message says what is allowed. Modes out of range are not
                found here but by the kernels, see `wattward.envs.simulator.simulator.Simulator.advance`.
        """

    @abstractmethod
    def write(self, actions: Actions, fleet: Fleet) -> int:
        """Writes checked actions of all environments of a batch, or of its only one, into the batch's arrays.

        Returns:
            The source from which the kernels read them, see `wattward.envs.kernels.codes`.
        """

    @abstractmethod
    def modes_alike(self, action: Actions, fleet: Fleet) -> NDArray[np.int64]:
        """The modes nearest to a checked action of a single environment that has not taken it yet; used for pictures.

        Returns:
            Values of `Mode`, shape (R,), or longer with store orders.
        """

    def masks(self, fleet: Fleet) -> Masks | None:
        """Which choices may matter now, as the flat mask that sb3-contrib's MaskablePPO needs.

        Returns:
            Shape (B, choices); all true if nothing is known; None if the space is not made of discrete choices.
        """
        del fleet
        return None

    def facts(self, fleet: Fleet) -> dict[str, NDArray[Any]]:
        """What this form adds to `info`, by name, one number for each environment, shape (B,)."""
        del fleet
        return {}

    def observation_space(self, observed: spaces.Box) -> spaces.Space[Any]:
        """The observation space of one environment; `observed` is the space of the vector of fields."""
        return observed

    def observed(self, fleet: Fleet, which: int | slice) -> Any:  # noqa: ANN401 - as `observation_space` says
        """A copy of the observation of environment `which`, or of a slice of environments."""
        return fleet.observations[which].copy()

    @abstractmethod
    def agent_space(self, entries: Sequence[int]) -> spaces.Space[Any]:
        """The action space of one region's agent; `entries` are the positions of its mode and its stores' orders."""

    @abstractmethod
    def joined(self, actions: Sequence[Any], entries: Sequence[Sequence[int]]) -> Actions:
        """Joins the actions of the regions' agents into one environment's action.

        Args:
            actions: The action of each region's agent, from its `agent_space`.
            entries: The entries of each region, as for `agent_space`.
        """


def batched(shape: tuple[int, ...], batch: int | None) -> tuple[int, ...]:
    """The shape of one environment's action, or that of `batch` environments."""
    return shape if batch is None else (batch, *shape)


def wrong_shape(allowed: str, got: tuple[int, ...], batch: int | None) -> ValueError:
    """The error for an action, or for the actions of a batch, with a wrong shape."""
    return ValueError(f"{'action' if batch is None else 'actions'} must have shape {allowed}, got {got}")
