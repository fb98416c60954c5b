"""The hindsight bound: no policy's episode can cost less. A linear program; docs/bound.md argues why it is valid."""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd
from time import perf_counter
from typing import NamedTuple

import numpy as np

from wattward.baselines.bound_jobs import Groups, Jobs, group_jobs, may_restart, read_jobs
from wattward.baselines.bound_lp import Builder, Program, safe_value, solve
from wattward.envs.types import YUAN_TERMS, Exogenous, Floats, Ints, Params

BUCKETS = 3
"""Slack buckets of an origin: more are tighter and slower (docs/bound.md has the measurement)."""
BLOCK_H = 1.0
"""Jobs are tracked by blocks of steps of this length, power and fleets step by step; shorter is tighter and slower."""
SINGLE_UP_TO = 40
"""Up to this many jobs each is a group of its own, which is tightest."""


@dataclass(frozen=True, eq=False)
class Bound:
    """A lower bound on the cost of every policy in one episode, and the plan of the relaxed problem."""

    cost_yuan: float
    """Dual value: below the relaxation's optimum whatever the solver's tolerance."""
    yuan: dict[str, float]
    """The plan's terms, one each of YUAN_TERMS; they sum to the optimum within the solver's tolerance."""
    work_gpu_h: Floats
    """Deferrable work the plan does, shape (T, R) [GPU-h]."""
    grid_kw: Floats
    """Power the plan draws from the grid, shape (T, R) [kW]."""
    solve_s: float
    """Seconds spent building and solving."""
    status: str
    """What the solver said."""


class _Site(NamedTuple):
    """Regions over the steps of the episode."""

    cost_yuan_per_kwh: Floats  # (T, R) tariff and carbon
    interactive_gpus: Floats  # (T, R)
    green_kw: Floats  # (T, R)
    pue: Floats  # (T, R)
    idle_kw: Floats  # (T, R) facility power of the idle fleet
    kw_per_gpu: Floats  # (T, R) facility power that a busy GPU adds
    most_wan_kw: Floats  # (R,)


class _Plan(NamedTuple):
    """Numbers of the program's columns; M blocks of steps."""

    done: Ints  # (T, R)
    work: Ints  # (K, M, R)
    left: Ints  # (K, M) doable by the fastest run and not done when the block ends
    late: Ints  # (2, K, M) as Groups.due_gpu_h
    late_at_end: Ints  # (K,)
    moved: Ints  # (J,)
    grid: Ints  # (T, R)
    dropped: Ints  # (T, R)
    restarts: Ints  # (T, R)
    peak: Ints  # (R,)


def bound(
    params: Params,
    world: Exogenous,
    *,
    block_h: float = BLOCK_H,
    buckets: int = BUCKETS,
    single_up_to: int = SINGLE_UP_TO,
    method: str = "ipm",
) -> Bound:
    """The hindsight bound of the episode `world` (B = 1).

    Args:
        params: parameters with one environment.
        world: the episode; only its first `n_steps` steps count.
        block_h: length of the blocks of steps in which jobs are tracked [h], cut to a divisor of the episode.
        buckets: slack buckets of an origin; more are tighter and slower.
        single_up_to: up to this many jobs each is a group of its own.
        method: HiGHS solver, "ipm" or "simplex".

    Raises:
        ValueError: `params` or `world` hold other than one environment.
        SolverError: the solver gave up.
    """
    if params.n_steps.size != 1 or world.n_jobs.size != 1:
        sizes = f"{params.n_steps.size} in params, {world.n_jobs.size} in world"
        raise ValueError(f"bound takes one environment, got {sizes}")
    began = perf_counter()
    site, jobs = _read_site(params, world), read_jobs(params, world)
    groups = group_jobs(jobs, _block_ends(params, block_h), buckets, single_up_to)
    program, plan, constant = _program(params, site, jobs, groups)
    solution = solve(program, method)
    x = solution.primal
    return Bound(
        cost_yuan=safe_value(program, solution.row_dual) + constant,
        yuan=_terms(params, world, program, plan, x, constant),
        work_gpu_h=x[plan.done],
        grid_kw=x[plan.grid],
        solve_s=perf_counter() - began,
        status=solution.status,
    )


def _block_ends(p: Params, block_h: float) -> Ints:
    n_steps = int(p.n_steps[0])
    block = gcd(n_steps, max(1, round(block_h / p.step_h[0])))
    return np.arange(block - 1, n_steps, block, dtype=np.int64)


def _read_site(p: Params, x: Exogenous) -> _Site:
    t = slice(0, int(p.n_steps[0]))
    pue = p.pue_base[0] + p.pue_slope_per_c[0] * np.maximum(0.0, x.air_c[0, t] - p.pue_free_c[0])
    largest_gb = x.job_data_gb[0].max(initial=0.0)
    return _Site(
        cost_yuan_per_kwh=x.price_yuan_per_kwh[0, t] + p.carbon_yuan_per_kg[0] * x.carbon_kg_per_kwh[0, t],
        interactive_gpus=x.interactive_gpus[0, t],
        green_kw=x.sun_kw[0, t] + x.wind_kw[0, t] + x.hydro_kw[0, t],
        pue=pue,
        idle_kw=pue * p.gpu_idle_kw[0] * p.fleet_gpus[0],
        kw_per_gpu=pue * (p.gpu_busy_kw[0] - p.gpu_idle_kw[0]),
        most_wan_kw=(p.wan_gb_per_step[0] + largest_gb) * p.wan_kwh_per_gb[0] / p.step_h[0],
    )


def _program(p: Params, site: _Site, jobs: Jobs, groups: Groups) -> tuple[Program, _Plan, float]:
    """The program, its columns, and what is to be added to its value [yuan]."""
    build = Builder()
    plan = _add_columns(build, p, site, jobs, groups)
    _add_capacity(build, p, site, plan)
    _add_power(build, p, site, plan)
    _add_negative_prices(build, p, site, plan)
    _add_work(build, groups, plan)
    _add_deadlines(build, groups, plan)
    _add_moves(build, groups, plan)
    never_gpu_h = groups.work_gpu_h - groups.can_gpu_h[:, -1]
    return build.program(), plan, float(never_gpu_h.sum() * p.settlement_yuan_per_gpu_h[0].min())


def _add_columns(build: Builder, p: Params, site: _Site, jobs: Jobs, groups: Groups) -> _Plan:
    n_groups, n_blocks = groups.can_gpu_h.shape
    n_steps, n_regions = site.pue.shape
    block, step_h, fleet = n_steps // n_blocks, p.step_h[0], p.fleet_gpus[0]
    rt, km = (n_steps, n_regions), (n_groups, n_blocks)
    most_kw = np.maximum(0.0, site.idle_kw + site.kw_per_gpu * fleet + site.most_wan_kw - site.green_kw)
    late_rate = p.late_yuan_per_gpu_h_per_h[0]
    late_yuan_per_gpu_h = np.array([block - 1, 1])[:, None, None] * step_h * late_rate
    settled = np.zeros(n_blocks)
    settled[-1] = p.settlement_yuan_per_gpu_h[0].min()
    move_yuan_per_gpu_h = jobs.data_gb / jobs.work_gpu_h * p.wan_yuan_per_gb[0, jobs.origin]
    restarts = site.cost_yuan_per_kwh < 0 if may_restart(p).any() else np.zeros(rt, dtype=np.bool_)
    return _Plan(
        done=build.columns(rt, 0.0, 0.0, fleet * step_h),
        work=build.columns((*km, n_regions), 0.0, 0.0, groups.can_gpu_h[:, :, None]),
        left=build.columns(km, settled, 0.0, groups.can_gpu_h),
        late=build.columns((2, *km), late_yuan_per_gpu_h, 0.0, groups.due_gpu_h),
        late_at_end=build.columns((n_groups,), late_rate * p.settlement_late_h[0], 0.0, groups.due_at_end_gpu_h),
        moved=build.columns(jobs.work_gpu_h.shape, move_yuan_per_gpu_h, 0.0, jobs.work_gpu_h),
        grid=build.columns(rt, site.cost_yuan_per_kwh * step_h, 0.0, most_kw),
        dropped=build.columns(rt, p.drop_yuan_per_gpu_h[0] * step_h, 0.0, site.interactive_gpus),
        restarts=build.columns(rt, 0.0, 0.0, np.where(restarts, fleet * step_h, 0.0)),
        peak=build.columns((n_regions,), p.demand_yuan_per_kw[0], 0.0, most_kw.max(axis=0)),
    )


def _add_capacity(build: Builder, p: Params, site: _Site, plan: _Plan) -> None:
    """Deferrable work fits into what interactive load leaves of the fleet."""
    step_h = p.step_h[0]
    room_gpu_h = (p.fleet_gpus[0] - site.interactive_gpus) * step_h
    none = np.full(room_gpu_h.shape, -np.inf)
    build.rows(none, room_gpu_h, (1.0, plan.done), (1.0, plan.restarts), (-step_h, plan.dropped))


def _add_power(build: Builder, p: Params, site: _Site, plan: _Plan) -> None:
    """The grid gives at least what green power does not; the peak is at least what the grid gives."""
    kw_per_gpu_h = site.kw_per_gpu / p.step_h[0]
    base_kw = site.idle_kw + site.kw_per_gpu * site.interactive_gpus
    busy, dropped = (-kw_per_gpu_h, plan.done), (site.kw_per_gpu, plan.dropped)
    build.rows(base_kw - site.green_kw, np.inf, (1.0, plan.grid), busy, dropped)
    charged = np.flatnonzero(p.demand_yuan_per_kw[0] > 0)
    grid = plan.grid[:, charged]
    build.rows(np.zeros(grid.shape), np.inf, (1.0, np.broadcast_to(plan.peak[charged], grid.shape)), (-1.0, grid))


def _add_negative_prices(build: Builder, p: Params, site: _Site, plan: _Plan) -> None:
    """Where the grid pays its user: no more than the chord over max(0, load - green), with all the WAN can draw."""
    at = np.nonzero(site.cost_yuan_per_kwh < 0)
    if not at[0].size:
        return
    step_h, fleet = p.step_h[0], p.fleet_gpus[0][at[1]]
    kw_per_gpu, idle_kw = site.kw_per_gpu[at], site.idle_kw[at]
    least_kw = np.maximum(0.0, idle_kw + site.most_wan_kw[at[1]] - site.green_kw[at])
    most_kw = np.maximum(0.0, idle_kw + kw_per_gpu * fleet + site.most_wan_kw[at[1]] - site.green_kw[at])
    kw_a_gpu = (most_kw - least_kw) / fleet
    busy = (-kw_a_gpu / step_h, plan.done[at])
    restarts, dropped = (-kw_a_gpu / step_h, plan.restarts[at]), (kw_a_gpu, plan.dropped[at])
    upper_kw = least_kw + kw_a_gpu * site.interactive_gpus[at]
    build.rows(np.full(fleet.shape, -np.inf), upper_kw, (1.0, plan.grid[at]), busy, restarts, dropped)


def _add_work(build: Builder, groups: Groups, plan: _Plan) -> None:
    """What is done in a block's steps is the groups' work, which comes after it can be done."""
    (n_steps, n_regions), n_blocks = plan.done.shape, plan.left.shape[1]
    done = np.moveaxis(plan.done.reshape(n_blocks, n_steps // n_blocks, n_regions), 1, 2)
    none = np.zeros((n_blocks, n_regions))
    build.rows(none, none, (1.0, done), (-1.0, np.moveaxis(plan.work, 0, 2)))
    more, left, work = np.diff(groups.can_gpu_h, axis=1, prepend=0.0), plan.left, plan.work
    build.rows(more[:, 0], more[:, 0], (1.0, left[:, 0]), (1.0, work[:, 0]))
    build.rows(more[:, 1:], more[:, 1:], (1.0, left[:, 1:]), (-1.0, left[:, :-1]), (1.0, work[:, 1:]))


def _add_deadlines(build: Builder, groups: Groups, plan: _Plan) -> None:
    """What is due and not done is late; jobs in time run no faster than they can."""
    can, due, left = groups.can_gpu_h, groups.due_gpu_h, np.broadcast_to(plan.left, plan.late.shape)
    at = np.nonzero(due > 0)
    build.rows((due - can)[at], np.inf, (1.0, plan.late[at]), (-1.0, left[at]))
    build.rows(groups.due_at_end_gpu_h - can[:, -1], np.inf, (1.0, plan.late_at_end), (-1.0, plan.left[:, -1]))
    group, before = np.nonzero(groups.in_time_gpu_h[:, 1:] < can[:, 1:])
    in_time = groups.in_time_gpu_h[group, before + 1]
    none = np.full(in_time.shape, -np.inf)
    build.rows(none, in_time, (1.0, plan.work[group, before + 1]), (-1.0, plan.late[1, group, before]))


def _add_moves(build: Builder, groups: Groups, plan: _Plan) -> None:
    """Work done away from its origin was moved, the jobs with least data for their work first."""
    n_regions = plan.work.shape[2]
    for k, origin in enumerate(groups.origin if n_regions > 1 else ()):
        away = np.delete(plan.work[k], origin, axis=1).reshape(1, -1)
        moved = plan.moved[groups.group_of_job == k].reshape(1, -1)
        build.rows(np.zeros(1), np.inf, (1.0, moved), (-1.0, away))


def _terms(p: Params, world: Exogenous, program: Program, plan: _Plan, x: Floats, constant: float) -> dict[str, float]:
    def paid(columns: Ints) -> float:
        return float(program.cost[columns].ravel() @ x[columns].ravel())

    grid_kwh = x[plan.grid] * p.step_h[0]
    n_steps = grid_kwh.shape[0]
    yuan = {
        "energy_yuan": float((grid_kwh * world.price_yuan_per_kwh[0, :n_steps]).sum()),
        "demand_yuan": paid(plan.peak),
        "carbon_yuan": float((grid_kwh * world.carbon_kg_per_kwh[0, :n_steps]).sum() * p.carbon_yuan_per_kg[0]),
        "wan_yuan": paid(plan.moved),
        "drop_yuan": paid(plan.dropped),
        "late_yuan": paid(plan.late),
        "settlement_yuan": paid(plan.left) + paid(plan.late_at_end) + constant,
    }
    return {term: yuan.get(term, 0.0) for term in YUAN_TERMS}
