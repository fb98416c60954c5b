"""A fluid plan of the work: what an hour of a region is worth to the jobs that could use it.

Work is grouped by the hour of its deadline, and work expected to arrive by the hour of its arrival. The groups take
the cheapest supply of their windows, earliest deadline first. An hour that is full is then worth what the dearest
group that could use it pays elsewhere: the price that a linear program would find as a dual.
"""

from __future__ import annotations

import numpy as np

from wattward.baselines.index.parameters import AT, Numbers
from wattward.baselines.index.table import (
    BOUGHT_COST,
    BOUGHT_GPUS,
    GRID_COST,
    OWN_COST,
    OWN_GPUS,
    ROOM_GPUS,
)
from wattward.envs.kernels.compiling import called, inlined
from wattward.envs.kernels.jobs import sort_by_key
from wattward.envs.model.layout import EPS, Row, Rows
from wattward.envs.model.types import RUNNING, Floats, Ints

N_SUPPLIES = 3
PRESENT_H, ARRIVING_H = 2, 3
"""Hours of deadlines that share a group; hours of arrivals that share one."""
FIRST, LAST, WORK, RATE, PRICE = range(5)
N_GROUP = 5
"""Columns of a group: its first block and the one after its last; its work [GPU-h]; the most GPUs; what it pays."""


@called
def fill_worth(
    p: Row,
    supply: Floats,
    queue: Rows,
    n_jobs: int,
    step: int,
    arrivals: Floats,
    first_h: float,
    block_h: float,
    numbers: Numbers,
    worth: Floats,
) -> None:
    """Fills what a GPU-hour is worth in each block and region, (H, R); the arguments are as in `decide.decide`."""
    end_h = (p.n_steps - step) * p.step_h
    n_blocks = min(supply.shape[0], 1 + max(0, int((end_h - first_h) / block_h + 1e-6)))
    groups = _groups(p, queue, n_jobs, step, arrivals, first_h, block_h, n_blocks, numbers)
    most = n_blocks * supply.shape[1] * N_SUPPLIES
    keys, places, left = np.empty((2, most)), np.empty((2, most), np.int64), np.empty((2, most))
    n_cells = _fill_cells(supply, n_blocks, first_h, block_h, numbers[AT.fill], left[0], keys, places)
    keys, places = keys[:, :n_cells].copy(), places[:, :n_cells].copy()
    row = sort_by_key(keys, places)
    of_region, of_block = places[1 - row], places[row]
    for i in range(n_cells):
        cell = places[row, i]
        left[1, i] = left[0, cell]
        of_region[i] = cell // N_SUPPLIES % supply.shape[1]
        of_block[i] = cell // N_SUPPLIES // supply.shape[1]
    for g in range(groups.shape[0]):
        groups[g, PRICE] = _serve(groups[g], first_h, block_h, left[1, :n_cells], of_block, keys[row])
    _fill_from_groups(supply, groups, n_blocks, left[1, :n_cells], of_block, of_region, keys[row], worth)


@called
def _groups(
    p: Row,
    queue: Rows,
    n_jobs: int,
    step: int,
    arrivals: Floats,
    first_h: float,
    block_h: float,
    n_blocks: int,
    numbers: Numbers,
) -> Floats:
    """The groups of work, (G, N_GROUP), those present first, by deadline."""
    n_present, n_coming = n_blocks // PRESENT_H + 1, n_blocks // ARRIVING_H + 1
    groups = np.zeros((n_present + n_coming, N_GROUP))
    for g in range(n_present):
        groups[g, LAST] = min(n_blocks, PRESENT_H * (g + 1))
    for i in range(n_jobs):
        job = queue[i]
        if job.status == RUNNING and not job.preemptible:
            continue
        until_h = (job.deadline_step - step) * p.step_h - numbers[AT.early_h]
        block = int(max(0.0, until_h - first_h) / block_h)
        group = groups[min(n_present - 1, block // PRESENT_H)]
        group[WORK] += job.expected_gpu_h
        group[RATE] += job.gpus
    lag = int(numbers[AT.arrival_lag_h] / block_h)
    for g in range(n_coming):
        group = groups[n_present + g]
        group[FIRST], group[RATE] = ARRIVING_H * g, np.inf
        group[LAST] = min(n_blocks, ARRIVING_H * g + lag + 1)
    for t in range(step + 1, min(p.n_steps, step + int((first_h + (n_blocks - 1) * block_h) / p.step_h))):
        block = int(max(0.0, (t - step) * p.step_h - first_h) / block_h + 1.0)
        groups[n_present + min(n_coming - 1, block // ARRIVING_H), WORK] += numbers[AT.arrivals] * arrivals[t]
    return groups


@inlined
def _fill_cells(
    supply: Floats,
    n_blocks: int,
    first_h: float,
    block_h: float,
    fill: float,
    left: Floats,
    keys: Floats,
    places: Ints,
) -> int:
    """Fills GPU-hours, cost and number of each cell: a block, a region and a supply; returns how many are not empty."""
    count = 0
    for h in range(n_blocks):
        hours = fill * (first_h if h == 0 else block_h)
        for r in range(supply.shape[1]):
            of, i = supply[h, r], (h * supply.shape[1] + r) * N_SUPPLIES
            left[i], left[i + 1] = of[OWN_GPUS] * hours, of[BOUGHT_GPUS] * hours
            left[i + 2] = max(0.0, of[ROOM_GPUS] - of[OWN_GPUS] - of[BOUGHT_GPUS]) * hours
            for s in range(N_SUPPLIES):
                if left[i + s] > EPS:
                    keys[0, count] = of[OWN_COST] if s == 0 else of[BOUGHT_COST] if s == 1 else of[GRID_COST]
                    places[0, count] = i + s
                    count += 1
    return count


@called
def _serve(group: Floats, first_h: float, block_h: float, left: Floats, of_block: Ints, cost: Floats) -> float:
    """Gives a group the cheapest supply of its window; returns the cost of the dearest that it takes.

    Args:
        group: the group.
        first_h: hours in the first block.
        block_h: hours in each other block.
        left: GPU-hours left of each cell, cheapest first.
        of_block: block of each cell.
        cost: cost of each cell.
    """
    work, price, rate = group[WORK], -np.inf, group[RATE]
    if work <= EPS:
        return price
    first, last = int(group[FIRST]), int(group[LAST])
    used = np.zeros(last + 1)
    for i in range(left.size):
        h = of_block[i]
        if left[i] <= EPS or h < first or h >= last:
            continue
        taken = min(work, min(left[i], rate * (first_h if h == 0 else block_h) - used[h]))
        if taken <= EPS:
            continue
        left[i] -= taken
        used[h] += taken
        work -= taken
        price = cost[i]
        if work <= EPS:
            return price
    return max(price, cost[cost.size - 1]) if cost.size > 0 else price


@called
def _fill_from_groups(
    supply: Floats,
    groups: Floats,
    n_blocks: int,
    left: Floats,
    of_block: Ints,
    of_region: Ints,
    cost: Floats,
    worth: Floats,
) -> None:
    """The cost of what is left in a block; where nothing is left, what the dearest group pays that could use it."""
    for h in range(worth.shape[0]):
        dearest = -np.inf if h < n_blocks or cost.size == 0 else cost[cost.size - 1]
        for g in range(groups.shape[0]):
            if groups[g, FIRST] <= h < groups[g, LAST]:
                dearest = max(dearest, groups[g, PRICE])
        for r in range(worth.shape[1]):
            worth[h, r] = max(dearest, supply[h, r, GRID_COST])
    for i in range(left.size - 1, -1, -1):
        if left[i] > EPS:
            worth[of_block[i], of_region[i]] = cost[i]
