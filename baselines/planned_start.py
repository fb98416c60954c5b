"""Rules that plan the start of a job once, when it arrives, and keep to it."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np

from wattward.baselines.rule import Rule
from wattward.baselines.slots import Signal, signal
from wattward.baselines.votes import by_time
from wattward.envs.action import Mode
from wattward.envs.outlook import Outlook
from wattward.envs.policy import Modes
from wattward.envs.types import Floats, Ints

UNPLANNED = -1


class PlannedStart(Rule):
    """A job votes to run from the step that was planned when it was first seen; while it waits it soaks.

    `signal` "cost" plans by the marginal cost of power, "carbon" by the carbon of it. Plans are forgotten at `reset`.
    """

    def __init__(self, name: str, signal: Signal = "cost") -> None:
        self.signal: Signal = signal
        self.name = name if signal == "cost" else f"{name}-{signal}"
        self._start_step = np.full(0, UNPLANNED)

    def reset(self, outlook: Outlook, rng: np.random.Generator) -> None:  # noqa: ARG002 - nothing here is random
        """Forgets the plans of the last episode."""
        self._start_step = np.full(0, UNPLANNED)

    def act(self, outlook: Outlook) -> Modes:
        """RUN where most work has reached its start or runs, else SOAK."""
        now = outlook.jobs.running | (self._planned(outlook) <= outlook.step)
        return by_time(outlook, now, otherwise=Mode.SOAK)

    @abstractmethod
    def best_lead(self, outlook: Outlook, rate: Floats) -> Ints:
        """The lead at which each job should start, shape (A,), under `rate` (L, R)."""

    def _planned(self, outlook: Outlook) -> Ints:
        number = outlook.jobs.number
        missing = int(number.max(initial=UNPLANNED)) + 1 - self._start_step.size
        if missing > 0:
            self._start_step = np.concatenate([self._start_step, np.full(missing, UNPLANNED)])
        new = self._start_step[number] == UNPLANNED
        if new.any():
            best = outlook.step + self.best_lead(outlook, signal(outlook, self.signal))
            self._start_step[number[new]] = best[new]
        planned: Ints = self._start_step[number]
        return planned
