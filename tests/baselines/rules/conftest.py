"""What rules for jobs tell the jobs of small worlds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from wattward.baselines import make
from wattward.envs.model.types import RUNNING, WAITING
from wattward.envs.policy.orders import Orders
from wattward.envs.policy.outlook import Outlook

TUNING = 1


def told(name: str, outlook: Outlook) -> Orders:
    policy = make(name)
    policy.reset(outlook, np.random.default_rng(0))
    orders = policy.act(outlook)
    assert isinstance(orders, Orders)
    assert orders.run_in.shape == (outlook.jobs.number.size,)
    return orders


@pytest.fixture(scope="session")
def orders_of() -> Callable[[str, Outlook], Orders]:
    """The orders of a rule that sees its first step."""
    return told


@pytest.fixture(scope="session")
def run_in() -> Callable[[str, Outlook], list[int]]:
    """Where a rule that sees its first step runs the jobs; -1 for those that wait."""
    return lambda name, outlook: told(name, outlook).run_in.tolist()


@pytest.fixture(scope="session")
def steps_of(outlook_of: Callable[..., Outlook]) -> Callable[..., list[list[int]]]:
    """The steps in which a rule runs each job, in a world where every job always finds GPUs."""

    def play(name: str, jobs: Sequence[Any], price: Any, n_steps: int, **world: Any) -> list[list[int]]:
        policy, ran = make(name), [[] for _ in jobs]
        present = list(jobs)
        for step in range(n_steps):
            outlook = outlook_of(present, price, step=step, **world)
            if step == 0:
                policy.reset(outlook, np.random.default_rng(0))
            orders = policy.act(outlook)
            by_number = dict(zip(outlook.jobs.number.tolist(), orders.run_in.tolist(), strict=True))
            for number, job in enumerate(present):
                is_locked = job.status == RUNNING and job.job_class == TUNING
                if runs := is_locked or by_number[number] == job.region:
                    ran[number].append(step)
                left = {"hours": job.hours - runs, "due_h": job.due_h - 1, "status": RUNNING if runs else WAITING}
                present[number] = replace(job, **left)
            if all(job.hours <= 0 for job in present):
                break
        return ran

    return play
