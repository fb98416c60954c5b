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
        then = plan.held_gpus[number, min(t + 1, outlook.n_steps - 1)]
        wakes = gpus_to_wake(outlook, region, gpus, np.where(jobs.region == region, then, 0.0))
        run_in = np.where((gpus > 0.0) | leaves | (wakes > 0.0) | behind, region, STAY)
        limit = np.where(wakes > 0.0, wakes, np.where(gpus > 0.0, gpus, jobs.gpus))
        rank = np.where(gpus > 0.0, 0.0, np.where(behind, 2.0, 1.0))
        return Orders(run_in, limit_gpus=limit, rank=rank)


def gpus_to_wake(outlook: Outlook, region: Ints, now_gpus: Floats, then_gpus: Floats) -> Floats:
    """GPUs for which jobs are asked to run one step early, so that GPUs that sleep now are awake then, shape (A,).

    This happens only where the next step needs more GPUs than will be awake. Jobs that find GPUs awake begin early.

    Args:
        outlook: The present step.
        region: Where the jobs present are to run, shape (A,).
        now_gpus: GPUs that they are to have now, shape (A,).
        then_gpus: GPUs that they are to have in the next step, shape (A,).
    """
    if outlook.step + 1 >= outlook.n_steps or not site_model.sleeps(outlook.site_power).any():
        return np.zeros(now_gpus.size)
    now, then = (np.bincount(region, amount, minlength=outlook.n_regions) for amount in (now_gpus, then_gpus))
    requests = outlook.interactive_forecast_gpus
    awake = requests[0] + now + outlook.site_power.headroom_gpus
    short = requests[min(1, len(requests) - 1)] + then > awake + 1e-6
    return np.where(short[region] & (then_gpus > now_gpus), then_gpus, 0.0)
