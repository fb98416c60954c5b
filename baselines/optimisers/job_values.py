"""The least cost of finishing jobs that run now, leave now or wait, if GPU-hours have a price by step and region."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from wattward.envs.model.types import Floats, Ints

FRESH, PAUSED, GOING = 0, 1, 2
"""States of a job: it starts without a restart; it must restart before it goes on; it ran in the last step."""
EPS_STEPS = 1e-9
LEFT_STATE = np.array([FRESH, PAUSED, PAUSED])
"""The state of a job, by its last state, after a step in which it waits or leaves."""


class Prices(NamedTuple):
    """What GPU-hours cost in T steps, the first of them now, and what is charged for work that is not done.

    Costs are in the scenario's currency.
    """

    per_gpu_h: Floats  # (T, R)
    left_per_gpu_h: Floats  # (R,) of work that is left after T steps
    late_left_per_gpu_h: float  # in addition, of late work that is left when the episode ends
    to_the_end: bool  # whether the episode ends after T steps
    late_per_gpu_h_step: float  # of late work, in each step
    delay_per_gpu_h_step: float  # of any work, in each step


class Needs(NamedTuple):
    """What J jobs need."""

    region: Ints  # (J,) where they are
    state: Ints  # (J,) FRESH, PAUSED or GOING
    may_pause: NDArray[np.bool_]  # (J,) whether a job may pause when it runs
    steps: Floats  # (J,) steps that it still has to run on all of its GPUs
    step_gpu_h: Floats  # (J,) work done in such a step
    restart_gpu_h: Floats  # (J,) lost when it goes on after a pause
    due_step: Ints  # (J,) steps until its deadline; negative if it is late
    move_cost: Floats  # (J, R)
    transit_steps: Ints  # (J, R) 0 if its data arrive within the step


class Costs(NamedTuple):
    """The least costs of finishing J jobs."""

    waits: Floats  # (J,) if the job waits now
    goes: Floats  # (J, R) if it runs in a region now or, if `transit_steps` is not 0, leaves for it now


def job_costs(prices: Prices, needs: Needs) -> Costs:
    """The least costs of finishing each job, without what its work of the present step costs.

    They are found by dynamic programming over steps, regions and work left. In each step a job waits, runs on all of
    its GPUs, or moves; it moves at most once. GPUs and links have no limits here: prices say what GPUs are worth.
    """
    n_jobs, n_regions = needs.move_cost.shape
    costs = Costs(np.zeros(n_jobs), np.full((n_jobs, n_regions), np.inf))
    _fill(prices, needs, LEFT_STATE, costs)
    return costs


@njit(cache=True)
def _fill(prices: Prices, needs: Needs, left_state: Ints, costs: Costs) -> None:
    n_steps, n_regions = prices.per_gpu_h.shape
    for j in range(needs.region.size):
        # jobs that lose nothing by a pause are always fresh
        free = needs.may_pause[j] and needs.restart_gpu_h[j] == 0.0
        home, state = needs.region[j], FRESH if free else needs.state[j]
        ran = FRESH if free else GOING
        n_units = max(1, int(np.ceil(needs.steps[j] - EPS_STEPS)))
        work = _work_left(needs.steps[j], needs.step_gpu_h[j], n_units)
        cost = np.empty((3, n_regions, n_steps + 1, n_units + 1))
        for place in range(1, n_regions + 1):  # home last, because its jobs may move to all others
            region = (home + place) % n_regions
            for n in range(n_units + 1):
                cost[:, region, n_steps, n] = _end_cost(prices, needs.due_step[j], region, work, n)
            for t in range(n_steps - 1, 0, -1):
                for of in range(FRESH if state == FRESH else PAUSED, ran + 1):
                    _fill_step(prices, needs, left_state[of], ran, j, t, of, region, work, cost)
        hold = _hold(prices, needs.due_step[j], 0)
        left = left_state[state]
        costs.waits[j] = hold * work[-1] + cost[left, home, 1, -1]
        for region in range(n_regions):
            transit = needs.transit_steps[j, region]
            if transit == 0:
                costs.goes[j, region] = needs.move_cost[j, region] + hold * work[-2] + cost[ran, region, 1, -2]
            elif transit <= n_steps:
                under_way = transit * hold * work[-1] + cost[left, region, transit, -1]
                costs.goes[j, region] = needs.move_cost[j, region] + under_way


@njit(cache=True)
def _work_left(steps: float, step_gpu_h: float, n_units: int) -> Floats:
    """Work left by the number of steps that are still to run, shape (n_units + 1,). The last step may be shorter."""
    last = min(1.0, steps - (n_units - 1))
    work = np.zeros(n_units + 1)
    work[1:] = (np.arange(n_units) + last) * step_gpu_h
    return work


@njit(cache=True)
def _hold(prices: Prices, due_step: int, t: int) -> float:
    """What a GPU-hour that is left after step t costs for this step."""
    late = prices.late_per_gpu_h_step if t >= due_step else 0.0
    return prices.delay_per_gpu_h_step + late


@njit(cache=True)
def _end_cost(prices: Prices, due_step: int, region: int, work: Floats, n_units: int) -> float:
    """What work that needs `n_units` more steps costs after the last step.

    If the episode goes on, the work is taken to go on, too: it is late in the steps that are beyond its deadline, and
    becomes less in each of them.
    """
    n_steps = prices.per_gpu_h.shape[0]
    cost: float = work[n_units] * prices.left_per_gpu_h[region]
    if prices.to_the_end:
        return cost + (work[n_units] * prices.late_left_per_gpu_h if due_step <= n_steps else 0.0)
    late_steps = min(n_units, max(0, n_units + n_steps - due_step))
    return cost + 0.5 * late_steps * work[late_steps] * prices.late_per_gpu_h_step


@njit(cache=True)
def _fill_step(
    prices: Prices,
    needs: Needs,
    left: int,
    ran: int,
    j: int,
    t: int,
    state: int,
    region: int,
    work: Floats,
    cost: Floats,
) -> None:
    """Writes the costs from step t on, for job j in a state and a region, into `cost`, shape (3, R, T + 1, N + 1).

    Its axes are the job's state, its region, the step, and the steps that it still has to run. The job's state will be
    `left` if it waits or leaves, and `ran` if it runs.
    """
    price, hold = prices.per_gpu_h[t, region], _hold(prices, needs.due_step[j], t)
    restart = needs.restart_gpu_h[j] * price if state == PAUSED else 0.0
    may_stop = state != GOING or needs.may_pause[j]
    last = work.size - 1
    cost[state, region, t, 0] = 0.0
    # a fresh job has all of its work left, unless it is always fresh
    for n in range(last if state < ran and state == FRESH else 1, last + 1):
        done = work[n] - work[n - 1]
        best = done * price + restart + hold * work[n - 1] + cost[ran, region, t + 1, n - 1]
        if may_stop:
            best = min(best, hold * work[n] + cost[left, region, t + 1, n])
            if region == needs.region[j]:
                best = min(best, _move_cost(needs, j, t, hold * work[n], cost[left, :, :, n]))
        cost[state, region, t, n] = best


@njit(cache=True)
def _move_cost(needs: Needs, j: int, t: int, hold_cost: float, cost: Floats) -> float:
    """The least cost if job j leaves its region in step t; `cost` (R, T + 1) is that from its arrival on."""
    best = np.inf
    for region in range(cost.shape[0]):
        arrival = t + needs.transit_steps[j, region]
        if region != needs.region[j] and arrival < cost.shape[1]:
            under_way = needs.transit_steps[j, region] * hold_cost
            best = min(best, needs.move_cost[j, region] + under_way + cost[region, arrival])
    return best
