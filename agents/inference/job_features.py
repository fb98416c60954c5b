"""What an agent that decides per job is given of each job and each region: prices of its run now and later.

The observation of docs/observation.md says what power costs now and in each block of the forecast. An agent decides
when a job runs, so it is given what the job's whole run costs if it starts now, and what the cheapest later start in
its window costs, in each region. All prices are relative to the scenario's mean price and to the mean power of a GPU.
"""

from __future__ import annotations

from math import ceil, log
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wattward.envs.kernels.compiling import digest_of, entry, inlined
from wattward.envs.model import constants, job_fields, observation
from wattward.envs.model.constants import named
from wattward.envs.model.job_fields import JOB_AT, N_JOB_NUMBERS, N_OPTION_NUMBERS
from wattward.envs.model.observation import AT, BLOCK_EDGES_H, N_NOW

Numbers = NDArray[np.float32]
Masks = NDArray[np.int8]

N_HOURS = 48
"""Hours ahead over which starts are compared; forecasts beyond their horizon repeat its day."""
COVERED = 0.4
"""Share of the surplus on which one more job may count; others count on the rest."""
SHORTER = 0.75
"""Jobs are taken to last this share of their owner's estimate, because a shorter run is judged by nearer hours."""
LEAST_WORK = 0.05
"""Added to work before its logarithm is taken [hours of a fleet]."""
SPARE_H = 0.6
"""Time before its deadline at which a job is to end [h]."""
RUN_WEIGHT = 0.7
"""Weight of the whole run, against that of the present hour, for jobs that may pause."""
PLACING = (0.27, 0.6, 0.06, 2.4, 5.5, 2.6, -0.16, 0.1, -0.16, 0.2)
"""How it is judged which jobs take GPUs first: tolerance; price below which jobs run at once, its rise with the
logarithm of the backlog and towards the end; weights of moves and restarts; and what slack, work, being malleable and
running add to the place in the line."""
AFTER_END = 6.0
"""Price of hours after the end of the episode, which no job reaches."""
DEAREST = 6.0
"""Largest price that an agent is given, and the one of a start that does not exist."""
OPTION_FIELDS = (
    "allowed", "here", "running", "price", "run_price", "later_price", "none_later", "cheaper_share", "room",
    "transit", "move_cost", "restart", "best_later", "gain", "best_elsewhere", "crowded",
)  # fmt: skip
"""What an agent is given of a job in a region, in this order."""
JOB_FIELDS = (
    "present", "gpus", "left", "slack", "deadline", "due", "malleable", "preemptible", "restart", "running",
    "paused", "held", "data", "work",
)  # fmt: skip
"""What it is given of the job itself."""
STATE_FIELDS = ("backlog", "urgent", "last_day")
"""What it is given of all jobs together: logarithms of hours of work of the whole fleet; how near the end is."""
OPTION_AT = named("OPTION_AT", {name: place for place, name in enumerate(OPTION_FIELDS)})
STATE_AT = named("STATE_AT", {name: place for place, name in enumerate(STATE_FIELDS)})
N_OPTION, N_JOB, N_STATE = len(OPTION_FIELDS), len(JOB_FIELDS), len(STATE_FIELDS)
BLOCK_AT = (*(max(0, sum(edge < hour for edge in BLOCK_EDGES_H) - 1) for hour in range(BLOCK_EDGES_H[-1] + 1)),)
"""The forecast block of each full hour ahead; the first is not used."""
HOURS_OF_DATA, HOURS_OF_RESTART = 0.3, 4.0
SOURCES = digest_of(Path(__file__), *(Path(str(module.__file__)) for module in (constants, job_fields, observation)))


class Scale(NamedTuple):
    """Sizes and times of a scenario that its observations do not hold."""

    n_classes: int
    n_blocks: int
    step_h: float
    episode_h: float
    fleet_gpus: NDArray[np.float64]
    """GPUs of each region, shape (R,)."""
    rigid_limit_gpus: NDArray[np.float64]
    """The most GPUs of rigid jobs that cannot be preempted, shape (R,)."""
    placing: NDArray[np.float64] = np.array(PLACING)


class JobInputs(NamedTuple):
    """The inputs of a network that decides per job, for B environments with K jobs and R regions."""

    state: Numbers  # (B, N_STATE)
    jobs: Numbers  # (B, K, N_JOB)
    options: Numbers  # (B, K, R, N_OPTION)


def job_inputs(context: Numbers, regions: Numbers, jobs: Numbers, mask: Masks, scale: Scale) -> JobInputs:
    """Computes a network's inputs from observations with `action="jobs"`, see docs/observation.md.

    Args:
        context: The clock, shape (B, numbers).
        regions: Numbers of each region, shape (B, R, numbers).
        jobs: Rows of jobs, shape (B, K, F); a row without a job is 0.
        mask: Choices of each row, shape (B, K, R + 1).
        scale: The scenario's sizes.
    """
    n_envs, n_rows, n_regions = jobs.shape[0], jobs.shape[1], regions.shape[1]
    made = JobInputs(
        np.zeros((n_envs, N_STATE), np.float32),
        np.zeros((n_envs, n_rows, N_JOB), np.float32),
        np.zeros((n_envs, n_rows, n_regions, N_OPTION), np.float32),
    )
    _encode(context, regions, jobs, mask, *scale, *made)
    return made


@entry
def _encode(
    context: Numbers,
    regions: Numbers,
    jobs: Numbers,
    mask: Masks,
    n_classes: int,
    n_blocks: int,
    step_h: float,
    episode_h: float,
    fleet_gpus: NDArray[np.float64],
    rigid_limit_gpus: NDArray[np.float64],
    placing: NDArray[np.float64],
    state: Numbers,
    own: Numbers,
    options: Numbers,
) -> None:
    _ = SOURCES
    n_regions = regions.shape[1]
    path, shifted = np.empty((n_regions, N_HOURS + 1)), np.empty((n_regions, N_HOURS + 1))
    now, cheapest, room = np.empty(n_regions), np.empty(N_HOURS + 1), np.empty((2, n_regions))
    first = N_JOB_NUMBERS + n_classes
    for b in range(jobs.shape[0]):
        _state(context[b], regions[b], state[b])
        if jobs.shape[1] == 0 or jobs[b, 0, JOB_AT.present] == 0.0:
            continue
        end_h = context[b, AT.time_left] * episode_h
        for r in range(n_regions):
            power = jobs[b, 0, first + r * N_OPTION_NUMBERS + JOB_AT.power]
            room[0, r] = max(0.0, 1.0 - regions[b, r, AT.interactive] - regions[b, r, AT.locked]) * fleet_gpus[r]
            room[1, r] = rigid_limit_gpus[r] - regions[b, r, AT.locked] * fleet_gpus[r]
            now[r] = _paths(regions[b, r], n_blocks, power, step_h, end_h, path[r], shifted[r])
        for k in range(jobs.shape[1]):
            if jobs[b, k, JOB_AT.present] == 0.0:
                break
            _job(jobs[b, k], own[b, k])
            for r in range(n_regions):
                seen = jobs[b, k, first + r * N_OPTION_NUMBERS : first + (r + 1) * N_OPTION_NUMBERS]
                out = options[b, k, r]
                out[OPTION_AT.allowed] = mask[b, k, 1 + r]
                _option(jobs[b, k], seen, now[r], path[r], shifted[r], cheapest, out)
            _compare(options[b, k])
        _place(jobs[b], state[b], own[b], fleet_gpus, room, placing, options[b])


@inlined
def _state(context: Numbers, regions: Numbers, out: Numbers) -> None:
    backlog, urgent, n_regions = 0.0, 0.0, regions.shape[0]
    for r in range(n_regions):
        for bucket in range(6):
            work_h = (np.exp(regions[r, AT.queue + bucket]) - 1.0) / n_regions
            backlog += work_h
            if bucket < 3:
                urgent += work_h
    out[STATE_AT.backlog], out[STATE_AT.urgent] = log(1.0 + backlog), log(1.0 + urgent)
    out[STATE_AT.last_day] = 1.0 - context[AT.last_day]


@inlined
def _paths(
    seen: Numbers,
    n_blocks: int,
    power: float,
    step_h: float,
    end_h: float,
    path: NDArray[np.float64],
    shifted: NDArray[np.float64],
) -> float:
    """Sums prices of coming hours, from now (`path`) and from the next step (`shifted`); returns that of now."""
    free = max(0.15, 1.0 - seen[AT.interactive])
    now = power * (1.0 + seen[AT.price]) * (1.0 - min(1.0, COVERED * seen[AT.surplus] / free))
    prices, surplus = N_NOW + AT.price_ahead * n_blocks, N_NOW + AT.surplus_ahead * n_blocks
    interactive = N_NOW + AT.interactive_ahead * n_blocks
    before = now
    path[0] = shifted[0] = 0.0
    for hour in range(N_HOURS):
        lead = hour + 1
        while lead > BLOCK_EDGES_H[-1]:
            lead -= 24
        block = min(n_blocks - 1, BLOCK_AT[lead])
        free = max(0.15, 1.0 - seen[interactive + block])
        after = power * (1.0 + seen[prices + block]) * (1.0 - min(1.0, COVERED * seen[surplus + block] / free))
        path[hour + 1] = path[hour] + (AFTER_END if hour >= end_h else step_h * before + (1.0 - step_h) * after)
        shifted[hour + 1] = shifted[hour] + (AFTER_END if hour + step_h >= end_h else after)
        before = after
    return float(now)


@inlined
def _mean(path: NDArray[np.float64], start: int, hours: float) -> float:
    """Mean price over some hours from a full hour on."""
    whole = min(int(hours), N_HOURS - 1 - start)
    part = min(1.0, hours - whole)
    total = path[start + whole] - path[start] + part * (path[start + whole + 1] - path[start + whole])
    return float(total / (whole + part))


@inlined
def _left_h(job: Numbers) -> float:
    left = min(0.995, job[JOB_AT.left])
    return float(left / (1.0 - left))


@inlined
def _option(
    job: Numbers,
    seen: Numbers,
    now: float,
    path: NDArray[np.float64],
    shifted: NDArray[np.float64],
    cheapest: NDArray[np.float64],
    out: Numbers,
) -> None:
    """Fills the numbers of one job in one region that do not depend on the other regions."""
    run_h = max(0.25, SHORTER * _left_h(job) + (job[JOB_AT.restart] if job[JOB_AT.paused] > 0.0 else 0.0))
    window_h = min(N_HOURS - 1.0, 24.0 * job[JOB_AT.deadline] - SPARE_H - seen[JOB_AT.transit])
    malleable, here = job[JOB_AT.malleable] > 0.0, seen[JOB_AT.here] > 0.0
    of_run = now if malleable else _mean(path, 0, run_h)
    if job[JOB_AT.preemptible] > 0.0:
        of_run = RUN_WEIGHT * of_run + (1.0 - RUN_WEIGHT) * now
    if malleable:
        later, cheaper = _later_hours(path, of_run, run_h, window_h, cheapest)
    else:
        weight = RUN_WEIGHT if job[JOB_AT.preemptible] > 0.0 else 1.0
        later, cheaper = _later_start(path, shifted, of_run, run_h, window_h, weight)
    out[OPTION_AT.here], out[OPTION_AT.running] = seen[JOB_AT.here], seen[JOB_AT.here] * job[JOB_AT.running]
    out[OPTION_AT.price], out[OPTION_AT.run_price] = min(DEAREST, now), min(DEAREST, of_run)
    out[OPTION_AT.later_price] = min(DEAREST, later)
    out[OPTION_AT.none_later] = 1.0 if later >= DEAREST else 0.0
    out[OPTION_AT.cheaper_share], out[OPTION_AT.room] = cheaper, seen[JOB_AT.room]
    out[OPTION_AT.transit] = min(2.0, seen[JOB_AT.transit])
    out[OPTION_AT.move_cost] = min(2.0, seen[JOB_AT.move_cost])
    if here and job[JOB_AT.running] > 0.0 and not malleable:
        out[OPTION_AT.restart] = min(2.0, job[JOB_AT.restart] / max(0.5, run_h))


@inlined
def _later_start(
    path: NDArray[np.float64],
    shifted: NDArray[np.float64],
    of_run: float,
    run_h: float,
    window_h: float,
    weight: float,
) -> tuple[float, float]:
    """The lowest mean price of a later run that ends in time, and the share of such starts below `of_run`."""
    if run_h + 0.25 > window_h:
        return DEAREST, 0.0
    best = weight * _mean(shifted, 0, run_h) + (1.0 - weight) * shifted[1]
    cheaper, starts = (1.0 if best < of_run - 1e-6 else 0.0), 1.0
    for start in range(1, N_HOURS - 1):
        if start + run_h > window_h:
            break
        mean = weight * _mean(path, start, run_h) + (1.0 - weight) * (path[start + 1] - path[start])
        best = min(best, mean)
        cheaper += 1.0 if mean < of_run - 1e-6 else 0.0
        starts += 1.0
    return best, cheaper / starts


@inlined
def _later_hours(
    path: NDArray[np.float64], of_run: float, run_h: float, window_h: float, cheapest: NDArray[np.float64]
) -> tuple[float, float]:
    """The price of the dearest hour that a job needs which may run in any hours of its window but the present one."""
    needed, n_found, cheaper = ceil(run_h), 0, 0.0
    for hour in range(1, int(window_h) + 1):
        price = path[hour + 1] - path[hour]
        cheaper += 1.0 if price < of_run - 1e-6 else 0.0
        place = n_found
        while place > 0 and cheapest[place - 1] > price:
            cheapest[place] = cheapest[place - 1]
            place -= 1
        cheapest[place] = price
        n_found += 1
    if n_found < needed:
        return DEAREST, 0.0
    return cheapest[needed - 1], cheaper / n_found


@inlined
def _compare(options: Numbers) -> None:
    """Fills what depends on all regions: the best later price anywhere, and the best price of another region."""
    n_regions, best_later = options.shape[0], DEAREST
    for r in range(n_regions):
        if options[r, OPTION_AT.allowed] > 0.0 or options[r, OPTION_AT.here] > 0.0:
            best_later = min(best_later, options[r, OPTION_AT.later_price] + options[r, OPTION_AT.move_cost])
    for r in range(n_regions):
        elsewhere = DEAREST
        for other in range(n_regions):
            if other != r and options[other, OPTION_AT.allowed] > 0.0:
                price = min(options[other, OPTION_AT.run_price], options[other, OPTION_AT.later_price])
                elsewhere = min(elsewhere, price + options[other, OPTION_AT.move_cost])
        price = options[r, OPTION_AT.run_price] + options[r, OPTION_AT.move_cost]
        options[r, OPTION_AT.best_later] = best_later
        options[r, OPTION_AT.gain] = max(-2.0, min(2.0, best_later - price))
        options[r, OPTION_AT.best_elsewhere] = max(-2.0, min(2.0, elsewhere - price))


@inlined
def _place(
    jobs: Numbers,
    state: Numbers,
    own: Numbers,
    fleet_gpus: NDArray[np.float64],
    room: NDArray[np.float64],
    placing: NDArray[np.float64],
    options: Numbers,
) -> None:
    """Says where jobs that go first leave too few GPUs for a job, see `crowded`.

    Pairs of jobs and regions are gone through by gain and urgency, by an index of fixed numbers. A job takes the GPUs
    of the first region that has room for it, if it gains there. `room` holds the free GPUs of regions and those that
    rigid jobs may hold which cannot be preempted.
    """
    n_rows, n_regions = options.shape[0], options.shape[1]
    worth = placing[1] + placing[2] * state[STATE_AT.backlog] + placing[3] * state[STATE_AT.last_day]
    gains, first = np.full((n_rows, n_regions), -DEAREST), np.full(n_rows * n_regions, -2.0 * DEAREST)
    placed = np.zeros(n_rows, np.bool_)
    for k in range(n_rows):
        if jobs[k, JOB_AT.present] == 0.0:
            break
        key = placing[6] * (own[k, 3] + 2.0) + placing[7] * own[k, 13] + placing[8] * own[k, 6] + placing[9] * own[k, 9]
        for r in range(n_regions):
            option = options[k, r]
            price = option[OPTION_AT.run_price] + placing[4] * option[OPTION_AT.move_cost]
            price -= placing[5] * option[OPTION_AT.restart]
            gains[k, r] = max(option[OPTION_AT.best_later] + placing[0], worth) - price
            first[k * n_regions + r] = gains[k, r] + key
    for pair in np.argsort(-first):
        k, r = pair // n_regions, pair % n_regions
        if jobs[k, JOB_AT.present] == 0.0:
            continue
        option, gpus = options[k, r], 0.0
        for home in range(n_regions):
            gpus += options[k, home, OPTION_AT.here] * jobs[k, JOB_AT.gpus] * fleet_gpus[home]
        locks = jobs[k, JOB_AT.preemptible] == 0.0
        free = min(room[0, r], room[1, r]) if locks else room[0, r]
        needed = min(gpus, 1.0) if jobs[k, JOB_AT.malleable] > 0.0 else gpus
        option[OPTION_AT.crowded] = min(1.0, max(0.0, 1.0 - free / needed))
        fits = option[OPTION_AT.crowded] < 1e-3 and option[OPTION_AT.transit] == 0.0
        if fits and option[OPTION_AT.allowed] > 0.0 and not placed[k] and gains[k, r] > 0.0:
            placed[k] = True
            taken = min(gpus, free)
            room[0, r] -= taken
            room[1, r] -= taken if locks else 0.0


@inlined
def _job(job: Numbers, out: Numbers) -> None:
    left_h = _left_h(job)
    out[0], out[1], out[2] = 1.0, job[JOB_AT.gpus], job[JOB_AT.left]
    out[3] = log(1.0 + max(0.0, 24.0 * job[JOB_AT.slack])) - 2.0
    out[4] = log(1.0 + max(0.0, 24.0 * job[JOB_AT.deadline])) - 2.5
    out[5], out[6], out[7] = job[JOB_AT.due], job[JOB_AT.malleable], job[JOB_AT.preemptible]
    out[8], out[9], out[10] = HOURS_OF_RESTART * job[JOB_AT.restart], job[JOB_AT.running], job[JOB_AT.paused]
    out[11], out[12] = job[JOB_AT.held], HOURS_OF_DATA * job[JOB_AT.data]
    out[13] = log(LEAST_WORK + left_h * job[JOB_AT.gpus])
