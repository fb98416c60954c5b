"""Model predictive control for each job: the duals of the hourly linear program are the prices that jobs decide by."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from wattward.baselines.optimisers.job_values import FRESH, GOING, PAUSED, Costs, Needs, Prices, job_costs
from wattward.baselines.optimisers.mpc import BLOCK_H, Planned, PlanTuning, make_plan, store_orders
from wattward.baselines.optimisers.mpc_program import Plan
from wattward.baselines.optimisers.mpc_sites import supply_now
from wattward.baselines.present_jobs import movable
from wattward.baselines.rules.packing import room_now
from wattward.baselines.rules.prices import move_cost, transit_steps
from wattward.baselines.rules.rule import JobRule
from wattward.envs.model.types import Floats, Ints
from wattward.envs.policy.orders import STAY, Orders
from wattward.envs.policy.outlook import Outlook
from wattward.envs.policy.protocol import Sight

Flags = NDArray[np.bool_]
HOURS = 48
"""How far `MPC-jobs` looks ahead. With 24 hours it hangs on the price of work that is left, and waits on full sites."""
EPS_GPUS = 1e-9
LEAST_STEPS = 1e-6
"""Fewest steps that a job is taken to run, so that costs per GPU-hour are finite."""


class JobTuning(NamedTuple):
    """Parameters of a plan and of the decisions of jobs, chosen on training episodes (docs/optimisers.md)."""

    plan: PlanTuning
    delay: float
    """Cost of delaying a GPU-hour by one hour, as a share of the mean cost of its power. It is more than in the plan,
    because fluid work fits everywhere and real jobs do not."""
    early_h: float
    """How long before its deadline a job should be done, beside one step."""
    early_sigma: float
    """How much earlier it should be done, in standard deviations of its estimate."""
    move_weight: float
    """Weight of the cost of a move. Above 1, jobs do not move for small savings, which forecasts may not bear out."""
    restart_weight: float
    """Weight of the cost of a restart."""
    peak_h: float
    """Hours of use that pay for a rise of the planned peak of grid power."""
    late_weight: float
    """Weight of the price of lateness."""


TUNING = JobTuning(
    PlanTuning(urgency=0.003, fill=0.95, left_quantile=0.35, trusted_h=24.0, arrivals_h=48.0),
    delay=0.01,
    early_h=0.25,
    early_sigma=1.0,
    move_weight=2.0,
    restart_weight=2.0,
    peak_h=72.0,
    late_weight=2.0,
)
"""The tuning of every look-ahead."""


class MpcJobs(JobRule):
    """Prices GPU-hours by the duals of MPC's linear program, and runs each job when and where that is cheapest for it.

    Every hour the linear program of `MPC-48` plans the present jobs and the expected arrivals as fluid work. Its duals
    say what one more GPU-hour costs in each region and hour: the marginal cost of its power, with the peak so far,
    green power, contracts and stores, and the value of the GPU, which other work could use. In every step, each job
    compares its cheapest schedule that runs now with its cheapest schedule that waits (see `job_costs`): with restarts,
    the cost and time of a move, its deadline, and what lateness costs. The difference is the job's bid for a GPU-hour
    now. The jobs that would lose most by waiting get GPUs first, as long as their bids pay for the power that is left
    (see `supply_now`). Jobs that are due get no other treatment.

    Source: prices from the dual of a linear program that leaves out that jobs are indivisible, as in Lagrangian
    decomposition of resource-constrained scheduling (Fisher, "The Lagrangian Relaxation Method for Solving Integer
    Programming Problems", Management Science 27, 1981) and in bid-price control (Talluri and van Ryzin, "An Analysis of
    Bid-Price Controls for Network Revenue Management", Management Science 44, 1998).
    """

    def __init__(self, hours: int = HOURS, *, perfect: bool = False, tuning: JobTuning = TUNING) -> None:
        """Makes the policy.

        Args:
            hours: how far it looks ahead.
            perfect: whether it sees the true world and the true future jobs. This is a diagnostic, not a method.
            tuning: parameters.
        """
        self.name = f"MPC-jobs{'' if hours == HOURS else f'-{hours}'}{'-perfect' if perfect else ''}"
        self.sees: Sight = "everything" if perfect else "what may be known"
        self.hours, self.tuning = hours, tuning

    def reset(self, outlook: Outlook, rng: np.random.Generator) -> None:  # noqa: ARG002 - nothing here is random
        """Forgets the last plan."""
        self._planned: Planned | None = None

    def act(self, outlook: Outlook) -> Orders:
        """Orders for the jobs, and for the stores if actions control them in the scenario."""
        block_steps = max(1, round(BLOCK_H / outlook.step_h))
        since = outlook.step % block_steps
        if self._planned is None or since == 0:
            self._planned = make_plan(outlook, self.hours, block_steps, self.tuning.plan)
        at = np.flatnonzero(movable(outlook))
        prices = _prices(outlook, self._planned, block_steps, since, self.tuning)
        needs = _needs(outlook, at, self.tuning)
        bids = _bids(needs, job_costs(prices, needs))
        return _packed(outlook, at, needs, bids, self._planned.plan, self.tuning.peak_h)


def _prices(outlook: Outlook, planned: Planned, block_steps: int, since: int, tuning: JobTuning) -> Prices:
    """Prices of the coming steps; the plan was made `since` steps ago."""
    plan, p = planned.plan, outlook.params
    steps_left = outlook.n_steps - outlook.step
    by_block = plan.power_cost_per_gpu_h + plan.room_cost_per_gpu_h
    per_gpu_h = np.repeat(by_block, block_steps, axis=0)[since:][:steps_left]
    late_per_h = float(p.late_cost_per_gpu_h_per_h[0])
    to_the_end = per_gpu_h.shape[0] == steps_left
    return Prices(
        per_gpu_h=np.ascontiguousarray(per_gpu_h),
        left_per_gpu_h=p.terminal_cost_per_gpu_h[0] if to_the_end else planned.start.left_cost_per_gpu_h,
        late_left_per_gpu_h=tuning.late_weight * late_per_h * float(p.terminal_late_h[0]),
        to_the_end=to_the_end,
        late_per_gpu_h_step=tuning.late_weight * late_per_h * outlook.step_h,
        delay_per_gpu_h_step=tuning.delay * float(plan.power_cost_per_gpu_h.mean()) * outlook.step_h,
    )


def _needs(outlook: Outlook, at: Ints, tuning: JobTuning) -> Needs:
    """What the jobs at the rows `at` (J,) of `outlook.jobs` need."""
    jobs, h = outlook.jobs, outlook.step_h
    rigid, step_gpu_h = ~jobs.malleable[at], jobs.gpus[at] * h
    state = np.where(jobs.paused[at], PAUSED, np.where(jobs.running[at] & rigid, GOING, FRESH))
    sigma = np.array([of.estimate_sigma for of in outlook.scenario.job_classes])[jobs.job_class[at]]
    run_h = jobs.expected_gpu_h[at] / jobs.gpus[at]
    early_h = h + tuning.early_h + tuning.early_sigma * sigma * run_h
    restart_h = outlook.params.class_restart_h[0][jobs.job_class[at]]
    return Needs(
        region=jobs.region[at].astype(np.int64),
        state=state.astype(np.int64),
        may_pause=~rigid | jobs.preemptible[at],
        steps=np.maximum(run_h / h, LEAST_STEPS),
        step_gpu_h=step_gpu_h,
        restart_gpu_h=tuning.restart_weight * restart_h * jobs.gpus[at],
        due_step=np.floor((jobs.hours_to_deadline[at] - early_h) / h + 1e-9).astype(np.int64),
        move_cost=tuning.move_weight * move_cost(outlook)[at],
        transit_steps=transit_steps(outlook)[at],
    )


class Bids(NamedTuple):
    """What J jobs would pay for going to each of R regions now instead of waiting, shape (J, R)."""

    per_gpu_h: Floats  # for each GPU-hour
    gpu_h: Floats  # GPU-hours of the step for each GPU-hour done: 1, or more if the job restarts


def _bids(needs: Needs, costs: Costs) -> Bids:
    elsewhere = needs.region[:, None] != np.arange(needs.move_cost.shape[1])
    restarts = (needs.state == PAUSED)[:, None] | (needs.state == GOING)[:, None] & elsewhere
    done = (np.minimum(needs.steps, 1.0) * needs.step_gpu_h)[:, None]
    used = 1.0 + restarts * needs.restart_gpu_h[:, None] / done
    return Bids((costs.waits[:, None] - costs.goes) / (done * used), used)


def _packed(outlook: Outlook, at: Ints, needs: Needs, bids: Bids, plan: Plan, peak_h: float) -> Orders:
    """Gives GPUs to the pairs of job and region that lose most by waiting first, if their bids pay for the power.

    Args:
        outlook: the present step.
        at: rows of the jobs in `outlook.jobs`, shape (J,).
        needs: what the jobs need.
        bids: what they would pay.
        plan: the plan whose prices say what they lose.
        peak_h: hours of use that pay for a rise of the peak.
    """
    jobs, p = outlook.jobs, outlook.params
    loss = (bids.per_gpu_h - plan.power_cost_per_gpu_h[0]) * bids.gpu_h
    dearest_first = np.argsort(-np.where(needs.transit_steps > 0, bids.per_gpu_h, loss), axis=None, kind="stable")
    store_kw = (plan.out_kw[0] / p.store_cop[0] - plan.into_kw[0] / p.store_charge_cop[0]).sum(axis=-1)
    peak_kw = np.maximum(plan.peak_kw, outlook.site_state["peak_kw"])
    supply = supply_now(outlook, store_kw, peak_kw, peak_h)
    run_in = np.full(jobs.number.size, STAY, np.int64)
    limit, rank = np.zeros(jobs.number.size), np.zeros(jobs.number.size)
    _pack(
        dearest_first,
        at,
        needs.transit_steps,
        bids.per_gpu_h,
        jobs.gpus,
        jobs.malleable,
        room_now(outlook),
        supply.gpus,
        supply.cost_per_gpu_h,
        run_in,
        limit,
        rank,
    )
    stores = store_orders(outlook, plan)
    return Orders(run_in, limit_gpus=limit, rank=rank, store_orders=stores if stores.size else None)


@njit(cache=True)
def _pack(
    order: Ints,
    at: Ints,
    transit: Ints,
    bids: Floats,
    gpus: Floats,
    malleable: Flags,
    room: Floats,
    supply_gpus: Floats,
    supply_cost: Floats,
    run_in: Ints,
    limit: Floats,
    rank: Floats,
) -> None:
    """Goes through pairs of job and region in order; writes `run_in`, `limit` and `rank`; uses up room and supply."""
    for place in range(order.size):
        j, region = divmod(order[place], transit.shape[1])
        job, bid = at[j], bids[j, region]
        if run_in[job] != STAY:
            continue
        if transit[j, region] == 0:
            most = min(gpus[job], room[region])
            given = _paid_gpus(most, malleable[job], bid, supply_gpus[:, region], supply_cost[:, region])
            if given + EPS_GPUS < (min(1.0, gpus[job]) if malleable[job] else gpus[job]):
                continue
            _use(given, supply_gpus[:, region])
            room[region] -= given
            limit[job] = given
        elif bid <= 0.0:
            continue
        run_in[job], rank[job] = region, place


@njit(cache=True)
def _paid_gpus(most: float, malleable: bool, bid: float, supply_gpus: Floats, supply_cost: Floats) -> float:
    """GPUs, up to `most`, whose power a bid pays for: all or none of a rigid job's, on average; else each by itself."""
    given, cost = 0.0, 0.0
    for s in range(supply_gpus.size):
        if malleable and supply_cost[s] >= bid:
            break
        more = min(supply_gpus[s], most - given)
        given += more
        cost += more * supply_cost[s]
    return given if cost < bid * given else 0.0


@njit(cache=True)
def _use(gpus: float, supply_gpus: Floats) -> None:
    """Takes GPUs from the first segments of a supply."""
    for s in range(supply_gpus.size):
        used = min(gpus, supply_gpus[s])
        supply_gpus[s] -= used
        gpus -= used
