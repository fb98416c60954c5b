"""Base classes of rules."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from wattward.envs.policy.orders import Orders
from wattward.envs.policy.outlook import Outlook
from wattward.envs.policy.protocol import Decision


class Rule(ABC):
    """A policy whose decision depends only on the outlook of the step, unless it overrides `reset`."""

    name: str

    def reset(self, outlook: Outlook, rng: np.random.Generator) -> None:  # noqa: B027 - nothing to forget
        """Does nothing, because a rule without memory has nothing to forget."""

    @abstractmethod
    def act(self, outlook: Outlook) -> Decision:
        """Orders for the jobs present, or modes of the regions."""


class JobRule(Rule):
    """A rule that gives orders to jobs."""

    @abstractmethod
    def act(self, outlook: Outlook) -> Orders:
        """Orders for the jobs present."""
