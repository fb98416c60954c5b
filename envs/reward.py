"""From the cost of a step to a scalar reward; the scenario says what each thing costs."""

from __future__ import annotations

from typing import Literal

import numpy as np

from wattward.envs.simulator import Simulator
from wattward.envs.types import Floats, Offers, OnArrival

RewardKind = Literal["cost", "saving", "shaped"]
REWARD_KINDS: tuple[RewardKind, ...] = ("cost", "saving", "shaped")
WORK_SHARE = 0.5
"""Worth of a GPU-hour done under "shaped", as a share of what one left undone costs at the end: near its mean price."""


class Rewards:
    """Rewards of B environments, in units of the scenario's yuan per step when all runs on arrival.

    - "cost": -(cost of the step).
    - "saving": what the same step of the same episode costs when all runs on arrival, less its cost: a control variate,
      with the same optimum and far less variance.
    - "shaped": as "saving", and work is credited when it is done. The potential of a state is -(worth of the work left,
      beyond what is left when all runs on arrival), and 0 at both ends, so an episode's sum is that of "saving" exactly
      (Ng, Harada and Russell 1999). Holding work then earns nothing until it runs at a better price than the usual.

    Attributes:
        on_arrival: What running all on arrival does in the present episodes; not filled under "cost".
    """

    def __init__(self, kind: RewardKind, simulator: Simulator, n_steps: int) -> None:
        self._kind, self._simulator = kind, simulator
        shape = (simulator.n_envs, n_steps)
        self.on_arrival = OnArrival(np.zeros(shape), np.zeros(shape))
        self._rows = np.arange(simulator.n_envs)
        self._worth_yuan_per_gpu_h = WORK_SHARE * simulator.params.settlement_yuan_per_gpu_h.mean(axis=1)

    def begin(self, b: int) -> None:
        """Must follow the loading of an episode into environment `b`."""
        if self._kind != "cost":
            self._simulator.run_on_arrival(b, self.on_arrival)

    def step(self, offers: Offers) -> Floats:
        """Steps all environments; rewards, shape (B,)."""
        simulator = self._simulator
        t, before_gpu_h = simulator.state.step.copy(), self._backlog_gpu_h()
        simulator.step(offers)
        gain = -simulator.tally.cost_yuan
        if self._kind != "cost":
            gain = gain + self.on_arrival.cost_yuan[self._rows, t]
        if self._kind == "shaped":
            gain = gain + self._worth_yuan_per_gpu_h * (before_gpu_h - self._backlog_gpu_h())
        return gain / simulator.params.reference_yuan_per_step

    def _backlog_gpu_h(self) -> Floats:
        """Work left beyond what is left when all runs on arrival, shape (B,); 0 where an episode begins or ends."""
        steps, flows = self._simulator.state.step, self._simulator.flows
        left_gpu_h = flows.waiting_gpu_h.sum(axis=1) + flows.transit_gpu_h.sum(axis=1)
        under_way = (steps > 0) & (steps < self._simulator.params.n_steps)
        return np.where(under_way, left_gpu_h - self.on_arrival.left_gpu_h[self._rows, steps - 1], 0.0)
