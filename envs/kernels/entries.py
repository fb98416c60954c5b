"""The kernels that Python calls. `a` is a table of addresses (`Fleet.addresses`)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numba import prange

from wattward.envs.kernels import ahead, dispatch, forecast, jobs, observe, stores, supply, work
from wattward.envs.kernels.ahead import Encoding, Singles
from wattward.envs.kernels.codes import (
    COST_ONLY,
    EPISODE_OVER,
    HERE,
    MODES,
    N_CODES,
    NO_ERROR,
    ORDERS,
    QUEUE_FULL,
    SHAPED,
    UNKNOWN_MODE,
    UNKNOWN_ORDER,
)
from wattward.envs.kernels.compiling import digest_of, entry, inlined, threaded_entry
from wattward.envs.kernels.fleet import (
    CONSTRAINT,
    COST,
    N_OUTCOMES,
    REWARD,
    TERMS,
    Fleet,
    fetch_ahead,
    flow_numbers,
    opened,
)
from wattward.envs.kernels.forecast import ForecastTables
from wattward.envs.model import layout, observation, site_model, types
from wattward.envs.model.layout import DUE, MOVABLE, N_FLOWS, Rows
from wattward.envs.model.types import Floats, Ints, Signals

HOLD, SOAK, RUN, PULL = 0, 1, 2, 3
N_MODES = 4
N_COST_TERMS = CONSTRAINT - TERMS


@inlined
def begin_episode(fleet: Fleet, numbers: Floats, b: int, slot: int) -> None:
    """Puts environment `b` at the start of episode `slot`."""
    e, regs, row = fleet.env[b], fleet.regions[b], min(b, fleet.scenario.size - 1)
    e.step, e.next_job, e.n_active, e.slot, e.asleep, e.backlog_gpu_h = 0, 0, 0, slot, 0, 0.0
    e.ordered = 0
    for r in range(regs.size):
        reg = regs[r]
        reg.wan_out_gb, reg.wan_in_gb, reg.peak_kw = 0.0, 0.0, 0.0
        reg.load_kwh, reg.green_kwh = 0.0, 0.0
        reg.awake_gpus = fleet.sites[row, r].fleet_gpus
        stores.begin(fleet.stores[row, r], fleet.stored[b, r])
    fleet.tally[b, :, :] = 0.0
    fleet.outcome[b, :] = 0.0
    fleet.ended[b] = False
    numbers[b, :, :] = 0.0
    fleet.class_gpu_h[b, :, :] = 0.0
    jobs.admit(e, fleet.classes[row], fleet.queue[b], fleet.jobs[slot], fleet.n_jobs[slot])
    _scan_queue(fleet, b)


@inlined
def _scan_queue(fleet: Fleet, b: int) -> None:
    p, e = fleet.scenario[min(b, fleet.scenario.size - 1)], fleet.env[b]
    now = fleet.hours[e.slot, e.step]
    observe.scan_queue(e, p, fleet.regions[b], fleet.queue[b], fleet.picks[b], now, fleet.observations[b])


@inlined
def _decode(fleet: Fleet, b: int) -> None:
    """Translates modes and store orders into offers of the regions and orders of the stores."""
    regs = fleet.regions[b]
    for r in range(regs.size):
        mode = fleet.modes[b, r]
        regs[r].own_share = 0.0 if mode == HOLD else 1.0
        regs[r].others_share = 1.0 if mode in (SOAK, PULL) else 0.0
        regs[r].surplus_only = mode == SOAK
    tell_stores(fleet, b)


@inlined
def tell_stores(fleet: Fleet, b: int) -> None:
    """Gives the stores of environment `b` their orders from `Fleet.modes`."""
    row = min(b, fleet.scenario.size - 1)
    for r in range(fleet.stores.shape[1]):
        for s in range(fleet.stores.shape[2]):
            if fleet.stores[row, r, s].entry >= 0:
                fleet.stored[b, r, s].told = fleet.modes[b, fleet.stores[row, r, s].entry]


@inlined
def _take_orders(fleet: Fleet, b: int) -> None:
    """Gives the orders of an action to the jobs of environment `b`, and its store orders to the stores."""
    e, q, movable = fleet.env[b], fleet.queue[b], fleet.picks[b, MOVABLE]
    e.ordered = 1
    for i in range(e.n_movable):
        job, choice = q[movable[i]], fleet.choices[b, i]
        job.order = job.region + 1 if choice == HERE else choice
        job.limit_gpus = fleet.wishes[b, i].limit_gpus if e.limited else np.inf
        if e.ranked:
            job.rank = fleet.wishes[b, i].rank
    tell_stores(fleet, b)


@inlined
def _assign_gpus(fleet: Fleet, b: int, source: int) -> None:
    """Gives GPUs to jobs: first to those that are due, then as the policy's orders or the dispatcher say."""
    e, row = fleet.env[b], min(b, fleet.scenario.size - 1)
    p, sites = fleet.scenario[row], fleet.sites[row]
    regs, f, q, now = fleet.regions[b], fleet.flows[b], fleet.queue[b], fleet.hours[e.slot, e.step]
    picks = fleet.picks[b]
    if source != ORDERS or e.runs_due:
        jobs.run_due(e, regs, f, q, picks[DUE])
    if source == ORDERS:
        jobs.carry_out(e, p, sites, regs, f, q, picks)
    else:
        supply.cap_offers(sites, regs, f, now)
        dispatch.dispatch(e, p, sites, regs, f, q, now, fleet.order[b], picks)


@inlined
def take_step(fleet: Fleet, numbers: Floats, b: int, source: int) -> None:
    """Advances environment `b` by one step, in the order of docs/design.md."""
    e, row = fleet.env[b], min(b, fleet.scenario.size - 1)
    p, sites, classes = fleet.scenario[row], fleet.sites[row], fleet.classes[row]
    regs, f, q, now = fleet.regions[b], fleet.flows[b], fleet.queue[b], fleet.hours[e.slot, e.step]
    picks = fleet.picks[b]
    for r in range(regs.size):
        for i in range(N_FLOWS):
            numbers[b, r, i] = 0.0
        for c in range(classes.size):
            fleet.class_gpu_h[b, r, c] = 0.0
    supply.serve_interactive(sites, regs, f, now)
    _assign_gpus(fleet, b, source)
    work.progress(e, p, classes, f, fleet.class_gpu_h[b], q)
    supply.wake(sites, regs, f, source == ORDERS)
    supply.power(p, sites, fleet.stores[row], regs, fleet.stored[b], f, now)
    e.step += 1
    if e.step == p.n_steps:
        work.charge_unfinished(e, p, sites, f, q)
        supply.charge_shortfall(sites, regs, f)
    jobs.admit(e, classes, q, fleet.jobs[e.slot], fleet.n_jobs[e.slot])
    observe.scan_queue(e, p, regs, q, picks, fleet.hours[e.slot, e.step], fleet.observations[b])


@inlined
def step_cost(fleet: Fleet, b: int) -> float:
    """Cost of the step [currency]."""
    total = 0.0
    for r in range(fleet.flows.shape[1]):
        f = fleet.flows[b, r]
        bills = f.energy_cost + f.demand_cost + f.carbon_cost + f.wan_cost
        total += bills + f.drop_cost + f.late_cost + f.terminal_cost
        total += f.supply_cost + f.sales_cost + f.wear_cost + f.event_cost + f.shortfall_cost
    return total


@inlined
def _left_gpu_h(fleet: Fleet, b: int) -> float:
    waiting, transit = 0.0, 0.0
    for r in range(fleet.flows.shape[1]):
        waiting += fleet.flows[b, r].waiting_gpu_h
        transit += fleet.flows[b, r].transit_gpu_h
    return waiting + transit


@inlined
def _count(fleet: Fleet, numbers: Floats, b: int) -> None:
    """Adds the flows of the step to the tally, and its bills to the outcome."""
    p, sites = fleet.scenario[min(b, fleet.scenario.size - 1)], fleet.sites[min(b, fleet.scenario.size - 1)]
    for r in range(fleet.flows.shape[1]):
        for i in range(N_FLOWS):
            fleet.tally[b, r, i] += numbers[b, r, i]
        for i in range(N_COST_TERMS):
            fleet.outcome[b, TERMS + i] += numbers[b, r, N_FLOWS - N_COST_TERMS + i]
        f = fleet.flows[b, r]
        utilisation = (f.interactive_gpus + f.busy_gpus) / sites[r].fleet_gpus
        if p.band_low <= utilisation <= p.band_high:
            fleet.tally[b, r, N_FLOWS] += 1.0
        else:
            fleet.outcome[b, CONSTRAINT] += p.band_constraint
        if p.green_constraint_per_kwh > 0.0:
            load_kw = f.it_kw + f.cooling_kw + f.wan_kw + f.charge_kw
            green_kw = load_kw - f.grid_kw - f.discharge_kw
            missing_kwh = (sites[r].green_share_min * load_kw - green_kw) * p.step_h
            fleet.outcome[b, CONSTRAINT] += p.green_constraint_per_kwh * missing_kwh
        fleet.outcome[b, CONSTRAINT] += p.late_constraint_per_gpu_h * f.late_gpu_h


@inlined
def _reward(fleet: Fleet, b: int, total_cost: float, kind: int) -> float:
    """The reward of the step just taken."""
    e, p = fleet.env[b], fleet.scenario[min(b, fleet.scenario.size - 1)]
    gain = -total_cost
    if kind != COST_ONLY:
        gain = gain + fleet.on_arrival[e.slot, e.step - 1].total_cost
    if kind == SHAPED:
        before_gpu_h, e.backlog_gpu_h = e.backlog_gpu_h, 0.0
        if e.step < p.n_steps:
            e.backlog_gpu_h = _left_gpu_h(fleet, b) - fleet.on_arrival[e.slot, e.step - 1].left_gpu_h
        gain = gain + p.shaping_coefficient_per_gpu_h * (before_gpu_h - e.backlog_gpu_h)
    return gain / p.reference_cost_per_step


@inlined
def _observe(fleet: Fleet, b: int) -> None:
    e, row = fleet.env[b], min(b, fleet.scenario.size - 1)
    now, sees = fleet.hours[e.slot, e.step], fleet.ahead[e.slot, e.step]
    sites, held, out = fleet.sites[row], fleet.stored[b], fleet.observations[b]
    observe.observe(sites, fleet.stores[row], fleet.regions[b], held, now, sees, out)


@inlined
def _advance(fleet: Fleet, numbers: Floats, b: int, source: int, reward: int, hold: int) -> None:
    """Takes up to `hold` steps of environment `b` under one decision; takes none if it is asleep."""
    e, n_steps = fleet.env[b], fleet.scenario[min(b, fleet.scenario.size - 1)].n_steps
    for i in range(N_OUTCOMES):
        fleet.outcome[b, i] = 0.0
    fleet.ended[b] = False
    if e.asleep:
        _scan_queue(fleet, b)
    else:
        if source == MODES:
            _decode(fleet, b)
        elif source == ORDERS:
            _take_orders(fleet, b)
        for _ in range(hold):
            take_step(fleet, numbers, b, source)
            total_cost = step_cost(fleet, b)
            _count(fleet, numbers, b)
            gain = _reward(fleet, b, total_cost, reward)
            fleet.outcome[b, REWARD] += gain if hold == 1 else np.float64(np.float32(gain))
            fleet.outcome[b, COST] += total_cost
            if e.step == n_steps:
                fleet.ended[b] = True
                break
    _observe(fleet, b)


@inlined
def _error_code(fleet: Fleet, source: int, arrivals: int) -> int:
    """Returns NO_ERROR, or the code of the error that prevents a step and its environment, see `codes`."""
    for b in range(fleet.env.size):
        if fleet.env[b].n_active + arrivals > fleet.queue.shape[1]:
            return QUEUE_FULL + N_CODES * b
    for b in range(fleet.env.size):
        e = fleet.env[b]
        if e.asleep:
            continue
        if e.step >= fleet.scenario[min(b, fleet.scenario.size - 1)].n_steps:
            return EPISODE_OVER + N_CODES * b
        if source == MODES and not _are_modes(fleet, b, 0):
            return UNKNOWN_MODE + N_CODES * b
        if source == ORDERS and not (_are_modes(fleet, b, fleet.regions.shape[1]) and _are_orders(fleet, b)):
            return UNKNOWN_ORDER + N_CODES * b
    return NO_ERROR


@inlined
def _are_modes(fleet: Fleet, b: int, first: int) -> bool:
    """Whether the modes and store orders from entry `first` on are numbers that exist."""
    known = True
    for i in range(first, fleet.modes.shape[1]):
        known = known and 0 <= fleet.modes[b, i] < N_MODES
    return known


@inlined
def _are_orders(fleet: Fleet, b: int) -> bool:
    known = True
    for i in range(fleet.env[b].n_movable):
        known = known and HERE <= fleet.choices[b, i] <= fleet.regions.shape[1]
    return known


@inlined
def _advance_span(a: Ints, first: int, last: int, source: int, reward: int, hold: int) -> None:
    fleet, numbers = opened(a), flow_numbers(a)
    for b in range(first, last):
        if b + 1 < last:
            following = fleet.env[b + 1]
            fetch_ahead(a, following.slot, following.step + hold)
        _advance(fleet, numbers, b, source, reward, hold)


@inlined
def _play_on_arrival(fleet: Fleet, numbers: Floats, b: int, slot: int, arrivals: int) -> int:
    """Plays an episode with all work run on arrival; writes the cost of each step and the work left after it.

    Returns:
        NO_ERROR; or QUEUE_FULL if the queue had too few places for the arrivals. What was written is then invalid.
    """
    begin_episode(fleet, numbers, b, slot)
    fleet.modes[b, : fleet.regions.shape[1]] = RUN
    fleet.modes[b, fleet.regions.shape[1] :] = stores.BY_RULE
    _decode(fleet, b)
    for t in range(fleet.scenario[min(b, fleet.scenario.size - 1)].n_steps):
        if fleet.env[b].n_active + arrivals > fleet.queue.shape[1]:
            return QUEUE_FULL
        take_step(fleet, numbers, b, MODES)
        fleet.on_arrival[slot, t].total_cost = step_cost(fleet, b)
        fleet.on_arrival[slot, t].left_gpu_h = _left_gpu_h(fleet, b)
    return NO_ERROR


class Entries(NamedTuple):
    """The compiled functions."""

    begin: Callable[[Ints, int, int], None]
    advance: Callable[[Ints, int, int, int], int]
    advance_threaded: Callable[[Ints, int, int, int, int], int]
    observe_one: Callable[[Ints, int], None]
    play_on_arrival: Callable[[Ints, int, int], int]
    look_ahead: Callable[[Rows, Rows, int, Floats, Signals, Encoding, Singles], None]
    issue_forecasts: Callable[[Signals, ForecastTables, Floats, int, Floats], None]


def _advances(sources: int) -> tuple[Callable[[Ints, int, int, int], int], Callable[[Ints, int, int, int, int], int]]:
    @entry
    def advance(a: Ints, source: int, reward: int, hold: int) -> int:
        """Steps and observes every environment; returns a code, see `codes`. An error is found before any change."""
        _ = sources
        error_code = _error_code(opened(a), source, hold * a[-1])
        if error_code == NO_ERROR:
            _advance_span(a, 0, opened(a).env.size, source, reward, hold)
        return error_code

    @threaded_entry
    def advance_threaded(a: Ints, source: int, reward: int, hold: int, parts: int) -> int:
        """Does the same as `advance`, with the environments split into `parts` parts that threads share."""
        _ = sources
        error_code, n_envs = _error_code(opened(a), source, hold * a[-1]), opened(a).env.size
        if error_code == NO_ERROR:
            for part in prange(parts):
                _advance_span(a, part * n_envs // parts, (part + 1) * n_envs // parts, source, reward, hold)
        return error_code

    return advance, advance_threaded


def _entries(sources: int) -> Entries:
    """Makes all entries. They close over the digest of their sources, so that a change invalidates Numba's cache."""

    @entry
    def begin(a: Ints, b: int, slot: int) -> None:
        """Starts episode `slot` in environment `b`, and observes it."""
        _ = sources
        fleet = opened(a)
        begin_episode(fleet, flow_numbers(a), b, slot)
        _observe(fleet, b)

    @entry
    def observe_one(a: Ints, b: int) -> None:
        """Scans the queue of environment `b` and observes it; needed after its state has been restored."""
        _ = sources
        fleet = opened(a)
        _scan_queue(fleet, b)
        _observe(fleet, b)

    @entry
    def play_on_arrival(a: Ints, b: int, slot: int) -> int:
        """Plays episode `slot` in environment `b`, see `_play_on_arrival`."""
        _ = sources
        return _play_on_arrival(opened(a), flow_numbers(a), b, slot, a[-1])

    @entry
    def look_ahead(
        scenario: Rows,
        sites: Rows,
        start_minute: int,
        series: Floats,
        x: Signals,
        e: Encoding,
        out: Singles,
    ) -> None:
        """Fills the part of observations that depends on the world alone, see `ahead.look_ahead`."""
        _ = sources
        ahead.look_ahead(scenario[0], sites, start_minute, series, x, e, out)

    @entry
    def issue_forecasts(x: Signals, tables: ForecastTables, truth: Floats, step: int, out: Floats) -> None:
        """Fills the forecasts that are issued at one step, see `forecast.issue`."""
        _ = sources
        forecast.issue(x, tables, truth, step, out)

    return Entries(begin, *_advances(sources), observe_one, play_on_arrival, look_ahead, issue_forecasts)


_MODEL = [Path(str(module.__file__)) for module in (layout, observation, site_model, types)]
ENTRIES = _entries(digest_of(*Path(__file__).parent.glob("*.py"), *_MODEL))
