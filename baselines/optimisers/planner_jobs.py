"""A planner that searches over schedules of the jobs present; the jobs to come are in the prices of GPUs."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from wattward.baselines.optimisers.mpc import BLOCK_H, Planned, PlanTuning, make_plan, store_orders
from wattward.baselines.rules.rule import JobRule
from wattward.baselines.schedules.board import FRESH, GOES_ON, PAUSED, Board, Terms, Work, empty_board, take_off
from wattward.baselines.schedules.cells import CELL, Cells
from wattward.baselines.schedules.placement import Scratch, place, scratch_for
from wattward.baselines.schedules.replay import gpus_to_wake
from wattward.baselines.schedules.search import improve, room_to_keep, sweep
from wattward.envs.model.types import Floats, Ints
from wattward.envs.policy.orders import STAY, Orders
from wattward.envs.policy.outlook import Outlook


class Tuning(NamedTuple):
    """Parameters of the prices and of the search, chosen on training episodes (docs/optimisers.md)."""

    plan: PlanTuning = PlanTuning(urgency=0.003, fill=0.95, left_quantile=0.35, trusted_h=24.0, arrivals_h=48.0)
    """Parameters of the linear program whose duals are the prices."""
    hours: int = 24
    """How far the prices and the schedule reach."""
    rounds: int = 30
    """Groups of jobs that are taken off and placed again in a search."""
    delay: float = 0.01
    """Cost of delaying a GPU-hour by one hour, as a share of the mean cost of its power."""
    early_h: float = 0.25
    """How long before its deadline a job should be done."""
    early_sigma: float = 1.5
    """How much earlier it should be done, in standard deviations of its estimate."""
    move_weight: float = 2.0
    """Weight of the cost of a move."""
    restart_weight: float = 2.0
    """Weight of the work that a restart adds."""
    late_weight: float = 3.0
    """Weight of the price of lateness."""
    overbooking: float = 10.0
    """GPUs that may be promised in later steps, as a multiple of those that there will be. Few promises are kept, and
    prices stand for the limit: with 1, jobs that are to run later would keep jobs from running now."""


class PlannerJobs(JobRule):
    """Searches in every step for the cheapest schedule of the jobs present, and carries out its first step.

    The schedule says for each job in which of the coming steps and where it runs, with whole gangs, restarts, moves,
    links and deadlines. It is found as `wattward.baselines.schedules` finds that of a whole episode: each job is placed
    where it costs least given where all others run, in sweeps and then in groups. GPU-hours have the prices that the
    duals of MPC's linear program give them, every hour. The program knows the expected arrivals, so that a GPU-hour
    costs what it would be worth to jobs to come, beside its power.
    """

    name = "Planner-jobs"

    def __init__(self, tuning: Tuning | None = None) -> None:
        """Makes the policy, with parameters other than the shipped ones if `tuning` is given."""
        self.tuning = tuning or Tuning()

    def reset(self, outlook: Outlook, rng: np.random.Generator) -> None:  # noqa: ARG002
        """Forgets the last prices."""
        self._planned: Planned | None = None
        self._rng = np.random.default_rng(rng.integers(2**63))

    def act(self, outlook: Outlook) -> Orders:
        """Orders for the jobs present, by the schedule's first step, and for the stores by the linear program."""
        block_steps = max(1, round(BLOCK_H / outlook.step_h))
        since = outlook.step % block_steps
        if self._planned is None or since == 0:
            self._planned = make_plan(outlook, self.tuning.hours, block_steps, self.tuning.plan)
        cells = _cells(outlook, self._planned, block_steps, since, self.tuning.overbooking)
        terms = _terms(outlook, self._planned, len(cells), self.tuning)
        at = np.flatnonzero(~outlook.jobs.locked)
        board = self._searched(_work(outlook, at, self.tuning), terms, cells)
        stores = store_orders(outlook, self._planned.plan)
        return _orders(outlook, at, board, stores if stores.size else None)

    def _searched(self, work: Work, terms: Terms, cells: Cells) -> Board:
        """The cheapest schedule that was found; jobs that would lose most by waiting are placed first."""
        n_jobs = work.gpus.size
        board, scratch = empty_board(n_jobs, cells), scratch_for(work, len(cells), terms.step_h)
        board.cap_kw[:] = np.inf
        parts = (work, terms, cells, board, scratch)
        loss = _losses_by_waiting(*parts, self._rng)
        sweep(*parts, np.argsort(-loss, kind="stable"), self._rng, 0.0)
        if n_jobs and self.tuning.rounds:
            kept = room_to_keep(len(cells))
            improve(*parts, kept, np.arange(n_jobs), self._rng, self.tuning.rounds, 0.0, 0.0, 0.0)
        return board


@njit(error_model="numpy", cache=True)
def _losses_by_waiting(
    work: Work, terms: Terms, cells: Cells, board: Board, s: Scratch, rng: np.random.Generator
) -> Floats:
    """What each job loses per GPU-h by waiting for a step, if it were alone, shape (J,); the board is left empty."""
    loss = np.zeros(work.gpus.size)
    for j in range(work.gpus.size):
        earliest, before = work.earliest[j], work.before[j]
        now = _cost_alone(work, terms, cells, board, s, j, rng)
        if board.first[j] == 0 and board.last[j] > 0:
            take_off(work, terms, cells, board, j)
            work.earliest[j] = earliest + 1
            work.before[j] = PAUSED if before == GOES_ON else before
            waits = work.work_gpu_h[j] * terms.urgency_cost_per_gpu_h_per_h * terms.step_h
            later = _cost_alone(work, terms, cells, board, s, j, rng) + waits
            loss[j] = (later - now) / (work.gpus[j] * terms.step_h)
        take_off(work, terms, cells, board, j)
        work.earliest[j], work.before[j] = earliest, before
    return loss


@njit(error_model="numpy", cache=True)
def _cost_alone(
    work: Work, terms: Terms, cells: Cells, board: Board, s: Scratch, j: int, rng: np.random.Generator
) -> float:
    """Places a job on an empty board; returns what it costs there."""
    place(work, terms, cells, board, s, j, rng, 0.0)
    cost = board.job_cost[j]
    for t in range(board.first[j], board.last[j]):
        cost += board.cost[t, board.region[j]]
    return cost


def _cells(outlook: Outlook, planned: Planned, block_steps: int, since: int, overbooking: float) -> Cells:
    """GPU-hours at the prices of a plan that was made `since` steps ago, on GPUs that requests and locked jobs leave.

    In these tables a busy GPU draws 1 kW, so that prices of GPU-hours take the place of those of power. In the present
    step, GPUs have no price beside that of power, because jobs to come cannot use them.
    """
    plan, rows = planned.plan, slice(since, since + outlook.n_steps - outlook.step)
    price = np.repeat(plan.power_cost_per_gpu_h + plan.room_cost_per_gpu_h, block_steps, axis=0)[rows]
    price[0] = plan.power_cost_per_gpu_h[0]
    cells, p = np.zeros(price.shape, CELL), outlook.params
    cells["kw_per_rested_gpu"] = cells["kw_per_awake_gpu"] = 1.0
    cells["price_per_kwh"], cells["step_h"] = price, outlook.step_h
    leads = np.arange(len(price))
    day = round(24.0 / outlook.step_h)
    at = np.where(leads < outlook.n_leads, leads, outlook.n_leads - day + (leads - outlook.n_leads) % day)
    locked = _locked_gpus(outlook, len(price))
    room = outlook.gpus_in_order - outlook.interactive_forecast_gpus[np.clip(at, 0, outlook.n_leads - 1)] - locked
    cells["room_gpus"] = np.maximum(0.0, room)
    cells["rigid_room_gpus"] = np.maximum(0.0, np.minimum(room, p.rigid_limit_gpus[0] - locked))
    for name in ("room_gpus", "rigid_room_gpus"):
        cells[name][1:] *= overbooking
    cells["link_gb"] = np.maximum(0.0, p.wan_gb_per_step[0] * outlook.wan_share)
    return cells


def _locked_gpus(outlook: Outlook, n_steps: int) -> Floats:
    """GPUs that locked jobs hold until their work is done by the estimate, shape (T, R)."""
    jobs, gpus = outlook.jobs, np.zeros((n_steps, outlook.n_regions))
    for j in np.flatnonzero(jobs.locked):
        steps = max(1, int(np.ceil(jobs.expected_gpu_h[j] / (jobs.gpus[j] * outlook.step_h) - 1e-9)))
        gpus[:steps, jobs.region[j]] += jobs.gpus[j]
    return gpus


def _terms(outlook: Outlook, planned: Planned, n_steps: int, tuning: Tuning) -> Terms:
    p, none = outlook.params, np.zeros(outlook.n_regions)
    to_the_end = n_steps == outlook.n_steps - outlook.step
    mean_cost = float(planned.plan.power_cost_per_gpu_h.mean())
    energy = p.wan_kwh_per_gb[0] * outlook.price_per_kwh
    return Terms(
        late_cost_per_gpu_h_per_h=tuning.late_weight * float(p.late_cost_per_gpu_h_per_h[0]),
        left_cost_per_gpu_h=p.terminal_cost_per_gpu_h[0] if to_the_end else planned.start.left_cost_per_gpu_h,
        left_late_h=float(p.terminal_late_h[0]),
        demand_charge_per_kw=none,
        peak_kw=none.copy(),
        wan_cost_per_gb=tuning.move_weight * (p.wan_cost_per_gb[0] + energy),
        wan_kwh_per_gb=none.copy(),
        urgency_cost_per_gpu_h_per_h=tuning.delay * mean_cost,
        step_h=outlook.step_h,
    )


def _work(outlook: Outlook, at: Ints, tuning: Tuning) -> Work:
    """The jobs at the rows `at` of `outlook.jobs`, by their owners' estimates; step 0 is now."""
    jobs, h = outlook.jobs, outlook.step_h
    job_class, gpus, expected_gpu_h = jobs.job_class[at], jobs.gpus[at], jobs.expected_gpu_h[at]
    sigma = np.array([of.estimate_sigma for of in outlook.scenario.job_classes])[job_class]
    early_h = tuning.early_h + tuning.early_sigma * sigma * expected_gpu_h / gpus
    goes_on = jobs.running[at] & ~jobs.malleable[at]
    return Work(
        malleable=jobs.malleable[at],
        preemptible=jobs.preemptible[at],
        gpus=gpus.copy(),
        work_gpu_h=np.maximum(expected_gpu_h, 1e-3),
        restart_gpu_h=tuning.restart_weight * outlook.params.class_restart_h[0, job_class] * gpus,
        data_gb=jobs.data_gb[at],
        origin=jobs.region[at].astype(np.int64),
        earliest=jobs.arrives_in_steps[at].astype(np.int64),
        deadline=np.floor((jobs.hours_to_deadline[at] - early_h) / h + 1e-9).astype(np.int64),
        before=np.where(jobs.paused[at], PAUSED, np.where(goes_on, GOES_ON, FRESH)),
    )


def _orders(outlook: Outlook, at: Ints, board: Board, stores: Ints | None) -> Orders:
    """The first step of the schedule: who runs, and who sets off for another region."""
    n, jobs = outlook.jobs.number.size, outlook.jobs
    region, gpus, then = jobs.region.astype(np.int64), np.zeros(n), np.zeros(n)
    region[at], gpus[at] = board.region, board.held[:, 0]
    then[at] = board.held[:, min(1, board.held.shape[1] - 1)]
    sets_off = np.zeros(n, np.bool_)
    sets_off[at] = (board.move == 0) & (board.held[:, 0] <= 0.0)
    wakes = gpus_to_wake(outlook, region, gpus, np.where(jobs.region == region, then, 0.0))
    run_in = np.where((gpus > 0.0) | (wakes > 0.0) | sets_off, region, STAY)
    limit = np.where(wakes > 0.0, wakes, np.where(gpus > 0.0, gpus, jobs.gpus))
    return Orders(run_in, limit_gpus=limit, rank=np.where(gpus > 0.0, 0.0, 1.0), store_orders=stores)
