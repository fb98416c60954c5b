"""The step, compiled: every function that changes State or fills Flows.

All live in this file because Numba's cache does not notice a changed callee in another one. `p, s, x, o, f, a` are
Params, State, Exogenous, Offers, Flows and Tally; `b` is the environment, `r` a region, `j` a job, `t` the step. Passes
over jobs follow `State.active`: earliest deadline first. The cost of a step is O(active jobs + R log R).
"""

from __future__ import annotations

from math import ceil

import numpy as np

from wattward.envs.compiling import compiled
from wattward.envs.types import (
    DONE,
    IN_TRANSIT,
    PENDING,
    RUNNING,
    WAITING,
    Exogenous,
    Floats,
    Flows,
    Ints,
    Offers,
    OnArrival,
    Params,
    State,
    Tally,
)

EPS = 1e-9
LOOKAHEAD = 4  # pulling regions that one job may try in a step
LEAST_EXPECTED_SHARE = 0.05  # an owner whose estimate is used up still expects this share of it


@compiled
def reset_one(s: State, x: Exogenous, b: int) -> None:
    """Puts environment `b` at the start of its episode."""
    s.step[b] = 0
    s.next_job[b] = 0
    s.n_active[b] = 0
    s.job_status[b, :] = PENDING
    s.job_alloc_gpus[b, :] = 0.0
    s.job_paused[b, :] = False
    s.job_ready_step[b, :] = -1
    s.wan_out_gb[b, :] = 0.0
    s.wan_in_gb[b, :] = 0.0
    s.peak_kw[b, :] = 0.0
    _admit(s, x, b)


@compiled
def step_batch(p: Params, s: State, x: Exogenous, o: Offers, f: Flows, a: Tally) -> None:
    """Advances every environment by one step, fills Flows and adds them to the episode's tally."""
    for b in range(s.step.shape[0]):
        step_one(p, s, x, o, f, b)
        _count(p, f, a, b)


@compiled
def run_on_arrival(p: Params, s: State, x: Exogenous, o: Offers, f: Flows, b: int, a: OnArrival) -> None:
    """Plays environment `b` through with offers `o`, writes each step's cost and work left, starts it anew."""
    for t in range(p.n_steps[b]):
        step_one(p, s, x, o, f, b)
        a.cost_yuan[b, t] = _cost(f, b)
        a.left_gpu_h[b, t] = f.waiting_gpu_h[b].sum() + f.transit_gpu_h[b].sum()
    reset_one(s, x, b)


@compiled
def _cost(f: Flows, b: int) -> float:
    total = 0.0
    for r in range(f.energy_yuan.shape[1]):
        bills = f.energy_yuan[b, r] + f.demand_yuan[b, r] + f.carbon_yuan[b, r] + f.wan_yuan[b, r]
        total += bills + f.drop_yuan[b, r] + f.late_yuan[b, r] + f.settlement_yuan[b, r]
    return total


@compiled
def _count(p: Params, f: Flows, a: Tally, b: int) -> None:
    """Adds the step's Flows to the tally, and what the step cost in all."""
    a.cost_yuan[b] = _cost(f, b)
    for r in range(f.energy_yuan.shape[1]):
        for total, flow in zip(a.total, f):  # noqa: B905 - Numba knows no strict
            total[b, r] += flow[b, r]
        utilisation = (f.interactive_gpus[b, r] + f.busy_gpus[b, r]) / p.fleet_gpus[b, r]
        if p.band_low[b] <= utilisation <= p.band_high[b]:
            a.in_band_steps[b, r] += 1.0


@compiled
def step_one(p: Params, s: State, x: Exogenous, o: Offers, f: Flows, b: int) -> None:
    """Advances environment `b` by one step, in the order of docs/design.md."""
    for field in f:
        field[b, :] = 0.0
    free, gangs, cap = np.empty_like(f.it_kw[b]), np.empty_like(f.it_kw[b]), np.empty_like(f.it_kw[b])
    _arrive_and_lock(p, s, x, f, b)
    _serve_interactive(p, s, x, f, b, free, gangs)
    _run_due(p, s, x, f, b, free, gangs)
    _cap_offers(p, s, x, o, f, b, free, cap)
    _offer_own(p, s, x, o, b, cap, gangs)
    _offer_others(p, s, x, o, f, b, cap, gangs)
    _progress(p, s, x, f, b)
    _power(p, s, x, f, b)
    s.step[b] += 1
    if s.step[b] == p.n_steps[b]:
        _settle(p, s, x, f, b)
    _admit(s, x, b)


@compiled
def _admit(s: State, x: Exogenous, b: int) -> None:
    """Jobs that arrive at the coming step, and transits that are through, become present."""
    t = s.step[b]
    for k in range(s.n_active[b]):
        j = s.active[b, k]
        if s.job_status[b, j] == IN_TRANSIT and s.job_ready_step[b, j] <= t:
            s.job_status[b, j] = WAITING
    while s.next_job[b] < x.n_jobs[b] and x.job_arrival_step[b, s.next_job[b]] <= t:
        _insert(s, x, b, s.next_job[b])
        s.next_job[b] += 1


@compiled
def _insert(s: State, x: Exogenous, b: int, j: int) -> None:
    """Enters job `j` behind all with the same or an earlier deadline."""
    deadline = x.job_deadline_step[b, j]
    k = s.n_active[b]
    while k > 0 and x.job_deadline_step[b, s.active[b, k - 1]] > deadline:
        s.active[b, k] = s.active[b, k - 1]
        k -= 1
    s.active[b, k] = j
    s.n_active[b] += 1
    s.job_status[b, j] = WAITING
    s.job_region[b, j] = x.job_origin[b, j]
    s.job_left_gpu_h[b, j] = x.job_work_gpu_h[b, j]
    s.job_expected_gpu_h[b, j] = x.job_estimate_gpu_h[b, j]


@compiled
def _arrive_and_lock(p: Params, s: State, x: Exogenous, f: Flows, b: int) -> None:
    """Counts what joined since the last step; running gangs that cannot be preempted keep their GPUs."""
    t = s.step[b]
    for k in range(s.n_active[b]):
        j = s.active[b, k]
        r = s.job_region[b, j]
        if x.job_arrival_step[b, j] == t:
            f.arrived_gpu_h[b, r] += s.job_left_gpu_h[b, j]
        if s.job_ready_step[b, j] == t:
            f.moved_in_gpu_h[b, r] += s.job_left_gpu_h[b, j]
        if s.job_status[b, j] == RUNNING and not p.class_preemptible[b, x.job_class[b, j]]:
            f.locked_gpus[b, r] += s.job_alloc_gpus[b, j]
        else:
            s.job_alloc_gpus[b, j] = 0.0


@compiled
def _serve_interactive(p: Params, s: State, x: Exogenous, f: Flows, b: int, free: Floats, gangs: Floats) -> None:
    t = s.step[b]
    for r in range(free.size):
        demand = x.interactive_gpus[b, t, r]
        room = max(0.0, p.fleet_gpus[b, r] - f.locked_gpus[b, r])
        f.interactive_gpus[b, r] = min(demand, room)
        f.dropped_gpus[b, r] = demand - f.interactive_gpus[b, r]
        free[r] = room - f.interactive_gpus[b, r]
        gangs[r] = f.locked_gpus[b, r]


@compiled
def _is_due(p: Params, s: State, x: Exogenous, b: int, j: int) -> bool:
    """Whether waiting one more step would miss the deadline, by the owner's estimate."""
    left_h = s.job_expected_gpu_h[b, j] / x.job_gpus[b, j]
    return (x.job_deadline_step[b, j] - s.step[b]) * p.step_h[b] - left_h < p.step_h[b] - EPS


@compiled
def _fits(p: Params, x: Exogenous, b: int, j: int, room: float, gang_room: float) -> float:
    """GPUs that `j` takes: up to its own limit if divisible, else all or none; `gang_room` binds what cannot stop."""
    if room <= EPS:
        return 0.0
    wanted, c = x.job_gpus[b, j], x.job_class[b, j]
    if p.class_divisible[b, c]:
        return min(wanted, room)
    allowed = room if p.class_preemptible[b, c] else min(room, gang_room)
    return wanted if wanted <= allowed + EPS else 0.0


@compiled
def _run_due(p: Params, s: State, x: Exogenous, f: Flows, b: int, free: Floats, gangs: Floats) -> None:
    for k in range(s.n_active[b]):
        j = s.active[b, k]
        if s.job_alloc_gpus[b, j] > 0.0 or s.job_status[b, j] == IN_TRANSIT or not _is_due(p, s, x, b, j):
            continue
        r = s.job_region[b, j]
        taken = _fits(p, x, b, j, free[r], np.inf)
        s.job_alloc_gpus[b, j] = taken
        free[r] -= taken
        f.due_gpus[b, r] += taken
        if not p.class_preemptible[b, x.job_class[b, j]]:
            gangs[r] += taken


@compiled
def _pue(p: Params, x: Exogenous, b: int, t: int, r: int) -> float:
    return p.pue_base[b, r] + p.pue_slope_per_c[b, r] * max(0.0, x.air_c[b, t, r] - p.pue_free_c[b, r])


@compiled
def _cap_offers(p: Params, s: State, x: Exogenous, o: Offers, f: Flows, b: int, free: Floats, cap: Floats) -> None:
    """The GPUs a region's shares refer to: the free ones, or those that surplus green power covers."""
    t = s.step[b]
    for r in range(free.size):
        cap[r] = max(0.0, free[r])
        if o.surplus_only[b, r]:
            more_kw = p.gpu_busy_kw[b, r] - p.gpu_idle_kw[b, r]
            at_work = f.interactive_gpus[b, r] + f.locked_gpus[b, r] + f.due_gpus[b, r]
            pue = _pue(p, x, b, t, r)
            base_kw = pue * (p.gpu_idle_kw[b, r] * p.fleet_gpus[b, r] + more_kw * at_work)
            surplus_kw = x.sun_kw[b, t, r] + x.wind_kw[b, t, r] + x.hydro_kw[b, t, r] - base_kw
            if more_kw > 0.0 and surplus_kw < cap[r] * pue * more_kw:
                cap[r] = max(0.0, surplus_kw) / (pue * more_kw)


@compiled
def _offer_own(p: Params, s: State, x: Exogenous, o: Offers, b: int, cap: Floats, gangs: Floats) -> None:
    """Each region's own queue: gangs that run already first, so that nothing but due work displaces them."""
    own = o.own[b] * cap
    for running_gangs in (True, False):
        for k in range(s.n_active[b]):
            j = s.active[b, k]
            if s.job_alloc_gpus[b, j] > 0.0 or s.job_status[b, j] == IN_TRANSIT:
                continue
            gang_runs = s.job_status[b, j] == RUNNING and not p.class_divisible[b, x.job_class[b, j]]
            r = s.job_region[b, j]
            if gang_runs != running_gangs:
                continue
            taken = _fits(p, x, b, j, own[r], p.gang_limit_gpus[b, r] - gangs[r])
            s.job_alloc_gpus[b, j] = taken
            own[r] -= taken
            cap[r] -= taken
            if not p.class_preemptible[b, x.job_class[b, j]]:
                gangs[r] += taken


@compiled
def _pull_order(p: Params, s: State, x: Exogenous, o: Offers, b: int, cap: Floats) -> Ints:
    """Regions in the order in which they may pull: cheapest power first, surplus counting as free."""
    t, cost = s.step[b], np.full(cap.size, np.inf)
    for r in range(cap.size):
        if cap[r] > EPS:
            cost[r] = 0.0 if o.surplus_only[b, r] else x.price_yuan_per_kwh[b, t, r] * _pue(p, x, b, t, r)
    return np.argsort(cost)


@compiled
def _offer_others(p: Params, s: State, x: Exogenous, o: Offers, f: Flows, b: int, cap: Floats, gangs: Floats) -> None:
    """What is still free goes to work that waits elsewhere."""
    cap *= o.others[b]
    if cap.max() <= EPS:
        return
    order, first = _pull_order(p, s, x, o, b, cap), 0
    for k in range(s.n_active[b]):
        j = s.active[b, k]
        if s.job_alloc_gpus[b, j] > 0.0 or s.job_status[b, j] == IN_TRANSIT:
            continue
        while first < order.size and cap[order[first]] <= EPS:
            first += 1
        for i in range(first, min(first + LOOKAHEAD, order.size)):
            r = order[i]
            taken = _fits(p, x, b, j, cap[r], p.gang_limit_gpus[b, r] - gangs[r])
            if taken > 0.0 and _may_move(p, s, b, j, r):
                _move(p, s, x, f, b, j, r, taken)
                cap[r] -= taken
                if not p.class_preemptible[b, x.job_class[b, j]]:
                    gangs[r] += taken
                break


@compiled
def _may_move(p: Params, s: State, b: int, j: int, r: int) -> bool:
    source, link_gb = s.job_region[b, j], p.wan_gb_per_step[b]
    return source != r and s.wan_out_gb[b, source] < link_gb[source] and s.wan_in_gb[b, r] < link_gb[r]


@compiled
def _move(p: Params, s: State, x: Exogenous, f: Flows, b: int, j: int, r: int, taken: float) -> None:
    """Sends job `j` to region `r`; it runs there at once if its data are through within this step."""
    source, data_gb, left = s.job_region[b, j], x.job_data_gb[b, j], s.job_left_gpu_h[b, j]
    s.wan_out_gb[b, source] += data_gb
    s.wan_in_gb[b, r] += data_gb
    f.moved_gb[b, source] += data_gb
    f.moved_out_gpu_h[b, source] += left
    f.wan_kw[b, source] += data_gb * p.wan_kwh_per_gb[b, source] / p.step_h[b]
    f.wan_yuan[b, source] += data_gb * p.wan_yuan_per_gb[b, source]
    if s.job_status[b, j] == RUNNING and not p.class_divisible[b, x.job_class[b, j]]:
        s.job_paused[b, j] = True
    s.job_region[b, j] = r
    out_steps = s.wan_out_gb[b, source] / p.wan_gb_per_step[b, source]
    steps = max(out_steps, s.wan_in_gb[b, r] / p.wan_gb_per_step[b, r])
    if steps <= 1.0 + EPS:
        f.moved_in_gpu_h[b, r] += left
        s.job_alloc_gpus[b, j] = taken
    else:
        s.job_status[b, j] = IN_TRANSIT
        s.job_ready_step[b, j] = s.step[b] + ceil(steps - EPS)


@compiled
def _progress(p: Params, s: State, x: Exogenous, f: Flows, b: int) -> None:
    """Work advances, jobs end, lateness accrues; what is done leaves `active`."""
    kept = 0
    for k in range(s.n_active[b]):
        j = s.active[b, k]
        if s.job_status[b, j] != IN_TRANSIT:
            _advance(p, s, x, f, b, j)
        if s.job_status[b, j] == DONE:
            continue
        s.active[b, kept] = j
        kept += 1
        _accrue(p, s, x, f, b, j)
    s.n_active[b] = kept


@compiled
def _advance(p: Params, s: State, x: Exogenous, f: Flows, b: int, j: int) -> None:
    r, c, alloc = s.job_region[b, j], x.job_class[b, j], s.job_alloc_gpus[b, j]
    if alloc <= 0.0:
        if s.job_status[b, j] == RUNNING and not p.class_divisible[b, c]:
            s.job_paused[b, j] = True
        s.job_status[b, j] = WAITING
        return
    if s.job_paused[b, j]:
        restart = p.class_restart_h[b, c] * x.job_gpus[b, j]
        s.job_left_gpu_h[b, j] += restart
        s.job_expected_gpu_h[b, j] += restart
        f.restart_gpu_h[b, r] += restart
        s.job_paused[b, j] = False
    left = s.job_left_gpu_h[b, j]
    done = left if left <= alloc * p.step_h[b] + EPS else alloc * p.step_h[b]
    s.job_left_gpu_h[b, j] = left - done
    least = LEAST_EXPECTED_SHARE * x.job_estimate_gpu_h[b, j]
    s.job_expected_gpu_h[b, j] = max(least, s.job_expected_gpu_h[b, j] - done)
    s.job_status[b, j] = DONE if done == left else RUNNING
    f.held_gpus[b, r] += alloc
    f.busy_gpus[b, r] += done / p.step_h[b]
    f.done_gpu_h[b, r] += done


@compiled
def _accrue(p: Params, s: State, x: Exogenous, f: Flows, b: int, j: int) -> None:
    r, left, t = s.job_region[b, j], s.job_left_gpu_h[b, j], s.step[b]
    if s.job_status[b, j] == IN_TRANSIT:
        f.transit_gpu_h[b, r] += left
    else:
        f.waiting_gpu_h[b, r] += left
    if t + 1 == x.job_deadline_step[b, j]:
        f.late_gpu_h[b, r] += left
    elif t >= x.job_deadline_step[b, j]:
        f.late_yuan[b, r] += left * p.step_h[b] * p.late_yuan_per_gpu_h_per_h[b]


@compiled
def _power(p: Params, s: State, x: Exogenous, f: Flows, b: int) -> None:
    """Power, supply and what they cost, green on site first; the links move what they can."""
    t, step_h = s.step[b], p.step_h[b]
    for r in range(p.fleet_gpus.shape[1]):
        more_kw = p.gpu_busy_kw[b, r] - p.gpu_idle_kw[b, r]
        at_work = f.interactive_gpus[b, r] + f.busy_gpus[b, r]
        f.it_kw[b, r] = p.gpu_idle_kw[b, r] * p.fleet_gpus[b, r] + more_kw * at_work
        f.cooling_kw[b, r] = f.it_kw[b, r] * (_pue(p, x, b, t, r) - 1.0)
        f.sun_kw[b, r] = x.sun_kw[b, t, r]
        f.wind_kw[b, r] = x.wind_kw[b, t, r]
        f.hydro_kw[b, r] = x.hydro_kw[b, t, r]
        green_kw = f.sun_kw[b, r] + f.wind_kw[b, r] + f.hydro_kw[b, r]
        load_kw = f.it_kw[b, r] + f.cooling_kw[b, r] + f.wan_kw[b, r]
        f.grid_kw[b, r] = max(0.0, load_kw - green_kw)
        f.curtailed_kw[b, r] = max(0.0, green_kw - load_kw)
        grid_kwh = f.grid_kw[b, r] * step_h
        f.energy_yuan[b, r] = grid_kwh * x.price_yuan_per_kwh[b, t, r]
        f.carbon_kg[b, r] = grid_kwh * x.carbon_kg_per_kwh[b, t, r]
        f.carbon_yuan[b, r] = f.carbon_kg[b, r] * p.carbon_yuan_per_kg[b]
        f.demand_yuan[b, r] = max(0.0, f.grid_kw[b, r] - s.peak_kw[b, r]) * p.demand_yuan_per_kw[b, r]
        s.peak_kw[b, r] = max(s.peak_kw[b, r], f.grid_kw[b, r])
        f.drop_yuan[b, r] = f.dropped_gpus[b, r] * step_h * p.drop_yuan_per_gpu_h[b]
        s.wan_out_gb[b, r] = max(0.0, s.wan_out_gb[b, r] - p.wan_gb_per_step[b, r])
        s.wan_in_gb[b, r] = max(0.0, s.wan_in_gb[b, r] - p.wan_gb_per_step[b, r])


@compiled
def _settle(p: Params, s: State, x: Exogenous, f: Flows, b: int) -> None:
    """Charges what is unfinished when the episode ends."""
    for k in range(s.n_active[b]):
        j = s.active[b, k]
        r, left = s.job_region[b, j], s.job_left_gpu_h[b, j]
        price = p.settlement_yuan_per_gpu_h[b, r]
        if x.job_deadline_step[b, j] <= p.n_steps[b]:
            price += p.late_yuan_per_gpu_h_per_h[b] * p.settlement_late_h[b]
        f.settlement_yuan[b, r] += left * price
