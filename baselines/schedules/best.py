"""The best known schedule of an episode: a search with everything known, whose schedules the simulator prices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from wattward.baselines.bound.bound import bound
from wattward.baselines.rules.run_on_arrival import RunOnArrival
from wattward.baselines.schedules.board import FRESH, Board, Terms, Work, empty_board, reprice, total_cost
from wattward.baselines.schedules.cells import Cells, make_cells, series_of
from wattward.baselines.schedules.placement import scratch_for
from wattward.baselines.schedules.replay import Schedule, ScheduleReplay, schedule_of
from wattward.baselines.schedules.search import improve, room_to_keep, set_caps, sweep
from wattward.envs.model import site_model
from wattward.envs.policy.episode import Trajectory, play_episode

if TYPE_CHECKING:
    from wattward.envs.interfaces.cluster_env import ClusterEnv
    from wattward.envs.model.types import Exogenous, Params


HURRY = 1.0
"""Cost of waiting, per GPU-h and hour, with which the first schedule is made [currency]. Cheap placements from the
start would leave holes that later jobs cannot use."""


class Effort(NamedTuple):
    """How long the search for the best known schedule goes on, and how; chosen on training episodes."""

    sweeps: int = 4
    """Sweeps over all jobs, each of which places every job anew."""
    rounds_per_job: int = 12
    """Groups of jobs that are taken off and placed again, for each job of the episode."""
    passes: int = 3
    """Equal parts of the rounds. After each part, the schedule is played, and what stores did is taken into account."""
    threshold: float = 0.03
    """By how much a group may raise the cost at first, in mean costs of a job."""
    noise: float = 0.2
    """Spread of factors on the cost of steps in half of the groups."""


@dataclass(frozen=True, eq=False)
class Best:
    """The cheapest schedule that was found for an episode.

    Attributes:
        total_cost: Its cost in the simulator [currency].
        searched_cost: What the search took it to cost, without what no schedule changes; nan for RunOnArrival.
        schedule: The schedule; None if running all work on arrival was cheapest.
    """

    total_cost: float
    searched_cost: float
    schedule: Schedule | None


def best_schedule(env: ClusterEnv, split: str, episode: int, effort: Effort | None = None) -> Best:
    """Searches for a cheap schedule of an episode. The result depends on nothing but the episode and the effort.

    Args:
        env: An environment of the scenario; the episode is played in it several times.
        split: "train", "validation" or "test".
        episode: Index in the split.
        effort: How long to search.
    """
    effort = effort or Effort()
    best = Best(_played(env, RunOnArrival(), split, episode).total_cost, float("nan"), None)
    search = _Search(env.params, env.world, effort)
    for _ in range(effort.passes):
        search.go_on()
        schedule = search.schedule()
        played = _played(env, ScheduleReplay(schedule), split, episode)
        if played.total_cost < best.total_cost:
            best = Best(played.total_cost, search.cost(), schedule)
        search.learn_from(played)
    return best


def _played(env: ClusterEnv, policy: RunOnArrival | ScheduleReplay, split: str, episode: int) -> Trajectory:
    rng = np.random.default_rng(0)
    return play_episode(policy, env, split=split, episode=episode, rng=rng, keep=("flows",))


def work_of_world(params: Params, world: Exogenous) -> Work:
    """All jobs of an episode, with their true work."""
    n = int(world.n_jobs[0])
    job_class, gpus = world.job_class[0, :n], world.job_gpus[0, :n].astype(np.float64)
    return Work(
        malleable=params.class_malleable[0, job_class],
        preemptible=params.class_preemptible[0, job_class],
        gpus=gpus,
        work_gpu_h=world.job_work_gpu_h[0, :n].astype(np.float64),
        restart_gpu_h=params.class_restart_h[0, job_class] * gpus,
        data_gb=world.job_data_gb[0, :n].astype(np.float64),
        origin=world.job_origin[0, :n].astype(np.int64),
        earliest=world.job_arrival_step[0, :n].astype(np.int64),
        deadline=world.job_deadline_step[0, :n].astype(np.int64),
        before=np.full(n, FRESH, np.int64),
    )


def terms_of(params: Params) -> Terms:
    """The charges of a whole episode."""
    return Terms(
        late_cost_per_gpu_h_per_h=float(params.late_cost_per_gpu_h_per_h[0]),
        left_cost_per_gpu_h=params.terminal_cost_per_gpu_h[0].copy(),
        left_late_h=float(params.terminal_late_h[0]),
        demand_charge_per_kw=params.demand_charge_per_kw[0].copy(),
        peak_kw=np.zeros_like(params.demand_charge_per_kw[0]),
        wan_cost_per_gb=params.wan_cost_per_gb[0].copy(),
        wan_kwh_per_gb=params.wan_kwh_per_gb[0].copy(),
        urgency_cost_per_gpu_h_per_h=0.0,
        step_h=float(params.step_h[0]),
    )


class _Search:
    """A search that goes on from pass to pass."""

    def __init__(self, params: Params, world: Exogenous, effort: Effort) -> None:
        self._params, self._world, self._effort = params, world, effort
        self._work, self._terms = work_of_world(params, world), terms_of(params)
        self._n_steps, self._n_jobs = int(params.n_steps[0]), int(world.n_jobs[0])
        self._series = series_of(world, self._n_steps)
        self._store_kw = np.zeros(self._series.green_kw.shape)
        self._falls_short = params.shortfall_price_per_kwh[0] > 0.0
        self._cells = self._new_cells()
        self._scratch = scratch_for(self._work, self._n_steps, self._terms.step_h)
        self._kept = room_to_keep(self._n_steps)
        self._rng, self._passes = np.random.default_rng(0), 0
        self._board = self._first_board()

    def go_on(self) -> None:
        """Searches one pass long."""
        effort, done = self._effort, self._passes / self._effort.passes
        if self._n_jobs:
            rounds = effort.rounds_per_job * self._n_jobs // effort.passes
            threshold = effort.threshold * abs(self.cost()) / self._n_jobs
            parts = (self._work, self._terms, self._cells, self._board, self._scratch)
            left = threshold * (1.0 - done), threshold * (1.0 - done - 1.0 / effort.passes)
            improve(*parts, self._kept, np.arange(self._n_jobs), self._rng, rounds, *left, effort.noise)
        self._passes += 1

    def schedule(self) -> Schedule:
        """The schedule as it is now."""
        return schedule_of(self._work, self._board, self._terms.step_h)

    def cost(self) -> float:
        """What the schedule costs by the search's own tables [currency]."""
        return float(total_cost(self._terms, self._board))

    def learn_from(self, played: Trajectory) -> None:
        """Takes the power of stores and the green shares of an episode that was played, and prices the sites anew."""
        params, flows, step_h = self._params, played.flows, self._terms.step_h
        slope, fixed_kw = site_model.cooling_line(site_model.power_of(params, 0), self._series.air_c)
        stored = flows.cooling_kw - site_model.cooling_kw(flows.it_kw, slope, fixed_kw)
        self._store_kw = stored + flows.charge_kw - flows.discharge_kw
        load_kw = flows.it_kw + flows.cooling_kw + flows.wan_kw + flows.charge_kw
        green_kwh = (load_kw - flows.grid_kw - flows.discharge_kw).sum(axis=0) * step_h
        missing = params.green_share_min[0] * load_kw.sum(axis=0) * step_h - green_kwh
        self._falls_short = (params.shortfall_price_per_kwh[0] > 0.0) & (missing > 0.0)
        self._cells = self._new_cells()
        reprice(self._cells, self._board)

    def _new_cells(self) -> Cells:
        return make_cells(self._params, self._series, self._store_kw, self._falls_short)

    def _first_board(self) -> Board:
        """All jobs, placed as early as they can in the order of their arrival, then anew in sweeps."""
        board = empty_board(self._n_jobs, self._cells)
        parts = (self._cells, board, self._scratch)
        rng, hurried = self._rng, self._terms._replace(urgency_cost_per_gpu_h_per_h=HURRY)
        board.cap_kw[:] = bound(self._params, self._world).grid_kw.max(axis=0, initial=0.0)
        sweep(self._work, hurried, *parts, np.argsort(self._work.earliest, kind="stable"), rng, 0.0)
        for _ in range(self._effort.sweeps):
            set_caps(self._terms, board, 1.0)
            sweep(self._work, self._terms, *parts, rng.permutation(self._n_jobs), rng, 0.0)
        return board
