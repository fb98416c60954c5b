"""Turns a network's outputs into a decision: modes of regions, or shares."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from wattward.agents.inference.checkpoint import Manifest
from wattward.agents.inference.networks import ActingNetwork, Requirements, Seen
from wattward.envs.decisions.action import N_MODES
from wattward.envs.decisions.joint import joint_to_modes

if TYPE_CHECKING:
    from wattward.envs.policy.orders import Orders
    from wattward.envs.policy.outlook import Outlook
    from wattward.envs.policy.protocol import Modes, Shares


class Chooser(Protocol):
    """Maps observations to decisions."""

    def __call__(self, observation: NDArray[np.float32], /) -> Modes | Shares:
        """Returns modes (..., R) or shares (..., R, 2) for observations (..., size)."""
        ...

    def requirements(self, manifest: Manifest, seen: Seen) -> Requirements:
        """Returns the numbers that must agree before the network may act in a world."""
        ...


class ModeChooser:
    """Maps observations to the modes with the largest outputs.

    The network has a group of outputs for each region, or one output for each joint action if `joint`. If `masked`,
    only the modes that `allowed_modes` allows are compared.
    """

    def __init__(self, network: ActingNetwork, n_regions: int, joint: bool, masked: bool = False) -> None:
        self._network, self._joint, self._masked = network, joint, masked
        self._n_entries = n_regions

    def __call__(self, observation: NDArray[np.float32]) -> Modes:
        """Returns modes (..., R) for observations (..., size)."""
        values = self._network(observation)
        if self._joint:
            return joint_to_modes(values.argmax(axis=-1), self._n_entries)
        values = values.reshape(*values.shape[:-1], -1, N_MODES)
        if self._masked:
            from wattward.envs.decisions.modes import allowed_modes

            values = np.where(allowed_modes(observation, values.shape[-2]), values, -np.inf)
        modes: Modes = values.argmax(axis=-1)
        return modes

    def requirements(self, manifest: Manifest, seen: Seen) -> Requirements:
        """Returns the requirements of the network."""
        return self._network.requirements(manifest, seen)


class RegionChooser:
    """Maps each region's view to the mode with the largest output; works for any number of regions."""

    def __init__(self, network: ActingNetwork, view_size: int) -> None:
        self._network, self._view_size = network, view_size

    def __call__(self, observation: NDArray[np.float32]) -> Modes:
        """Returns modes (..., R) for observations (..., size)."""
        from wattward.envs.policy.region_views import n_regions_of, region_views

        n_regions = n_regions_of(observation.shape[-1], self._view_size)
        modes: Modes = self._network(region_views(observation, n_regions)).argmax(axis=-1)
        return modes

    def requirements(self, manifest: Manifest, seen: Seen) -> Requirements:  # noqa: ARG002 - only the view matters
        """Requires the same length of a region's view; any number of regions is possible."""
        from wattward.envs.policy.region_views import observation_size

        return (("observed numbers", observation_size(seen.n_regions, self._view_size), seen.size),)


class ShareChooser:
    """Maps observations to shares: the outputs, squashed if the algorithm does so, and clipped to 0..1."""

    def __init__(self, network: ActingNetwork, squashed: bool) -> None:
        self._network, self._squashed = network, squashed

    def __call__(self, observation: NDArray[np.float32]) -> Shares:
        """Returns shares (..., R, 2) for observations (..., size)."""
        mean = self._network(observation).astype(np.float64)
        shares = 0.5 * (np.tanh(mean) + 1.0) if self._squashed else mean
        return np.clip(shares, 0.0, 1.0).reshape(*mean.shape[:-1], -1, 2)

    def requirements(self, manifest: Manifest, seen: Seen) -> Requirements:
        """Requires the same numbers of regions and observed numbers as in training; stores follow the built-in rule."""
        return ("regions", manifest.n_regions, seen.n_regions), (
            "observed numbers",
            manifest.observation_size,
            seen.size,
        )


class OutlookChooser(ABC):
    """Gives orders to the jobs of an outlook; a chooser that sees only observations cannot."""

    @abstractmethod
    def begin(self, outlook: Outlook) -> None:
        """Prepares for an episode; `outlook` is that of its first step."""

    @abstractmethod
    def orders(self, outlook: Outlook) -> Orders:
        """Returns orders for all jobs of an outlook."""

    def __call__(self, observation: NDArray[np.float32]) -> Modes:  # noqa: ARG002 - the protocol's
        """Not possible: orders need more than the observation.

        Raises:
            TypeError: always.
        """
        raise TypeError("an agent that decides per job needs an outlook")

    @abstractmethod
    def requirements(self, manifest: Manifest, seen: Seen) -> Requirements:
        """Returns the requirements of the network."""
