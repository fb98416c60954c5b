"""Base class of rules without memory."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from wattward.envs.policy.outlook import Outlook
from wattward.envs.policy.protocol import Modes


class Rule(ABC):
    """A policy without memory: its modes depend only on the outlook of the step."""

    name: str

    def reset(self, outlook: Outlook, rng: np.random.Generator) -> None:  # noqa: B027 - nothing to forget
        """Does nothing, because a rule has no memory."""

    @abstractmethod
    def act(self, outlook: Outlook) -> Modes:
        """Modes of this step, shape (R,)."""
