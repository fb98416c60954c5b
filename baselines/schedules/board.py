"""A schedule under construction: the jobs, where each runs, and what all of them take and cost at each site."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from wattward.baselines.schedules.cells import Cells, step_cost
from wattward.envs.model.types import Floats, Ints

FRESH, GOES_ON, PAUSED = range(3)
"""What a job has behind it: it never ran; it runs where it is and goes on at no cost; it must restart."""
NOWHERE = -1


class Work(NamedTuple):
    """The J jobs to be placed."""

    malleable: NDArray[np.bool_]  # (J,)
    preemptible: NDArray[np.bool_]  # (J,)
    gpus: Floats  # (J,)
    work_gpu_h: Floats  # (J,)
    restart_gpu_h: Floats  # (J,) work that a resumption adds
    data_gb: Floats  # (J,)
    origin: Ints  # (J,) where it is
    earliest: Ints  # (J,) first step in which it can run there
    deadline: Ints  # (J,) step; may lie beyond the last
    before: Ints  # (J,) FRESH, GOES_ON or PAUSED


class Terms(NamedTuple):
    """What else a schedule is charged for."""

    late_cost_per_gpu_h_per_h: float
    left_cost_per_gpu_h: Floats  # (R,) of work left after the last step
    left_late_h: float  # further lateness of work left whose deadline has passed [h]
    demand_charge_per_kw: Floats  # (R,)
    peak_kw: Floats  # (R,) paid for already
    wan_cost_per_gb: Floats  # (R,)
    wan_kwh_per_gb: Floats  # (R,)
    urgency_cost_per_gpu_h_per_h: float  # of waiting; 0 where everything is known
    step_h: float


class Board(NamedTuple):
    """Where jobs run, and the sums over them."""

    region: Ints  # (J,) NOWHERE for a job that is not placed
    move: Ints  # (J,) step in which it sets off, -1 if it stays
    first: Ints  # (J,) first step with GPUs
    last: Ints  # (J,) step after the last with GPUs
    held: Floats  # (J, T) GPUs held
    busy: Floats  # (J, T) GPUs at work; less than held where a rigid job ends within the step
    job_cost: Floats  # (J,) lateness, work left, moved data and waiting
    held_gpus: Floats  # (T, R)
    rigid_gpus: Floats  # (T, R) held by jobs that cannot be preempted
    busy_gpus: Floats  # (T, R)
    wan_kw: Floats  # (T, R)
    out_gb: Floats  # (T, R) data on the link out
    in_gb: Floats  # (T, R) data on the link in
    cost: Floats  # (T, R) cost of the sites
    grid_kw: Floats  # (T, R)
    cap_kw: Floats  # (R,) grid power above which a placement is charged for a new peak


def empty_board(n_jobs: int, cells: Cells) -> Board:
    """A board on which no job is placed."""
    (n_steps, n_regions), none = cells.shape, np.full(n_jobs, NOWHERE, np.int64)
    board = Board(
        region=none,
        move=none.copy(),
        first=np.zeros(n_jobs, np.int64),
        last=np.zeros(n_jobs, np.int64),
        held=np.zeros((n_jobs, n_steps)),
        busy=np.zeros((n_jobs, n_steps)),
        job_cost=np.zeros(n_jobs),
        held_gpus=np.zeros(cells.shape),
        rigid_gpus=np.zeros(cells.shape),
        busy_gpus=np.zeros(cells.shape),
        wan_kw=np.zeros(cells.shape),
        out_gb=np.zeros(cells.shape),
        in_gb=np.zeros(cells.shape),
        cost=np.zeros(cells.shape),
        grid_kw=np.zeros(cells.shape),
        cap_kw=np.zeros(n_regions),
    )
    reprice(cells, board)
    return board


def copy_board(board: Board) -> Board:
    """A copy that shares nothing."""
    return Board._make(array.copy() for array in board)


@njit(error_model="numpy", cache=True)
def reprice(cells: Cells, board: Board) -> None:
    """Computes the cost and the grid power of all regions in all steps again."""
    for t in range(cells.shape[0]):
        for r in range(cells.shape[1]):
            price_cell(cells, board, t, r)


@njit(error_model="numpy", cache=True)
def price_cell(cells: Cells, board: Board, t: int, r: int) -> None:
    """Computes the cost and the grid power of a region in a step again."""
    cost, grid_kw = step_cost(cells, t, r, board.busy_gpus[t, r], board.wan_kw[t, r])
    board.cost[t, r], board.grid_kw[t, r] = cost, grid_kw


@njit(error_model="numpy", cache=True)
def put(work: Work, terms: Terms, cells: Cells, board: Board, j: int) -> None:
    """Adds a job, whose region, move and GPUs are on the board already, to the sums."""
    _count(work, terms, cells, board, j, 1.0)
    board.job_cost[j] = _job_cost(work, terms, board, j, cells.shape[0])


@njit(error_model="numpy", cache=True)
def take_off(work: Work, terms: Terms, cells: Cells, board: Board, j: int) -> None:
    """Takes a job off the board."""
    if board.region[j] == NOWHERE:
        return
    _count(work, terms, cells, board, j, -1.0)
    board.held[j, board.first[j] : board.last[j]] = 0.0
    board.busy[j, board.first[j] : board.last[j]] = 0.0
    board.region[j], board.move[j], board.first[j], board.last[j] = NOWHERE, NOWHERE, 0, 0
    board.job_cost[j] = 0.0


@njit(error_model="numpy", cache=True)
def _count(work: Work, terms: Terms, cells: Cells, board: Board, j: int, sign: float) -> None:
    r = board.region[j]
    for t in range(board.first[j], board.last[j]):
        if board.held[j, t] > 0.0:
            board.held_gpus[t, r] += sign * board.held[j, t]
            board.busy_gpus[t, r] += sign * board.busy[j, t]
            if not work.preemptible[j]:
                board.rigid_gpus[t, r] += sign * board.held[j, t]
            price_cell(cells, board, t, r)
    if board.move[j] != NOWHERE:
        m, o, left = board.move[j], work.origin[j], work.data_gb[j]
        board.wan_kw[m, o] += sign * left * terms.wan_kwh_per_gb[o] / terms.step_h
        price_cell(cells, board, m, o)
        while left > 1e-9 and m < cells.shape[0]:  # in equal parts, as the slower link takes them
            part = min(left, max(1e-3, min(cells[m, o].link_gb, cells[m, r].link_gb)))
            board.out_gb[m, o] += sign * part
            board.in_gb[m, r] += sign * part
            left -= part
            m += 1


@njit(error_model="numpy", cache=True)
def _job_cost(work: Work, terms: Terms, board: Board, j: int, n_steps: int) -> float:
    """Cost of lateness, of work left at the end, of moved data, and of waiting."""
    step_h, r = terms.step_h, board.region[j]
    left, cost, runs = work.work_gpu_h[j], 0.0, work.before[j] == FRESH
    if work.before[j] == GOES_ON and r == work.origin[j] and board.first[j] == work.earliest[j]:
        runs = True
    for t in range(board.first[j], board.last[j]):
        if board.held[j, t] <= 0.0:
            runs = False
            continue
        if not runs:
            left += work.restart_gpu_h[j]
            runs = True
        done = board.busy[j, t] * step_h
        left -= done
        cost += done * unit_cost(work, terms, j, t)
    if board.move[j] != NOWHERE:
        cost += work.data_gb[j] * terms.wan_cost_per_gb[work.origin[j]]
    if left > 1e-7:
        cost += left * left_cost(work, terms, n_steps, j, r)
    return cost


@njit(error_model="numpy", cache=True)
def unit_cost(work: Work, terms: Terms, j: int, t: int) -> float:
    """Cost of a GPU-h of job `j` because it is done in step `t` and not before: lateness and waiting."""
    late_steps, waited = max(0, t - work.deadline[j]), t - work.earliest[j]
    late = terms.late_cost_per_gpu_h_per_h * late_steps
    return (late + terms.urgency_cost_per_gpu_h_per_h * waited) * terms.step_h


@njit(error_model="numpy", cache=True)
def left_cost(work: Work, terms: Terms, n_steps: int, j: int, r: int) -> float:
    """Cost of a GPU-h of job `j` that is left in region `r` after the last step."""
    cost = terms.left_cost_per_gpu_h[r] + unit_cost(work, terms, j, n_steps)
    if work.deadline[j] <= n_steps:
        cost += terms.late_cost_per_gpu_h_per_h * terms.left_late_h
    return cost


@njit(error_model="numpy", cache=True)
def total_cost(terms: Terms, board: Board) -> float:
    """Cost of the sites, of the peaks and of the jobs."""
    return board.cost.sum() + peaks_cost(terms, board) + board.job_cost.sum()


@njit(error_model="numpy", cache=True)
def peaks_cost(terms: Terms, board: Board) -> float:
    """Demand charge of the peaks above those paid for."""
    cost = 0.0
    for r in range(board.grid_kw.shape[1]):
        peak = terms.peak_kw[r]
        for t in range(board.grid_kw.shape[0]):
            peak = max(peak, board.grid_kw[t, r])
        cost += (peak - terms.peak_kw[r]) * terms.demand_charge_per_kw[r]
    return cost
