"""The decision of the index for all jobs of a step, as a part of kernels.

For each job and region it compares the price at which the job is willing to run with what its run costs there. Then
the pairs of job and region get GPUs, those that save most first.
"""

from __future__ import annotations

from math import ceil, log

import numpy as np

from wattward.baselines.index.parameters import AT, Numbers
from wattward.baselines.index.plan import fill_worth
from wattward.baselines.index.supply import fill_clearing, fill_demand, fill_locked, fill_segments, fill_supply
from wattward.baselines.index.table import (
    BOUGHT_COST,
    BOUGHT_GPUS,
    DAY_H,
    GRID_COST,
    HORIZONS_H,
    N_AHEAD,
    N_BLOCKS,
    N_HORIZONS,
    N_SEGMENTS,
    NEVER,
    OWN_COST,
    OWN_GPUS,
    ROOM_GPUS,
)
from wattward.envs.kernels.compiling import called, inlined
from wattward.envs.kernels.jobs import sort_by_key
from wattward.envs.model.layout import EPS, Row, Rows
from wattward.envs.model.types import IN_TRANSIT, RUNNING, Floats, Ints
from wattward.envs.policy.orders import STAY

MOST_H = 24
"""Hours that a run is taken to last at most."""
PRICE, WEIGHT, REST, WAITS = range(4)
N_BID = 4
"""What a pair of job and region bids: the price at which the job runs; the weight of the present hour in the cost of
its run; the cost of the rest of its run; whether it only sets off."""


@called
def decide(
    p: Row,
    sites: Rows,
    classes: Rows,
    now: Rows,
    regions: Rows,
    queue: Rows,
    n_jobs: int,
    step: int,
    ahead: Floats,
    n_blocks: int,
    arrivals: Floats,
    numbers: Numbers,
    run_in: Ints,
    limit_gpus: Floats,
    rank: Floats,
) -> None:
    """Writes the orders of the jobs in the first `n_jobs` rows of a queue.

    Args:
        p: row of SCENARIO.
        sites: rows of SITE, (R,).
        classes: rows of JOB_CLASS, (C,).
        now: rows of HOUR of this step, (R,).
        regions: rows of REGION, (R,); what the rule reads are backlogs of links, peaks, and GPUs awake and locked.
        queue: rows of QUEUED.
        n_jobs: jobs present.
        step: the step.
        ahead: forecast blocks, see `supply.fill_blocks`.
        n_blocks: how many of them there are.
        arrivals: work expected to arrive in each step of the episode [GPU-h], (T,).
        numbers: the parameters, (P,).
        run_in: receives regions, or STAY.
        limit_gpus: receives limits of GPUs.
        rank: receives ranks.
    """
    n_regions, block_steps = sites.size, max(1, round(1.0 / p.step_h))
    first_h, block_h = (block_steps - step % block_steps) * p.step_h, block_steps * p.step_h
    end_h = (p.n_steps - step) * p.step_h
    locked, supply = np.empty((N_BLOCKS, n_regions)), np.empty((N_BLOCKS, n_regions, N_AHEAD))
    fill_locked(queue, n_jobs, first_h, block_h, locked)
    unit = fill_supply(sites, now, regions, ahead, n_blocks, block_h, locked, numbers[AT.surplus], supply)
    demand, clearing = np.empty(N_HORIZONS), np.empty(N_HORIZONS)
    waiting, urgent = fill_demand(p, queue, n_jobs, step, arrivals, numbers, demand)
    fill_clearing(supply, first_h, block_h, end_h, demand, numbers[AT.fill], clearing)
    room = 0.0
    for r in range(n_regions):
        room += max(1.0, supply[0, r, ROOM_GPUS])
    level = unit * (
        numbers[AT.level]
        + numbers[AT.backlog] * log(1.0 + waiting / room)
        + numbers[AT.urgent] * log(1.0 + urgent / room)
        + numbers[AT.end] * (1.0 - min(1.0, end_h / DAY_H))
    )
    level += numbers[AT.clearing_long] * clearing[N_HORIZONS - 1]
    worth = np.empty((N_BLOCKS, n_regions))
    fill_worth(p, supply, queue, n_jobs, step, arrivals, first_h, block_h, numbers, worth)
    hours = _hours(sites, supply, worth, first_h, block_h, end_h, clearing[N_HORIZONS - 2], unit, numbers)
    once, split = _later_runs(hours, first_h, block_h, end_h)
    gpus, cost = np.empty((n_regions, N_SEGMENTS)), np.empty((n_regions, N_SEGMENTS))
    fill_segments(p, sites, now, regions, numbers, gpus, cost)
    bids, keys = np.empty((n_jobs, n_regions, N_BID)), np.empty((2, n_jobs * n_regions))
    for i in range(n_jobs):
        run_in[i], limit_gpus[i], rank[i] = STAY, np.inf, 0.0
        job = queue[i]
        for r in range(n_regions):
            bids[i, r, PRICE] = -NEVER
        if job.status != IN_TRANSIT and (job.status != RUNNING or job.preemptible):
            price = level + numbers[AT.clearing] * _until(clearing, (job.deadline_step - step) * p.step_h)
            restart_h = 0.0 if job.malleable else classes[job.job_class].restart_h
            _bid(
                p, sites, now, regions, job, restart_h, step, first_h, price, unit, numbers, hours, once, split, bids[i]
            )
        extra = _precedence(job, (job.deadline_step - step) * p.step_h - job.left_h, unit, numbers)
        for r in range(n_regions):
            bid = bids[i, r]
            keys[0, i * n_regions + r] = bid[WEIGHT] * cost[r, _first_left(gpus[r])] + bid[REST] - bid[PRICE] - extra
    _pack(sites, now, regions, queue, keys, bids, gpus, cost, run_in, limit_gpus, rank)


@inlined
def _first_left(gpus: Floats) -> int:
    """The first segment that is not used up."""
    s = 0
    while s < gpus.size - 1 and gpus[s] <= EPS:
        s += 1
    return s


@inlined
def _until(clearing: Floats, hours: float) -> float:
    """The clearing price until some hours from now, between those of the horizons."""
    if hours <= HORIZONS_H[0]:
        return clearing[0]
    for k in range(1, N_HORIZONS):
        if hours < HORIZONS_H[k]:
            share = (hours - HORIZONS_H[k - 1]) / (HORIZONS_H[k] - HORIZONS_H[k - 1])
            return clearing[k - 1] + share * (clearing[k] - clearing[k - 1])
    return clearing[N_HORIZONS - 1]


@called
def _hours(
    sites: Rows,
    supply: Floats,
    worth: Floats,
    first_h: float,
    block_h: float,
    end_h: float,
    clearing: float,
    unit: float,
    numbers: Numbers,
) -> Floats:
    """What a GPU-hour is taken to cost in each block and region, (H, R); work left at the end after the episode."""
    hours = np.empty((supply.shape[0], supply.shape[1]))
    for h in range(supply.shape[0]):
        start_h = 0.0 if h == 0 else first_h + (h - 1) * block_h
        for r in range(supply.shape[1]):
            block = supply[h, r]
            grid_gpus = max(0.0, block[ROOM_GPUS] - block[OWN_GPUS] - block[BOUGHT_GPUS])
            cost = block[OWN_GPUS] * block[OWN_COST] + block[BOUGHT_GPUS] * block[BOUGHT_COST]
            mean = (cost + grid_gpus * block[GRID_COST]) / block[ROOM_GPUS] if block[ROOM_GPUS] > 1.0 else NEVER
            mean += numbers[AT.room_price] * max(0.0, clearing - mean)
            mean += numbers[AT.worth] * (worth[h, r] - mean) + numbers[AT.wait_per_h] * unit * start_h
            hours[h, r] = mean if start_h < end_h - EPS else numbers[AT.left] * sites[r].terminal_cost_per_gpu_h
    return hours


@called
def _later_runs(hours: Floats, first_h: float, block_h: float, end_h: float) -> tuple[Floats, Floats]:
    """The least cost of a GPU-hour of a run of k blocks that begins after the present one, each (R, MOST_H + 1, H + 1).

    The first is that of k blocks in a row, of which the first is at most block n; the second is the k-th lowest cost of
    blocks up to block n, for work that may be split. Both are NEVER where there is none.
    """
    n_regions, n_hours = hours.shape[1], hours.shape[0]
    once = np.full((n_regions, MOST_H + 1, n_hours + 1), NEVER)
    split = np.full((n_regions, MOST_H + 1, n_hours + 1), NEVER)
    last = min(n_hours - 1, int((end_h - first_h) / block_h + 1e-6))
    total, lowest = np.zeros(n_hours + 1), np.empty(MOST_H)
    for r in range(n_regions):
        for h in range(n_hours):
            total[h + 1] = total[h] + hours[h, r]
        for k in range(1, MOST_H + 1):
            best = NEVER
            for n in range(1, n_hours + 1):
                if n + k <= last + 1:
                    best = min(best, (total[n + k] - total[n]) / k)
                once[r, k, n] = best
        count = 0
        for n in range(1, n_hours + 1):
            if n <= last:
                count = _insert(lowest, count, hours[n, r])
            for k in range(1, count + 1):
                split[r, k, n] = lowest[k - 1]
    return once, split


@inlined
def _insert(lowest: Floats, count: int, value: float) -> int:
    """Inserts a value into the lowest values so far; returns how many there are."""
    place = count
    while place > 0 and lowest[place - 1] > value:
        if place < lowest.size:
            lowest[place] = lowest[place - 1]
        place -= 1
    if place < lowest.size:
        lowest[place] = value
    return min(count + 1, lowest.size)


@called
def _bid(
    p: Row,
    sites: Rows,
    now: Rows,
    regions: Rows,
    job: Row,
    restart_h: float,
    step: int,
    first_h: float,
    price: float,
    unit: float,
    numbers: Numbers,
    hours: Floats,
    once: Floats,
    split: Floats,
    bids: Floats,
) -> None:
    """Fills what a job bids in each region, (R, N_BID)."""
    runs = job.status == RUNNING and not job.malleable
    run_h = max(p.step_h, job.left_h * (1.0 + numbers[AT.margin])) + (restart_h if job.paused else 0.0)
    until_h = min(job.deadline_step, p.n_steps) - step
    until_h = until_h * p.step_h - numbers[AT.early_h]
    later = NEVER
    for r in range(sites.size):
        here = r == job.region
        steps = 0.0 if here else _transit_steps(sites, now, regions, job, r)
        transit_h = 0.0 if steps <= 1.0 + EPS else ceil(steps - EPS) * p.step_h
        lasts_h = run_h + (restart_h if runs and not here else 0.0)
        bid = bids[r]
        bid[WAITS] = 1.0 if transit_h > 0.0 else 0.0
        bid[WEIGHT], bid[REST] = _own_run(hours[:, r], job, lasts_h, first_h, numbers[AT.whole_run])
        start = later_start = 0.0 if here else _move_cost(sites[job.region], now[job.region], job, numbers)
        if transit_h > 0.0:
            bid[WEIGHT], start = 0.0, start + numbers[AT.transit] * unit * transit_h
            bid[REST] = _later_cost(hours, once, split, job, r, lasts_h, until_h, first_h, transit_h)
        bid[REST] += start
        later = min(later, later_start + _later_cost(hours, once, split, job, r, lasts_h, until_h, first_h, transit_h))
    price = _offered(p, sites[job.region], job, price, later, run_h, unit, numbers)
    for r in range(sites.size):
        bids[r, PRICE] = price
    if runs:
        bids[job.region, PRICE] += numbers[AT.restart] * unit * restart_h / max(run_h, 0.5)


@inlined
def _offered(
    p: Row, site: Row, job: Row, price: float, later: float, run_h: float, unit: float, numbers: Numbers
) -> float:
    """The price at which a job runs: at least what its best later run costs, or being late or left at the end."""
    if not (job.malleable or job.preemptible):
        price += numbers[AT.rigid] * unit
    if later < NEVER / 2:
        return max(price, later + numbers[AT.tolerance] * unit)
    if job.deadline_step > p.n_steps:
        return max(price, numbers[AT.left] * site.terminal_cost_per_gpu_h)
    return max(price, unit) + numbers[AT.late] * p.late_cost_per_gpu_h_per_h * max(run_h, 1.0)


@inlined
def _transit_steps(sites: Rows, now: Rows, regions: Rows, job: Row, r: int) -> float:
    """Steps until the job's data are in a region; very many if a link has no room now."""
    source, target = regions[job.region], regions[r]
    out_gb = max(EPS, sites[job.region].wan_gb_per_step * now[job.region].wan_share)
    in_gb = max(EPS, sites[r].wan_gb_per_step * now[r].wan_share)
    if source.wan_out_gb >= out_gb or target.wan_in_gb >= in_gb:
        return NEVER
    return max((source.wan_out_gb + job.data_gb) / out_gb, (target.wan_in_gb + job.data_gb) / in_gb)


@inlined
def _move_cost(site: Row, hour: Row, job: Row, numbers: Numbers) -> float:
    """Cost of moving a job, for each GPU-hour that it still needs."""
    per_gb = site.wan_cost_per_gb + site.wan_kwh_per_gb * hour.price_per_kwh
    return numbers[AT.move] * (job.data_gb * per_gb / max(0.5, job.expected_gpu_h))


@inlined
def _own_run(hours: Floats, job: Row, lasts_h: float, first_h: float, whole_run: float) -> tuple[float, float]:
    """The weight of the present block in the cost of a run that begins now, and the cost of the rest."""
    if job.malleable or lasts_h <= first_h:
        return 1.0, 0.0
    rest_h, cost, h = min(lasts_h, float(MOST_H)) - first_h, 0.0, 1
    total_h = first_h + rest_h
    while rest_h > EPS and h < hours.size:
        cost += min(1.0, rest_h) * hours[h]
        rest_h -= 1.0
        h += 1
    share = whole_run if job.preemptible else 1.0
    return 1.0 - share + share * first_h / total_h, share * cost / total_h


@inlined
def _later_cost(
    hours: Floats,
    once: Floats,
    split: Floats,
    job: Row,
    r: int,
    lasts_h: float,
    until_h: float,
    first_h: float,
    transit_h: float,
) -> float:
    """The least cost of a GPU-hour of a run that begins later and ends in time, or NEVER."""
    k = min(MOST_H, max(1, ceil(lasts_h - 0.25)))
    left_h = until_h - first_h - transit_h
    n = min(hours.shape[0], int(left_h + 1e-6)) if job.malleable else min(hours.shape[0], 1 + int(left_h - lasts_h))
    if left_h < lasts_h or n < 1:
        return NEVER
    return split[r, k, n] if job.malleable else once[r, k, n]


@inlined
def _precedence(job: Row, slack_h: float, unit: float, numbers: Numbers) -> float:
    """How far a job goes before others, beside what it saves."""
    extra = numbers[AT.first_slack] * log(1.0 + max(0.0, slack_h))
    extra += numbers[AT.first_work] * log(1.0 + job.expected_gpu_h)
    extra += numbers[AT.first_malleable] if job.malleable else 0.0
    extra += numbers[AT.first_running] if job.status == RUNNING else 0.0
    return extra * unit


@called
def _pack(
    sites: Rows,
    now: Rows,
    regions: Rows,
    queue: Rows,
    keys: Floats,
    bids: Floats,
    gpus: Floats,
    cost: Floats,
    run_in: Ints,
    limit_gpus: Floats,
    rank: Floats,
) -> None:
    """Gives GPUs to pairs of job and region, those that save most first, as long as their bids pay for the power."""
    n_regions = sites.size
    free, rigid = np.empty(n_regions), np.empty(n_regions)
    links = np.zeros((2, n_regions))
    for r in range(n_regions):
        region = regions[r]
        free[r] = max(0.0, now[r].fleet_gpus - now[r].interactive_gpus - region.locked_gpus)
        rigid[r] = sites[r].rigid_limit_gpus - region.locked_gpus
    places = np.empty((2, keys.shape[1]), np.int64)
    count = 0
    for i in range(keys.shape[1]):
        if bids[i // n_regions, i % n_regions, PRICE] > -NEVER / 2:
            places[0, count], keys[0, count] = i, keys[0, i]
            count += 1
    row = sort_by_key(keys[:, :count].copy(), places[:, :count]) if count > 0 else 0
    for place in range(count):
        i, r = places[row, place] // n_regions, places[row, place] % n_regions
        job, bid = queue[i], bids[i, r]
        if run_in[i] != STAY or (r != job.region and not _has_link(sites, now, regions, links, job, r)):
            continue
        if bid[WAITS] > 0.0:
            if bid[REST] >= bid[PRICE]:
                continue
        else:
            given = _paid_gpus(job, bid, free[r], rigid[r], gpus[r], cost[r])
            if given <= 0.0:
                continue
            limit_gpus[i] = given
            free[r] -= given
            rigid[r] -= 0.0 if job.preemptible else given
            _use(given, gpus[r])
        run_in[i], rank[i] = r, place
        if r != job.region:
            links[0, job.region] += job.data_gb
            links[1, r] += job.data_gb


@inlined
def _has_link(sites: Rows, now: Rows, regions: Rows, links: Floats, job: Row, r: int) -> bool:
    """Whether both links take a job's data after those that were ordered to move before it."""
    out_gb = sites[job.region].wan_gb_per_step * now[job.region].wan_share
    in_gb = sites[r].wan_gb_per_step * now[r].wan_share
    return regions[job.region].wan_out_gb + links[0, job.region] < out_gb and regions[r].wan_in_gb + links[1, r] < in_gb


@inlined
def _paid_gpus(job: Row, bid: Floats, free: float, rigid: float, gpus: Floats, cost: Floats) -> float:
    """GPUs that a job gets: all of a rigid job's if its bid pays for them on average, else those that it pays for."""
    most = min(job.gpus, free)
    if not job.malleable and (most + EPS < job.gpus or (not job.preemptible and rigid + EPS < job.gpus)):
        return 0.0
    worth = (bid[PRICE] - bid[REST]) / max(EPS, bid[WEIGHT])
    given, total = 0.0, 0.0
    for s in range(gpus.size):
        if given >= most or (job.malleable and cost[s] >= worth):
            break
        more = min(gpus[s], most - given)
        given += more
        total += more * cost[s]
    if job.malleable:
        return given if given + EPS >= min(1.0, job.gpus) else 0.0
    return given if total < worth * given else 0.0


@inlined
def _use(given: float, gpus: Floats) -> None:
    """Takes GPUs from the first segments."""
    for s in range(gpus.size):
        used = min(given, gpus[s])
        gpus[s] -= used
        given -= used
