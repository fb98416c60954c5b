"""What every rule is: a name, and modes from an outlook alone."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from wattward.envs.policy.outlook import Outlook
from wattward.envs.policy.protocol import Modes


class Rule(ABC):
    """A policy that remembers nothing: its modes follow from the outlook of the step."""

    name: str

    def reset(self, outlook: Outlook, rng: np.random.Generator) -> None:  # noqa: B027 - nothing to forget
        """Nothing to forget."""

    @abstractmethod
    def act(self, outlook: Outlook) -> Modes:
        """Modes of this step, shape (R,)."""
