"""Expected work as a fluid: how much can be done, and must be done, by the end of each block of hours."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from wattward.baselines.present_jobs import movable
from wattward.configs.schema.scenario import LogNormal, Scenario
from wattward.envs.model.caching import cached_for_owner
from wattward.envs.model.types import Exogenous, Floats, Ints
from wattward.envs.policy.outlook import Outlook
from wattward.envs.world.processes.calendar import DAY_MINUTES, place_in_period
from wattward.envs.world.processes.jobs import job_law, mean_work_gpu_h

if TYPE_CHECKING:
    from scipy.sparse import csr_array

SLACK_LIMITS_H = (4.0, 12.0)
"""Jobs of a region are grouped by how long they can wait: up to 4 h, up to 12 h, longer."""
N_SLACKS = len(SLACK_LIMITS_H) + 1
SLACK_NORMALS = (-1.0909, 0.0, 1.0909)
"""Means of the three thirds of a standard normal. Future work has one of three values of slack, with equal weights."""


class Work(NamedTuple):
    """Work by group (K = R x slack classes, ordered by region first) and block (M)."""

    place: Ints  # (K,) region in which the work is
    can_gpu_h: Floats  # (K, M) most that can be done by the end of the block
    must_gpu_h: Floats  # (K, M) late if not done by the end of the block
    rate_gpu_h: Floats  # (K, M) most that can be done in the block
    total_gpu_h: Floats  # (K,)
    gb_per_gpu_h: Floats  # (K,) data to transfer if the work moves


class Items(NamedTuple):
    """Jobs, or fractions of expected future jobs."""

    group: Ints  # (I,)
    ready_h: Floats  # (I,) hours from now
    due_h: Floats  # (I,) hours from now
    gpus: Floats  # (I,)
    work_gpu_h: Floats  # (I,)
    data_gb: Floats  # (I,)


class Law(NamedTuple):
    """Mean properties of a scenario's jobs for each pair (P) of class and region."""

    rate_by_step_of_week: Floats  # (P, steps in a week)
    origin: Ints  # (P,)
    work_gpu_h: Floats  # (P,)
    run_h: Floats  # (P,)
    slack_h: Floats  # (P, 3)
    data_gb: Floats  # (P,)


def work_of(items: Items, n_regions: int, ends_h: Floats) -> Work:
    """Work by group and block. The blocks end `ends_h` (M,) hours from now."""
    n_groups, starts_h = n_regions * N_SLACKS, np.concatenate([[0.0], ends_h[:-1]])
    work, gpus = items.work_gpu_h[:, None], items.gpus[:, None]
    by_now = np.clip(gpus * (ends_h - items.ready_h[:, None]), 0.0, work)
    must = np.clip(work - gpus * np.maximum(0.0, items.due_h[:, None] - ends_h), 0.0, by_now)
    here_h = np.clip(ends_h - np.maximum(items.ready_h[:, None], starts_h), 0.0, None)
    rate = np.minimum(work, gpus * here_h)
    member = _membership(items.group, n_groups)
    can = member @ by_now
    return Work(
        place=np.repeat(np.arange(n_regions), N_SLACKS),
        can_gpu_h=can,
        must_gpu_h=member @ must,
        rate_gpu_h=member @ rate,
        total_gpu_h=can[:, -1],
        gb_per_gpu_h=(member @ items.data_gb) / np.maximum(member @ items.work_gpu_h, 1e-9),
    )


def _membership(group: Ints, n_groups: int) -> csr_array:
    """Matrix that sums items by group when it multiplies from the left, shape (K, I).

    It is sparse: a dense matrix, mostly zeros, takes a hundred times as long.
    """
    from scipy.sparse import csr_array

    order = np.argsort(group, kind="stable")
    first = np.searchsorted(group[order], np.arange(n_groups + 1))
    return csr_array((np.ones(group.size), order, first), shape=(n_groups, group.size))


def items_present(outlook: Outlook) -> Items:
    """The jobs present that a mode can delay, and those in transit, with their owners' estimates."""
    jobs = outlook.jobs
    at = np.flatnonzero(movable(outlook) | jobs.in_transit)
    return Items(
        group=jobs.region[at] * N_SLACKS + np.digitize(jobs.slack_h[at], SLACK_LIMITS_H),
        ready_h=(jobs.arrives_in_steps[at] * outlook.step_h).astype(np.float64),
        due_h=jobs.hours_to_deadline[at],
        gpus=jobs.gpus[at],
        work_gpu_h=jobs.expected_gpu_h[at],
        data_gb=jobs.data_gb[at],
    )


def items_to_come(outlook: Outlook, n_blocks: int, block_steps: int) -> Items:
    """The mean arrivals in each block by the scenario's own distributions.

    The work of a block is ready from the middle of the block. Work that could not be finished by the end of the episode
    is left out, as it is when a world is drawn.
    """
    law, step_h = mean_law(outlook.scenario), outlook.step_h
    minute = outlook.start_minute + round(outlook.step * step_h * 60)
    place = place_in_period(minute, n_blocks * block_steps, round(step_h * 60), 7 * DAY_MINUTES)
    arrivals = law.rate_by_step_of_week[:, place].reshape(-1, n_blocks, block_steps).sum(axis=2)
    middle_h = ((np.arange(n_blocks) + 0.5) * block_steps * step_h).astype(np.float64)
    end_h = (outlook.n_steps - outlook.step) * step_h
    arrivals = np.where(middle_h + law.run_h[:, None] <= end_h, arrivals, 0.0)
    shape = (law.origin.size, n_blocks, len(SLACK_NORMALS))
    slack_h, run_h = law.slack_h[:, None, :], law.run_h[:, None, None]
    group = law.origin[:, None, None] * N_SLACKS + np.digitize(slack_h, SLACK_LIMITS_H)
    each = arrivals[:, :, None] / len(SLACK_NORMALS)
    ready_h = middle_h[None, :, None]
    return Items(
        group=np.broadcast_to(group, shape).ravel(),
        ready_h=np.broadcast_to(ready_h, shape).ravel(),
        due_h=(ready_h + run_h + slack_h).ravel(),
        gpus=np.broadcast_to(each * (law.work_gpu_h / law.run_h)[:, None, None], shape).ravel(),
        work_gpu_h=np.broadcast_to(each * law.work_gpu_h[:, None, None], shape).ravel(),
        data_gb=np.broadcast_to(each * law.data_gb[:, None, None], shape).ravel(),
    )


def true_items_to_come(outlook: Outlook, world: Exogenous, n_steps: int) -> Items:
    """The jobs that will truly arrive in the coming steps, for diagnostics.

    Args:
        outlook: The present step.
        world: The episode (B = 1), which only a perfect outlook contains.
        n_steps: Number of steps to look ahead.
    """
    arrival_step = world.job_arrival_step[0, : int(world.n_jobs[0])]
    coming = np.flatnonzero((arrival_step > outlook.step) & (arrival_step < outlook.step + n_steps))
    gpus, work = world.job_gpus[0, coming], world.job_work_gpu_h[0, coming]
    ready_h = ((arrival_step[coming] - outlook.step) * outlook.step_h).astype(np.float64)
    due_h = ((world.job_deadline_step[0, coming] - outlook.step) * outlook.step_h).astype(np.float64)
    slack_h = due_h - ready_h - work / np.maximum(gpus, 1e-9)
    return Items(
        group=world.job_origin[0, coming] * N_SLACKS + np.digitize(slack_h, SLACK_LIMITS_H),
        ready_h=ready_h,
        due_h=due_h,
        gpus=gpus,
        work_gpu_h=work,
        data_gb=world.job_data_gb[0, coming],
    )


def joined(first: Items, second: Items) -> Items:
    """The items of both arguments."""
    return Items._make(np.concatenate(pair) for pair in zip(first, second, strict=True))


@cached_for_owner
def mean_law(scenario: Scenario) -> Law:
    """Means of the scenario's job distributions."""
    law, classes = job_law(scenario), scenario.job_classes
    pairs = list(zip(law.job_class.tolist(), law.origin.tolist(), strict=True))
    return Law(
        rate_by_step_of_week=law.rate_by_step_of_week,
        origin=law.origin,
        work_gpu_h=np.array([mean_work_gpu_h(scenario, c, r) for c, r in pairs]),
        run_h=np.array([_mean(classes[c].run_h) for c, _ in pairs]),
        slack_h=np.array([[_at(classes[c].slack_h, z) for z in SLACK_NORMALS] for c, _ in pairs]),
        data_gb=np.array([_mean(classes[c].data_gb) for c, _ in pairs]),
    )


def _at(law: LogNormal, z: float) -> float:
    return float(np.clip(law.median * np.exp(law.sigma * z), law.low, law.high))


def _mean(law: LogNormal) -> float:
    return float(np.clip(law.median * np.exp(law.sigma**2 / 2), law.low, law.high))
