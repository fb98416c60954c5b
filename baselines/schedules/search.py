"""Large-neighbourhood search over schedules: jobs are taken off the board and placed again, alone and in groups.

Source: Shaw, "Using Constraint Programming and Local Search Methods to Solve Vehicle Routing Problems", CP 1998; with
the acceptance of worse schedules by a falling threshold, as in Dueck, "New Optimization Heuristics", J. Comput. Phys.
104, 1993.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from wattward.baselines.schedules.board import (
    NOWHERE,
    Board,
    Terms,
    Work,
    peaks_cost,
    put,
    take_off,
)
from wattward.baselines.schedules.cells import Cells
from wattward.baselines.schedules.placement import Scratch, place
from wattward.envs.model.types import Floats, Ints

GROUP = 16
"""Most jobs that are taken off at once."""
NEAR, ANY, PEAK = range(3)
"""How a group is chosen: jobs that run when another one does, any jobs, or jobs that run when grid power is highest."""


class Kept(NamedTuple):
    """The placements of a group before it was taken off."""

    jobs: Ints  # (GROUP,)
    region: Ints  # (GROUP,)
    move: Ints  # (GROUP,)
    first: Ints  # (GROUP,)
    last: Ints  # (GROUP,)
    held: Floats  # (GROUP, T)
    busy: Floats  # (GROUP, T)


def room_to_keep(n_steps: int) -> Kept:
    """Arrays for the placements of a group."""
    jobs = np.zeros(GROUP, np.int64)
    rows = np.zeros((GROUP, n_steps))
    return Kept(jobs, jobs.copy(), jobs.copy(), jobs.copy(), jobs.copy(), rows, rows.copy())


@njit(error_model="numpy", cache=True)
def sweep(
    work: Work,
    terms: Terms,
    cells: Cells,
    board: Board,
    s: Scratch,
    order: Ints,
    rng: np.random.Generator,
    noise: float,
) -> None:
    """Takes each job off, if it is on the board, and places it anew; one after the other."""
    for j in order:
        take_off(work, terms, cells, board, j)
        place(work, terms, cells, board, s, j, rng, noise)


@njit(error_model="numpy", cache=True)
def set_caps(terms: Terms, board: Board, share: float) -> None:
    """Sets the grid power above which placements are charged to a share of the present peaks."""
    for r in range(board.grid_kw.shape[1]):
        board.cap_kw[r] = max(terms.peak_kw[r], share * board.grid_kw[:, r].max())


@njit(error_model="numpy", cache=True)
def improve(
    work: Work,
    terms: Terms,
    cells: Cells,
    board: Board,
    s: Scratch,
    kept: Kept,
    movable: Ints,
    rng: np.random.Generator,
    rounds: int,
    threshold: float,
    last_threshold: float,
    noise: float,
) -> None:
    """Takes groups of jobs off and places them again; keeps what does not cost more than the threshold allows.

    Args:
        work: The jobs.
        terms: Further charges.
        cells: Tables of the sites.
        board: The schedule, which is changed.
        s: Scratch arrays.
        kept: Arrays for the placements of a group.
        movable: Jobs that may be placed anew.
        rng: Draws groups, their sequence and the noise.
        rounds: Number of groups.
        threshold: By how much the first group may raise the cost [currency].
        last_threshold: By how much the last group may raise it; the threshold falls evenly from group to group.
        noise: Spread of factors on the cost of steps, in half of the groups.
    """
    peaks = peaks_cost(terms, board)
    for i in range(rounds):
        how = _drawn_way(rng)
        set_caps(terms, board, 1.0 - 0.04 * rng.random() if how == PEAK else 1.0)
        count = _choose(board, kept, movable, rng, how)
        before = _group_cost(board, kept, count) + board.cost.sum() + peaks
        _take_group_off(work, terms, cells, board, kept, count)
        loud = noise if rng.random() < 0.5 else 0.0
        for k in _order(work, kept, rng, count):
            place(work, terms, cells, board, s, kept.jobs[k], rng, loud)
        new_peaks = peaks_cost(terms, board)
        after = _group_cost(board, kept, count) + board.cost.sum() + new_peaks
        allowed = threshold + (last_threshold - threshold) * i / rounds
        if after - before <= allowed * rng.random():
            peaks = new_peaks
        else:
            _put_back(work, terms, cells, board, kept, count)
    set_caps(terms, board, 1.0)


@njit(error_model="numpy", cache=True)
def _drawn_way(rng: np.random.Generator) -> int:
    draw = rng.random()
    return PEAK if draw < 0.1 else (ANY if draw < 0.3 else NEAR)


@njit(error_model="numpy", cache=True)
def _choose(board: Board, kept: Kept, movable: Ints, rng: np.random.Generator, how: int) -> int:
    """Chooses a group of jobs; returns their number."""
    most = min(movable.size, 2 + int((GROUP - 1) * rng.random()))
    first, last, region = 0, board.held.shape[1], NOWHERE
    if how == NEAR:
        j = movable[int(movable.size * rng.random())]
        first, last = board.first[j], max(board.last[j], board.first[j] + 1)
    elif how == PEAK:
        region = int(board.grid_kw.shape[1] * rng.random())
        first = int(np.argmax(board.grid_kw[:, region]))
        last = first + 1
    count, seen = 0, 0
    for j in movable:
        if board.first[j] >= last or board.last[j] <= first or (region != NOWHERE and board.region[j] != region):
            continue
        seen += 1
        if count < most:
            kept.jobs[count] = j
            count += 1
        else:  # each of the jobs seen has the same chance
            place_in = int(seen * rng.random())
            if place_in < most:
                kept.jobs[place_in] = j
    return count


@njit(error_model="numpy", cache=True)
def _group_cost(board: Board, kept: Kept, count: int) -> float:
    cost = 0.0
    for k in range(count):
        cost += board.job_cost[kept.jobs[k]]
    return cost


@njit(error_model="numpy", cache=True)
def _order(work: Work, kept: Kept, rng: np.random.Generator, count: int) -> Ints:
    """The sequence in which a group is placed: in half of the cases at random, else the largest first."""
    if rng.random() < 0.5:
        return np.argsort(rng.random(count))
    size = np.empty(count)
    for k in range(count):
        j = kept.jobs[k]
        size[k] = -work.work_gpu_h[j] * (0.5 + rng.random())
    return np.argsort(size)


@njit(error_model="numpy", cache=True)
def _take_group_off(work: Work, terms: Terms, cells: Cells, board: Board, kept: Kept, count: int) -> None:
    for k in range(count):
        j = kept.jobs[k]
        first, last = board.first[j], board.last[j]
        kept.region[k], kept.move[k], kept.first[k], kept.last[k] = board.region[j], board.move[j], first, last
        kept.held[k, first:last], kept.busy[k, first:last] = board.held[j, first:last], board.busy[j, first:last]
        take_off(work, terms, cells, board, j)


@njit(error_model="numpy", cache=True)
def _put_back(work: Work, terms: Terms, cells: Cells, board: Board, kept: Kept, count: int) -> None:
    for k in range(count):
        take_off(work, terms, cells, board, kept.jobs[k])
    for k in range(count):
        j, first, last = kept.jobs[k], kept.first[k], kept.last[k]
        if kept.region[k] == NOWHERE:
            continue
        board.region[j], board.move[j], board.first[j], board.last[j] = kept.region[k], kept.move[k], first, last
        board.held[j, first:last], board.busy[j, first:last] = kept.held[k, first:last], kept.busy[k, first:last]
        put(work, terms, cells, board, j)
