"""The cheapest placement of one job, given where all other jobs run.

In each region, a malleable job is a fluid that fills the cheapest steps; a job that cannot be preempted is one run; and
a rigid job that can be preempted is placed by a dynamic programme over the steps that it has run, its restarts, and
whether it runs. Each may end late, or be left unfinished at the end, at its price.
"""

from __future__ import annotations

from math import ceil
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from wattward.baselines.schedules.board import (
    FRESH,
    GOES_ON,
    NOWHERE,
    Board,
    Terms,
    Work,
    left_cost,
    put,
    unit_cost,
)
from wattward.baselines.schedules.cells import Cells, load_kw, step_cost
from wattward.envs.model.types import Floats, Ints

NEVER = 1e15
"""Cost of what cannot be."""
EPS = 1e-7
RESTARTS = 4
"""Numbers of restarts of a job that are tried: 0 to 3."""
GRACE_H, LATE_H = 2.0, 24.0
"""How far behind its deadline a job is first looked at; and next, if it has no room before."""
PARTS = 5
"""Parts of a step that a malleable job may fill: green power on site, direct line, contract, grid, new peak."""
IDLE, RUN = 0, 1


class Scratch(NamedTuple):
    """Arrays that a placement uses. T is the number of steps, and Q exceeds the most steps that a rigid job runs."""

    whole: Floats  # (T,) cost of all GPUs of a rigid job in a step
    start: Floats  # (T,) cost of starting in a step: of a move
    cost: Floats  # (2, 2, RESTARTS, Q) least cost of idling and running now; two steps in turn
    came: NDArray[np.int8]  # (T, 2, RESTARTS, Q) state in the step before
    gpus: Floats  # (T * PARTS,) GPUs of each part
    unit: Floats  # (T * PARTS,) its cost per GPU
    step: Ints  # (T * PARTS,) its step
    held: Floats  # (2, T) of the region at hand, and of the best so far
    busy: Floats  # (2, T)


def scratch_for(work: Work, n_steps: int, step_h: float) -> Scratch:
    """Arrays that are large enough for these jobs."""
    rigid = ~work.malleable & work.preemptible
    longest = work.work_gpu_h + (RESTARTS - 1) * work.restart_gpu_h
    most = ceil(float((longest / work.gpus)[rigid].max(initial=0.0)) / step_h) + 2
    return Scratch(
        whole=np.zeros(n_steps),
        start=np.zeros(n_steps),
        cost=np.zeros((2, 2, RESTARTS, most)),
        came=np.zeros((n_steps, 2, RESTARTS, most), np.int8),
        gpus=np.zeros(n_steps * PARTS),
        unit=np.zeros(n_steps * PARTS),
        step=np.zeros(n_steps * PARTS, np.int64),
        held=np.zeros((2, n_steps)),
        busy=np.zeros((2, n_steps)),
    )


@njit(error_model="numpy", cache=True)
def place(
    work: Work, terms: Terms, cells: Cells, board: Board, s: Scratch, j: int, rng: np.random.Generator, noise: float
) -> None:
    """Places a job that is not on the board where it costs least.

    Args:
        work: The jobs.
        terms: Further charges.
        cells: Tables of the sites.
        board: Where the others run; the job is added.
        s: Scratch arrays.
        j: The job.
        rng: Draws the noise.
        noise: Spread of factors on the cost of steps, so that a search finds other placements; 0 for none.
    """
    n_steps = cells.shape[0]
    for reach_h in (GRACE_H, LATE_H, np.inf):
        end = n_steps
        if reach_h < np.inf:
            end = min(n_steps, max(work.deadline[j], work.earliest[j]) + ceil(reach_h / terms.step_h))
        if _place_until(work, terms, cells, board, s, j, end, rng, noise):
            return


@njit(error_model="numpy", cache=True)
def _place_until(
    work: Work,
    terms: Terms,
    cells: Cells,
    board: Board,
    s: Scratch,
    j: int,
    end: int,
    rng: np.random.Generator,
    noise: float,
) -> bool:
    """Places a job so that it ends before step `end`, in the best region; returns whether that is possible."""
    best, origin, n_regions = NEVER / 2.0, work.origin[j], cells.shape[1]
    for k in range(n_regions):
        r = origin if k == 0 else (k - 1 if k - 1 < origin else k)
        begin, move = _way(work, terms, cells, board, s, j, r, end)
        if begin >= end:
            continue
        _fill_steps(work, terms, cells, board, s, j, r, begin, end, rng, noise)
        if work.malleable[j]:
            cost, first, last = _fluid(work, terms, cells, board, s, j, r, begin, end)
        elif work.preemptible[j]:
            cost, first, last = _in_pieces(work, terms, s, j, r, begin, end, cells.shape[0])
        else:
            cost, first, last = _in_one_run(work, terms, s, j, r, begin, end, cells.shape[0])
        if cost < best - EPS:
            best = cost
            board.region[j], board.first[j], board.last[j] = r, first, last
            board.move[j] = NOWHERE if r == origin else (move if move != NOWHERE else first)
            s.held[1, first:last], s.busy[1, first:last] = s.held[0, first:last], s.busy[0, first:last]
    if board.region[j] == NOWHERE:
        return False
    first, last = board.first[j], board.last[j]
    if last <= first:  # not begun at all
        board.move[j] = NOWHERE
    board.held[j, first:last], board.busy[j, first:last] = s.held[1, first:last], s.busy[1, first:last]
    put(work, terms, cells, board, j)
    return True


@njit(error_model="numpy", cache=True)
def _way(work: Work, terms: Terms, cells: Cells, board: Board, s: Scratch, j: int, r: int, end: int) -> tuple[int, int]:
    """When a job may first run in a region, and when it sets off for it; the latter is NOWHERE if it may choose.

    A job whose data move within a step sets off in the step in which it first runs: `s.start` says what that costs. One
    with more data sets off as soon as it can.
    """
    begin, o = work.earliest[j], work.origin[j]
    s.start[begin:end] = 0.0
    if r == o:
        return begin, NOWHERE
    data_gb = work.data_gb[j]
    for t in range(begin, end):
        link_gb = min(cells[t, o].link_gb, cells[t, r].link_gb)
        if link_gb < data_gb:
            if board.out_gb[t, o] + EPS < link_gb and board.in_gb[t, r] + EPS < link_gb:
                arrival = _arrival(cells, board, o, r, t, data_gb)
                s.start[arrival:end] = _move_cost(work, terms, cells, j, t)
                return arrival, t
            s.start[t] = NEVER
        else:
            free_gb = min(cells[t, o].link_gb - board.out_gb[t, o], cells[t, r].link_gb - board.in_gb[t, r])
            s.start[t] = NEVER if free_gb < data_gb else _move_cost(work, terms, cells, j, t)
    while begin < end and s.start[begin] >= NEVER:
        begin += 1
    return begin, NOWHERE


@njit(error_model="numpy", cache=True)
def _move_cost(work: Work, terms: Terms, cells: Cells, j: int, t: int) -> float:
    """Cost of moving the data of a job that sets off in step `t`, with their energy at the price of grid power."""
    o = work.origin[j]
    return work.data_gb[j] * (terms.wan_cost_per_gb[o] + terms.wan_kwh_per_gb[o] * cells[t, o].price_per_kwh)


@njit(error_model="numpy", cache=True)
def _arrival(cells: Cells, board: Board, o: int, r: int, t: int, data_gb: float) -> int:
    """The step after the one in which the last data of a job arrive that sets off in step `t`."""
    left = data_gb + max(board.out_gb[t, o], board.in_gb[t, r])
    while t < cells.shape[0] and left > EPS:
        left -= min(cells[t, o].link_gb, cells[t, r].link_gb)
        t += 1
    return t


@njit(error_model="numpy", cache=True)
def room_for(work: Work, cells: Cells, board: Board, j: int, t: int, r: int) -> float:
    """GPUs that a job can have in a step."""
    room = cells[t, r].room_gpus - board.held_gpus[t, r]
    if not work.preemptible[j]:
        room = min(room, cells[t, r].rigid_room_gpus - board.rigid_gpus[t, r])
    return room


@njit(error_model="numpy", cache=True)
def _added_cost(terms: Terms, cells: Cells, board: Board, t: int, r: int, gpus: float) -> float:
    """What some more busy GPUs cost in a step, with the charge for a higher peak."""
    cost, grid_kw = step_cost(cells, t, r, board.busy_gpus[t, r] + gpus, board.wan_kw[t, r])
    cap = max(board.cap_kw[r], board.grid_kw[t, r])
    return cost - board.cost[t, r] + max(0.0, grid_kw - cap) * terms.demand_charge_per_kw[r]


@njit(error_model="numpy", cache=True)
def _fill_steps(
    work: Work,
    terms: Terms,
    cells: Cells,
    board: Board,
    s: Scratch,
    j: int,
    r: int,
    begin: int,
    end: int,
    rng: np.random.Generator,
    noise: float,
) -> None:
    """Fills the cost of all GPUs of a rigid job in each step; NEVER where they have no room."""
    if work.malleable[j]:
        return
    gpus = work.gpus[j]
    gpu_h = gpus * terms.step_h
    for t in range(begin, end):
        if room_for(work, cells, board, j, t, r) + EPS < gpus:
            s.whole[t] = NEVER
            continue
        cost = _added_cost(terms, cells, board, t, r, gpus) + gpu_h * unit_cost(work, terms, j, t)
        s.whole[t] = cost * (1.0 + noise * (rng.random() - 0.5)) if noise > 0.0 else cost


@njit(error_model="numpy", cache=True)
def _runs(work: Work, terms: Terms, j: int, restarts: int) -> tuple[int, float]:
    """Steps that a rigid job runs with some restarts, and the share of the last one that it needs."""
    steps = (work.work_gpu_h[j] + restarts * work.restart_gpu_h[j]) / (work.gpus[j] * terms.step_h)
    whole = max(1, ceil(steps - EPS))
    return whole, min(1.0, max(EPS, steps - (whole - 1)))


@njit(error_model="numpy", cache=True)
def _restarts_at_first(work: Work, j: int) -> int:
    """Restarts that the first step on GPUs takes, if it is not the earliest of a job that goes on."""
    return 0 if work.before[j] == FRESH or work.restart_gpu_h[j] == 0.0 else 1


@njit(error_model="numpy", cache=True)
def _in_one_run(
    work: Work, terms: Terms, s: Scratch, j: int, r: int, begin: int, end: int, n_steps: int
) -> tuple[float, int, int]:
    """The cheapest single run; returns its cost, its first step and the step after its last."""
    runs, share = _runs(work, terms, j, _restarts_at_first(work, j))
    gpu_h = work.gpus[j] * terms.step_h
    best, best_first, run_cost, free = NEVER, -1, 0.0, 0
    left_price = left_cost(work, terms, n_steps, j, r)
    if end == n_steps and r == work.origin[j]:  # not begun at all
        best, best_first = work.work_gpu_h[j] * left_price, end
    # from the last step on, the run that begins at t has the cost `run_cost` for the steps before its last
    for t in range(end - 1, begin - 1, -1):
        free = 0 if s.whole[t] >= NEVER else free + 1
        run_cost = 0.0 if free == 0 else run_cost + s.whole[t]
        steps = min(runs, end - t)
        if free > steps and s.whole[t + steps] < NEVER:
            run_cost -= s.whole[t + steps]
        if free < steps or s.start[t] >= NEVER or (steps < runs and end < n_steps):
            continue
        cost = run_cost + s.start[t]
        if steps == runs:
            cost -= (1.0 - share) * s.whole[t + runs - 1]
        else:
            cost += (runs - 1 + share - steps) * gpu_h * left_price
        if cost < best - EPS:
            best, best_first = cost, t
    if best_first < 0:
        return NEVER, 0, 0
    last = min(end, best_first + runs)
    s.held[0, best_first:last], s.busy[0, best_first:last] = work.gpus[j], work.gpus[j]
    if last == best_first + runs:
        s.busy[0, last - 1] = share * work.gpus[j]
    return best, best_first, last


@njit(error_model="numpy", cache=True)
def _in_pieces(
    work: Work, terms: Terms, s: Scratch, j: int, r: int, begin: int, end: int, n_steps: int
) -> tuple[float, int, int]:
    """The cheapest run with pauses; returns its cost, its first step and the step after its last."""
    goes_on = work.before[j] == GOES_ON and r == work.origin[j] and begin == work.earliest[j]
    first_restarts = _restarts_at_first(work, j)
    _begin_pieces(s, goes_on)
    best, best_t, best_n, best_q = NEVER, -1, 0, 0
    most, _ = _runs(work, terms, j, RESTARTS - 1)
    for t in range(begin, end):
        now, then = (t - begin) % 2, 1 - (t - begin) % 2
        reach = min(most, t - begin + 1)
        for n in range(RESTARTS):
            runs, share = _runs(work, terms, j, n)
            _advance_pieces(s, t, n, now, then, min(runs, reach), first_restarts)
            if reach >= runs:
                cost = s.cost[then, RUN, n, runs] - (1.0 - share) * s.whole[t]
                if s.whole[t] < NEVER and cost < best - EPS:
                    best, best_t, best_n, best_q = cost, t, n, runs
    if end == n_steps:
        best, best_t, best_n, best_q = _unfinished(work, terms, s, j, r, begin, end, best, best_t, best_n, best_q)
    if best >= NEVER / 2.0:
        return NEVER, 0, 0
    return _trace(work, terms, s, j, begin, best, best_t, best_n, best_q)


@njit(error_model="numpy", cache=True)
def _begin_pieces(s: Scratch, goes_on: bool) -> None:
    s.cost[:] = NEVER
    s.cost[0, IDLE, 0, 0] = 0.0
    if goes_on:
        s.cost[0, RUN, 0, 0] = 0.0


@njit(error_model="numpy", cache=True)
def _advance_pieces(s: Scratch, t: int, n: int, now: int, then: int, most: int, first_restarts: int) -> None:
    """Computes the least cost of each state of a job with `n` restarts after step `t`.

    `s.came` notes the state in the step before: IDLE or RUN.
    """
    idle, run = s.cost[now, IDLE, n], s.cost[now, RUN, n]
    can, whole, start = s.whole[t] < NEVER, s.whole[t], s.start[t]
    for q in range(most + 1):
        s.came[t, IDLE, n, q] = IDLE if idle[q] <= run[q] else RUN
        s.cost[then, IDLE, n, q] = min(idle[q], run[q])
        if q == 0 or not can:
            s.cost[then, RUN, n, q] = NEVER
            continue
        more = first_restarts if q == 1 else 1
        resumed = s.cost[now, IDLE, n - more, q - 1] if n >= more else NEVER
        if q == 1:
            resumed += start
        s.came[t, RUN, n, q] = RUN if run[q - 1] <= resumed else IDLE
        s.cost[then, RUN, n, q] = min(NEVER, min(run[q - 1], resumed) + whole)


@njit(error_model="numpy", cache=True)
def _unfinished(
    work: Work,
    terms: Terms,
    s: Scratch,
    j: int,
    r: int,
    begin: int,
    end: int,
    best: float,
    best_t: int,
    best_n: int,
    best_q: int,
) -> tuple[float, int, int, int]:
    """Compares the best run with runs that leave work at the end; returns cost, last step, restarts and steps run."""
    last, gpu_h, price = (end - begin) % 2, work.gpus[j] * terms.step_h, left_cost(work, terms, end, j, r)
    for n in range(RESTARTS):
        runs, _ = _runs(work, terms, j, n)
        left_gpu_h = work.work_gpu_h[j] + n * work.restart_gpu_h[j]
        for q in range(0 if r == work.origin[j] else 1, min(runs, end - begin + 1)):
            cost = min(s.cost[last, IDLE, n, q], s.cost[last, RUN, n, q]) + (left_gpu_h - q * gpu_h) * price
            if cost < best - EPS:
                best, best_t, best_n, best_q = cost, end - 1, n, q
    return best, best_t, best_n, best_q


@njit(error_model="numpy", cache=True)
def _trace(
    work: Work, terms: Terms, s: Scratch, j: int, begin: int, cost: float, t: int, n: int, q: int
) -> tuple[float, int, int]:
    """Writes the GPUs of the run that ends with state (n, q) in step `t`."""
    runs, share = _runs(work, terms, j, n)
    gpus, first, last, restarts = work.gpus[j], t + 1, 0, _restarts_at_first(work, j)
    s.held[0, begin : t + 1], s.busy[0, begin : t + 1] = 0.0, 0.0
    state = RUN
    if q < runs:
        state = IDLE if s.cost[(t + 1 - begin) % 2, IDLE, n, q] <= s.cost[(t + 1 - begin) % 2, RUN, n, q] else RUN
    finished = q == runs
    while t >= begin and q > 0:
        came = s.came[t, state, n, q]
        if state == RUN:
            s.held[0, t], s.busy[0, t], first, last = gpus, gpus, t, max(last, t + 1)
            if finished:
                s.busy[0, t], finished = share * gpus, False
            if came == IDLE:
                n -= restarts if q == 1 else 1
            q -= 1
        state = came
        t -= 1
    return cost, min(first, max(last, begin)), max(last, begin)


@njit(error_model="numpy", cache=True)
def _fluid(
    work: Work, terms: Terms, cells: Cells, board: Board, s: Scratch, j: int, r: int, begin: int, end: int
) -> tuple[float, int, int]:
    """The cheapest steps of a malleable job; returns its cost, its first step and the step after its last."""
    n_steps = cells.shape[0]
    for _ in range(4):  # a move must find the link free in the first step that is used
        n_parts = 0
        for t in range(begin, end):
            n_parts = _add_parts(work, terms, cells, board, s, j, t, r, n_parts)
        s.held[0, begin:end], s.busy[0, begin:end] = 0.0, 0.0
        cost, left = _pour(work, terms, s, j, n_parts, left_cost(work, terms, n_steps, j, r), end == n_steps)
        if left > EPS and end < n_steps:
            return NEVER, 0, 0
        cost += left * left_cost(work, terms, n_steps, j, r)
        first, last = _span(s.held[0], begin, end)
        if last <= first:  # not begun at all
            return (cost if r == work.origin[j] else NEVER), first, last
        if s.start[first] < NEVER:
            return cost + s.start[first], first, last
        begin = first
        while begin < end and s.start[begin] >= NEVER:
            begin += 1
    return NEVER, 0, 0


@njit(error_model="numpy", cache=True)
def _span(held: Floats, begin: int, end: int) -> tuple[int, int]:
    while begin < end and held[begin] <= 0.0:
        begin += 1
    while end > begin and held[end - 1] <= 0.0:
        end -= 1
    return begin, end


@njit(error_model="numpy", cache=True)
def _add_parts(
    work: Work, terms: Terms, cells: Cells, board: Board, s: Scratch, j: int, t: int, r: int, n_parts: int
) -> int:
    """Adds the parts of a step that a malleable job may fill; costs rise from part to part. Returns their number."""
    cell, room = cells[t, r], min(work.gpus[j], room_for(work, cells, board, j, t, r))
    if room <= 1e-6:
        return n_parts
    kw_per_gpu = max(1e-6, cell.kw_per_rested_gpu)
    load, level_kw = load_kw(cell, board.busy_gpus[t, r]) + board.wan_kw[t, r], 0.0
    waits, done, cost_so_far, first_part = unit_cost(work, terms, j, t) * terms.step_h, 0.0, 0.0, n_parts
    for part in range(PARTS):
        if part < 3:
            level_kw += (cell.green_kw, cell.direct_kw, cell.contract_kw)[part]
            until = (level_kw - load) / kw_per_gpu
        else:
            until = room if part == 4 else (level_kw + board.cap_kw[r] - load) / kw_per_gpu
        until = min(room, until)
        if until <= done + 1e-6:
            continue
        cost = _added_cost(terms, cells, board, t, r, until)
        s.gpus[n_parts], s.step[n_parts] = until - done, t
        s.unit[n_parts] = (cost - cost_so_far) / (until - done) + waits
        n_parts += 1
        done, cost_so_far = until, cost
    return _made_convex(s, first_part, n_parts)


@njit(error_model="numpy", cache=True)
def _made_convex(s: Scratch, first: int, last: int) -> int:
    """Joins each part of a step with the one before where it is cheaper; returns the number of parts."""
    k = first
    for i in range(first + 1, last):
        k += 1
        s.gpus[k], s.unit[k], s.step[k] = s.gpus[i], s.unit[i], s.step[i]
        while k > first and s.unit[k] < s.unit[k - 1]:
            both = s.gpus[k] + s.gpus[k - 1]
            s.unit[k - 1] = (s.gpus[k] * s.unit[k] + s.gpus[k - 1] * s.unit[k - 1]) / both
            s.gpus[k - 1] = both
            k -= 1
    return min(last, k + 1)


@njit(error_model="numpy", cache=True)
def _pour(
    work: Work, terms: Terms, s: Scratch, j: int, n_parts: int, left_price: float, may_leave: bool
) -> tuple[float, float]:
    """Fills the cheapest parts with the work of a malleable job; returns the cost and the work that has no place.

    Where work may be left, parts that cost more than leaving it are not used.
    """
    left, cost, step_h = work.work_gpu_h[j], 0.0, terms.step_h
    for place in np.argsort(s.unit[:n_parts], kind="mergesort"):
        if may_leave and s.unit[place] > left_price * step_h:
            break
        gpus = min(s.gpus[place], left / step_h)
        s.held[0, s.step[place]] += gpus
        s.busy[0, s.step[place]] += gpus
        cost += gpus * s.unit[place]
        left -= gpus * step_h
        if left <= EPS:
            return cost, 0.0
    return cost, left
