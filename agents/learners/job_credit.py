"""Credit of single jobs: what each job's own orders earned in a step, and the row that it has afterwards.

The cost of a job is nearly additive: the energy of its run, its move, its restarts and its lateness are its own. What
jobs share (the peak, the GPUs that others then lack) is in the reward of the whole. Amounts are GPU-hours / the mean
fleet, valued relative to the mean price: a GPU-hour run at price p earns 1 - p.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wattward.agents.inference import job_features
from wattward.agents.inference.job_features import OPTION_AT, Numbers
from wattward.envs.kernels.compiling import digest_of, entry, inlined
from wattward.envs.kernels.fleet import Fleet
from wattward.envs.model import layout
from wattward.envs.model.layout import MOVABLE, Row, Rows
from wattward.envs.model.types import IN_TRANSIT, RUNNING

if TYPE_CHECKING:
    from wattward.envs.simulator.simulator import Simulator

GONE = -1
"""The row of a job that may not be ordered any more."""
SOURCES = digest_of(*(Path(str(module.__file__)) for module in (job_features, layout)))


class Prices(NamedTuple):
    """What a scenario charges, relative to the mean price of a GPU-hour."""

    step_h: float
    mean_fleet_gpus: float
    late_per_h: float
    """Of a GPU-hour that is late, an hour."""
    terminal: float
    """Of a GPU-hour that is left at the end of the episode."""


def prices_of(fleet: Fleet) -> Prices:
    """Returns the prices of the scenario that a batch plays."""
    p, sites = fleet.scenario[0], fleet.sites[0]
    unit = float(p["shaping_coefficient_per_gpu_h"])
    terminal = float(sites["terminal_cost_per_gpu_h"].mean()) / unit
    late = float(p["late_cost_per_gpu_h_per_h"]) / unit
    return Prices(float(p["step_h"]), float(sites["fleet_gpus"].mean()), late, terminal)


class Memory:
    """Remembers the jobs of the last observation, to credit them after the next step."""

    def __init__(self, simulator: Simulator, n_rows: int) -> None:
        n_envs = len(simulator.fleet.env)
        self._simulator, self._prices = simulator, prices_of(simulator.fleet)
        self._jobs = np.zeros((n_envs, n_rows), layout.QUEUED)
        self._present = np.zeros(n_envs, np.int64)
        self._places = np.full(simulator.fleet.jobs.shape[1] + 1, GONE, np.int64)

    def note(self) -> None:
        """Notes the jobs that may be ordered now."""
        fleet = self._simulator.fleet  # its arrays may have grown
        _note(fleet.env, fleet.queue, fleet.picks, self._jobs, self._present)

    def credit(
        self, options: Numbers, actions: NDArray[Any], ended: NDArray[np.bool_]
    ) -> tuple[Numbers, NDArray[np.int16]]:
        """Credits the jobs noted before a step with what they did in it.

        Args:
            options: The options (B, K, R, N_OPTION) that were observed before the step.
            actions: The orders of rows, shape (B, K).
            ended: Whether the step ended the episode, shape (B,).

        Returns:
            What each row earned, and its row now or `GONE`, both (B, K).
        """
        earned = np.zeros(self._jobs.shape, np.float32)
        became = np.full(self._jobs.shape, GONE, np.int16)
        fleet = self._simulator.fleet
        if len(self._places) <= fleet.jobs.shape[1]:
            self._places = np.full(fleet.jobs.shape[1] + 1, GONE, np.int64)
        noted = (self._jobs, self._present, fleet.classes)
        _credit(
            fleet.env, fleet.queue, fleet.picks, *noted, options, actions, ended, self._places, *self._prices,
            earned, became,
        )  # fmt: skip
        return earned, became


@entry
def _note(env: Rows, queue: Rows, picks: NDArray[np.int32], jobs: Rows, present: NDArray[np.int64]) -> None:
    _ = SOURCES
    for b in range(env.size):
        present[b] = min(env[b].n_movable, jobs.shape[1])
        for k in range(present[b]):
            jobs[b, k] = queue[b, picks[b, MOVABLE, k]]


@entry
def _credit(
    env: Rows,
    queue: Rows,
    picks: NDArray[np.int32],
    jobs: Rows,
    present: NDArray[np.int64],
    classes: Rows,
    options: Numbers,
    actions: NDArray[np.int64],
    ended: NDArray[np.bool_],
    places: NDArray[np.int64],
    step_h: float,
    mean_fleet_gpus: float,
    late_per_h: float,
    terminal: float,
    earned: Numbers,
    became: NDArray[np.int16],
) -> None:
    _ = SOURCES
    for b in range(env.size):
        if ended[b]:
            for k in range(present[b]):
                earned[b, k] = _at_end(jobs[b, k], actions[b, k], options[b, k], step_h, terminal) / mean_fleet_gpus
            continue
        for i in range(env[b].n_active):
            places[queue[b, i].number] = i
        for k in range(present[b]):
            before, place = jobs[b, k], places[jobs[b, k].number]
            if place == GONE:
                gain = _finished(before, actions[b, k], options[b, k])
            else:
                restart_h = classes[min(b, len(classes) - 1), before.job_class].restart_h
                gain = _went_on(before, queue[b, place], restart_h, options[b, k], step_h, late_per_h, env[b].step)
            earned[b, k] = gain / mean_fleet_gpus
        _rows_now(env[b], queue[b], picks[b, MOVABLE], jobs[b], present[b], places, became[b])
        for i in range(env[b].n_active):
            places[queue[b, i].number] = GONE


@inlined
def _rows_now(
    e: Row,
    q: Rows,
    movable: NDArray[np.int32],
    jobs: Rows,
    present: int,
    places: NDArray[np.int64],
    became: NDArray[np.int16],
) -> None:
    for i in range(e.n_active):
        places[q[i].number] = GONE
    for row in range(min(e.n_movable, became.size)):
        places[q[movable[row]].number] = row
    for k in range(present):
        became[k] = places[jobs[k].number]


@inlined
def _finished(before: Row, action: int, options: Numbers) -> float:
    r = before.region if action == 0 else action - 1
    move = options[r, OPTION_AT.move_cost] if r != before.region else 0.0
    return float(before.expected_gpu_h * (1.0 - options[r, OPTION_AT.price] - move))


@inlined
def _went_on(
    before: Row, after: Row, restart_h: float, options: Numbers, step_h: float, late_per_h: float, step: int
) -> float:
    r, gain = after.region, 0.0
    if r != before.region:
        gain -= before.expected_gpu_h * options[r, OPTION_AT.move_cost]
    late_h = max(0.0, (step - after.deadline_step) * step_h)
    if after.status == RUNNING and not after.preemptible:
        gain += before.expected_gpu_h * (1.0 - options[r, OPTION_AT.run_price])
        late_h = max(0.0, (step - after.deadline_step) * step_h + after.left_h)
        return float(gain - late_per_h * after.expected_gpu_h * late_h)
    if after.status == IN_TRANSIT:
        return float(gain + before.expected_gpu_h * (1.0 - options[r, OPTION_AT.later_price]))
    if after.status == RUNNING:
        gain += after.alloc_gpus * step_h * (1.0 - options[r, OPTION_AT.price])
    if after.paused and not before.paused and not after.malleable:
        gain -= restart_h * after.gpus
    if late_h > 0.0:
        gain -= late_per_h * after.expected_gpu_h * step_h
    return gain


@inlined
def _at_end(before: Row, action: int, options: Numbers, step_h: float, terminal: float) -> float:
    left = before.expected_gpu_h
    if action == 0:
        return float(left * (1.0 - terminal))
    done = min(left, before.gpus * step_h)
    return float(done * (1.0 - options[action - 1, OPTION_AT.price]) + (left - done) * (1.0 - terminal))
