"""The hindsight bound: a linear program whose value is at most the cost of any policy. docs/bound.md shows why."""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd
from time import perf_counter
from typing import NamedTuple

import numpy as np

from wattward.baselines.bound.equipment import (
    Equipment,
    Shared,
    add_equipment,
    add_links,
    add_plain_power,
    add_rules,
    constant_cost,
)
from wattward.baselines.bound.jobs import Groups, Jobs, group_jobs, may_restart, read_jobs
from wattward.baselines.bound.sites import Limits, Sites, limits_of, read_sites
from wattward.baselines.lp import Builder, Program, safe_value, solve, values_of
from wattward.configs.schema.suite import Precision
from wattward.envs.model.types import COST_TERMS, Exogenous, Floats, Ints, Params

BUCKETS: dict[Precision, int] = {"fast": 1, "tight": 6}
"""Number of slack buckets for each origin. More buckets are tighter and slower (docs/bound.md has the measurement)."""
BLOCK_H: dict[Precision, float] = {"fast": 1.0, "tight": 0.5}
"""Length of the blocks of steps in which jobs are tracked. Power and fleets are tracked step by step.

Shorter blocks are tighter and slower.
"""
SINGLE_UP_TO = 40
"""If an episode has at most this many jobs, each job is a group of its own, which is tightest."""


@dataclass(frozen=True, eq=False)
class Bound:
    """A lower bound on the cost of every policy in one episode, and the plan of the relaxed problem."""

    total_cost: float
    """Dual value. It is below the relaxation's optimum at any solver tolerance."""
    costs: dict[str, float]
    """The plan's cost for each of COST_TERMS. The sum is the optimum within the solver's tolerance."""
    work_gpu_h: Floats
    """Deferrable work that the plan does, shape (T, R) [GPU-h]."""
    grid_kw: Floats
    """Power that the plan draws from the grid, shape (T, R) [kW]."""
    solve_s: float
    """Time for building and solving the program [s]."""
    status: str
    """Status of the solver."""


class _Plan(NamedTuple):
    """Column numbers of the program, with M blocks of steps."""

    done: Ints  # (T, R)
    work: Ints  # (K, M, R)
    left: Ints  # (K, M) work that the fastest run could have done, but that is not done when the block ends
    late: Ints  # (2, K, M) in the order of Groups.due_gpu_h
    late_at_end: Ints  # (K,)
    moved: Ints  # (J,)
    grid: Ints  # (T, R)
    dropped: Ints  # (T, R)
    restarts: Ints  # (T, R)
    peak: Ints  # (R,)
    equipment: Equipment


def bound(
    params: Params,
    world: Exogenous,
    *,
    precision: Precision = "fast",
    block_h: float | None = None,
    buckets: int | None = None,
    single_up_to: int = SINGLE_UP_TO,
    method: str = "ipm",
) -> Bound:
    """The hindsight bound of the episode `world` (B = 1).

    Args:
        params: parameters with one environment.
        world: the episode; only its first `n_steps` steps are used.
        precision: "fast", or "tight", which takes about ten times as long.
        block_h: length of the blocks of steps in which jobs are tracked [h], reduced to a divisor of the episode. By
            default it follows from the precision.
        buckets: number of slack buckets for each origin. By default it follows from the precision.
        single_up_to: if there are at most this many jobs, each job is a group of its own.
        method: HiGHS solver, "ipm" or "simplex".

    Raises:
        ValueError: `params` or `world` do not hold exactly one environment.
        SolverError: the solver gave up.
    """
    if params.n_steps.size != 1 or world.n_jobs.size != 1:
        sizes = f"{params.n_steps.size} in params, {world.n_jobs.size} in world"
        raise ValueError(f"bound takes one environment, got {sizes}")
    began = perf_counter()
    sites, jobs = read_sites(params, world), read_jobs(params, world)
    ends = _block_ends(params, block_h or BLOCK_H[precision])
    groups = group_jobs(jobs, ends, buckets or BUCKETS[precision], single_up_to)
    program, plan = _program(params, sites, jobs, groups)
    constant = constant_cost(params, sites) | {"terminal_cost": _never_done_cost(params, groups)}
    solution = solve(program, method)
    x = solution.primal
    return Bound(
        total_cost=safe_value(program, solution.row_dual) + sum(constant.values()),
        costs=_terms(params, world, program, plan, x, constant),
        work_gpu_h=x[plan.done],
        grid_kw=x[plan.grid],
        solve_s=perf_counter() - began,
        status=solution.status,
    )


def _block_ends(p: Params, block_h: float) -> Ints:
    n_steps = int(p.n_steps[0])
    block = gcd(n_steps, max(1, round(block_h / p.step_h[0])))
    return np.arange(block - 1, n_steps, block, dtype=np.int64)


def _never_done_cost(p: Params, groups: Groups) -> float:
    """Terminal cost of the work that no policy can finish before the episode ends."""
    never_gpu_h = groups.work_gpu_h - groups.can_gpu_h[:, -1]
    return float(never_gpu_h.sum() * p.terminal_cost_per_gpu_h[0].min())


def _program(p: Params, sites: Sites, jobs: Jobs, groups: Groups) -> tuple[Program, _Plan]:
    """The program and its columns."""
    build, limits = Builder(), limits_of(p, sites)
    plan = _add_columns(build, p, sites, limits, jobs, groups)
    shared = Shared(plan.done, plan.restarts, plan.dropped, plan.grid)
    _add_capacity(build, p, sites, plan)
    _add_peak(build, p, plan)
    add_plain_power(build, p, sites, shared)
    add_rules(build, p, sites, limits, shared, plan.equipment)
    _add_work(build, groups, plan)
    _add_deadlines(build, groups, plan)
    _add_moves(build, groups, plan)
    add_links(build, p, plan.equipment, plan.moved, jobs.data_gb / jobs.work_gpu_h, jobs.origin)
    return build.program(), plan


def _add_columns(build: Builder, p: Params, sites: Sites, limits: Limits, jobs: Jobs, groups: Groups) -> _Plan:
    n_groups, n_blocks = groups.can_gpu_h.shape
    n_steps, n_regions = rt = sites.slope.shape
    block, step_h, fleet, km = n_steps // n_blocks, p.step_h[0], sites.fleet_gpus, (n_groups, n_blocks)
    late_rate = p.late_cost_per_gpu_h_per_h[0]
    lateness_cost_per_gpu_h = np.array([block - 1, 1])[:, None, None] * step_h * late_rate
    settled = np.zeros(n_blocks)
    settled[-1] = p.terminal_cost_per_gpu_h[0].min()
    move_cost_per_gpu_h = jobs.data_gb / jobs.work_gpu_h * p.wan_cost_per_gb[0, jobs.origin]
    paid = np.where(sites.equipped, sites.pays, sites.cost_per_kwh < 0)
    restarts = paid & may_restart(p).any()
    return _Plan(
        done=build.columns(rt, 0.0, 0.0, fleet * step_h),
        work=build.columns((*km, n_regions), 0.0, 0.0, groups.can_gpu_h[:, :, None]),
        left=build.columns(km, settled, 0.0, groups.can_gpu_h),
        late=build.columns((2, *km), lateness_cost_per_gpu_h, 0.0, groups.due_gpu_h),
        late_at_end=build.columns((n_groups,), late_rate * p.terminal_late_h[0], 0.0, groups.due_at_end_gpu_h),
        moved=build.columns(jobs.work_gpu_h.shape, move_cost_per_gpu_h, 0.0, jobs.work_gpu_h),
        grid=build.columns(rt, sites.cost_per_kwh * step_h, 0.0, limits.grid_high),
        dropped=build.columns(rt, p.drop_cost_per_gpu_h[0] * step_h, 0.0, sites.interactive_gpus),
        restarts=build.columns(rt, 0.0, 0.0, np.where(restarts, fleet * step_h, 0.0)),
        peak=build.columns((n_regions,), p.demand_charge_per_kw[0], 0.0, limits.grid_high.max(axis=0)),
        equipment=add_equipment(build, p, sites, limits, n_blocks),
    )


def _add_capacity(build: Builder, p: Params, sites: Sites, plan: _Plan) -> None:
    """Limits deferrable work to the GPUs that interactive load leaves free."""
    step_h = p.step_h[0]
    room_gpu_h = (sites.fleet_gpus - sites.interactive_gpus) * step_h
    none = np.full(room_gpu_h.shape, -np.inf)
    build.rows(none, room_gpu_h, (1.0, plan.done), (1.0, plan.restarts), (-step_h, plan.dropped))


def _add_peak(build: Builder, p: Params, plan: _Plan) -> None:
    """Makes the peak at least the grid power of every step."""
    charged = np.flatnonzero(p.demand_charge_per_kw[0] > 0)
    grid = plan.grid[:, charged]
    build.rows(np.zeros(grid.shape), np.inf, (1.0, np.broadcast_to(plan.peak[charged], grid.shape)), (-1.0, grid))


def _add_work(build: Builder, groups: Groups, plan: _Plan) -> None:
    """Adds the rows of work. Work done in a block's steps is work of the groups, done no earlier than possible."""
    (n_steps, n_regions), n_blocks = plan.done.shape, plan.left.shape[1]
    done = np.moveaxis(plan.done.reshape(n_blocks, n_steps // n_blocks, n_regions), 1, 2)
    none = np.zeros((n_blocks, n_regions))
    build.rows(none, none, (1.0, done), (-1.0, np.moveaxis(plan.work, 0, 2)))
    more, left, work = np.diff(groups.can_gpu_h, axis=1, prepend=0.0), plan.left, plan.work
    build.rows(more[:, 0], more[:, 0], (1.0, left[:, 0]), (1.0, work[:, 0]))
    build.rows(more[:, 1:], more[:, 1:], (1.0, left[:, 1:]), (-1.0, left[:, :-1]), (1.0, work[:, 1:]))


def _add_deadlines(build: Builder, groups: Groups, plan: _Plan) -> None:
    """Adds the rows of deadlines. Work that is due and not done is late; jobs in time do not exceed their top speed."""
    can, due, left = groups.can_gpu_h, groups.due_gpu_h, np.broadcast_to(plan.left, plan.late.shape)
    at = np.nonzero(due > 0)
    build.rows((due - can)[at], np.inf, (1.0, plan.late[at]), (-1.0, left[at]))
    build.rows(groups.due_at_end_gpu_h - can[:, -1], np.inf, (1.0, plan.late_at_end), (-1.0, plan.left[:, -1]))
    group, before = np.nonzero(groups.in_time_gpu_h[:, 1:] < can[:, 1:])
    in_time = groups.in_time_gpu_h[group, before + 1]
    none = np.full(in_time.shape, -np.inf)
    build.rows(none, in_time, (1.0, plan.work[group, before + 1]), (-1.0, plan.late[1, group, before]))


def _add_moves(build: Builder, groups: Groups, plan: _Plan) -> None:
    """Adds the rows of moves. Work done outside its origin was moved; moving jobs with little data is cheapest."""
    n_regions = plan.work.shape[2]
    for k, origin in enumerate(groups.origin if n_regions > 1 else ()):
        away = np.delete(plan.work[k], origin, axis=1).reshape(1, -1)
        moved = plan.moved[groups.group_of_job == k].reshape(1, -1)
        build.rows(np.zeros(1), np.inf, (1.0, moved), (-1.0, away))


def _terms(
    p: Params, world: Exogenous, program: Program, plan: _Plan, x: Floats, constant: dict[str, float]
) -> dict[str, float]:
    def paid(*blocks: Ints) -> float:
        return sum(float((values_of(columns, program.cost) * values_of(columns, x)).sum()) for columns in blocks)

    grid_kwh, own = x[plan.grid] * p.step_h[0], plan.equipment
    n_steps = grid_kwh.shape[0]
    costs = {
        "energy_cost": float((grid_kwh * world.price_per_kwh[0, :n_steps]).sum()),
        "demand_cost": paid(plan.peak),
        "carbon_cost": float((grid_kwh * world.carbon_kg_per_kwh[0, :n_steps]).sum() * p.carbon_price_per_kg[0]),
        "wan_cost": paid(plan.moved, own.wan_extra),
        "drop_cost": paid(plan.dropped),
        "late_cost": paid(plan.late),
        "terminal_cost": paid(plan.left, plan.late_at_end),
        "supply_cost": paid(own.direct, own.contract),
        "sales_cost": paid(own.sold),
        "wear_cost": paid(own.out),
        "event_cost": paid(own.met),
        "shortfall_cost": paid(own.short),
    }
    return {term: costs[term] + constant.get(term, 0.0) for term in COST_TERMS}
