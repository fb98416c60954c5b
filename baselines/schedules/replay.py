"""Plays a schedule in the simulator."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wattward.baselines.schedules.board import Board, Work
from wattward.envs.model import site_model
from wattward.envs.model.types import Floats, Ints
from wattward.envs.policy.orders import STAY, Orders
from wattward.envs.policy.outlook import Outlook
from wattward.envs.policy.protocol import Sight


@dataclass(frozen=True, eq=False)
class Schedule:
    """Where and when the J jobs of an episode run; jobs are rows of the episode's table.

    Attributes:
        region: Region of each job, shape (J,).
        move: Step in which it sets off for another region, -1 if it stays, shape (J,).
        held_gpus: GPUs of each job in each step, shape (J, T).
        is_left: Whether work of the job is left at the end by plan, shape (J,).
    """

    region: Ints
    move: Ints
    held_gpus: Floats
    is_left: NDArray[np.bool_]


def schedule_of(work: Work, board: Board, step_h: float) -> Schedule:
    """The schedule on a board whose jobs are the rows of an episode's table."""
    done_gpu_h = board.busy.sum(axis=1) * step_h
    held = board.held > 0.0
    starts = held[:, 0].astype(np.int64) + (held[:, 1:] & ~held[:, :-1]).sum(axis=1)
    wanted_gpu_h = work.work_gpu_h + np.maximum(0, starts - 1) * work.restart_gpu_h
    return Schedule(board.region.copy(), board.move.copy(), board.held.copy(), done_gpu_h < wanted_gpu_h - 1e-6)


class ScheduleReplay:
    """Follows a schedule of the whole episode. A job that falls behind its schedule runs after its last step."""

    name = "ScheduleReplay"
    sees: Sight = "everything"

    def __init__(self, schedule: Schedule) -> None:
        """Follows `schedule` in the episode that it was made for."""
        self._plan = schedule
        held = schedule.held_gpus > 0.0
        self._last = np.where(held.any(axis=1), held.shape[1] - held[:, ::-1].argmax(axis=1), 0)

    def reset(self, outlook: Outlook, rng: np.random.Generator) -> None:
        """Does nothing, because the schedule is fixed."""

    def act(self, outlook: Outlook) -> Orders:
        """The orders of a step."""
        jobs, plan, t = outlook.jobs, self._plan, outlook.step
        number, region = jobs.number, plan.region[jobs.number]
        gpus = plan.held_gpus[number, t]
        behind = (t >= self._last[number]) & ~plan.is_left[number]
        leaves = (plan.move[number] >= 0) & (t >= plan.move[number]) & (jobs.region != region) & (gpus <= 0.0)
        wakes = self._wakes(outlook, region, gpus)
        run_in = np.where((gpus > 0.0) | leaves | (wakes > 0.0) | behind, region, STAY)
        limit = np.where(wakes > 0.0, wakes, np.where(gpus > 0.0, gpus, jobs.gpus))
        rank = np.where(gpus > 0.0, 0.0, np.where(behind, 2.0, 1.0))
        return Orders(run_in, limit_gpus=limit, rank=rank)

    def _wakes(self, outlook: Outlook, region: Ints, gpus: Floats) -> Floats:
        """GPUs for which a job is asked to run one step early, so that GPUs that sleep now are awake then, shape (A,).

        This happens only where the next step needs more GPUs than will be awake. Jobs that find GPUs awake begin early.
        """
        plan, t, n_regions = self._plan, outlook.step, outlook.n_regions
        if t + 1 >= outlook.n_steps or not site_model.sleeps(outlook.site_power).any():
            return np.zeros(gpus.size)
        then = np.where(outlook.jobs.region == region, plan.held_gpus[outlook.jobs.number, t + 1], 0.0)
        now_gpus, then_gpus = (np.bincount(region, amount, minlength=n_regions) for amount in (gpus, then))
        requests = outlook.interactive_forecast_gpus
        awake = requests[0] + now_gpus + outlook.site_power.headroom_gpus
        short = requests[min(1, len(requests) - 1)] + then_gpus > awake + 1e-6
        return np.where(short[region] & (then > gpus), then, 0.0)
