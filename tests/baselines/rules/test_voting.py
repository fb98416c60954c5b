"""Votes: how the orders of a rule for jobs become a mode for each region."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from wattward.baselines import make
from wattward.baselines.voting import by_votes
from wattward.envs.decisions.action import Mode
from wattward.envs.model.types import RUNNING
from wattward.envs.policy.orders import STAY
from wattward.envs.policy.outlook import Outlook

HOLD, SOAK, RUN, PULL = Mode.HOLD, Mode.SOAK, Mode.RUN, Mode.PULL
TUNING = 1
OutlookOf = Callable[..., Outlook]
JobOf = Callable[..., Any]


def voted(outlook: Outlook, *run_in: int) -> list[int]:
    return by_votes(outlook, np.array(run_in, np.int64)).tolist()


def test_the_weight_of_the_work_decides(outlook_of: OutlookOf, job_of: JobOf) -> None:
    """A job of 15 GPU-h against one of 16; neither would fill half of the 80 free GPUs."""
    outlook = outlook_of([job_of(0, gpus=15.0, due_h=5.0), job_of(0, gpus=16.0, due_h=6.0)])
    assert voted(outlook, 0, STAY) == [SOAK, SOAK]
    assert voted(outlook, STAY, 0) == [RUN, SOAK]
    assert voted(outlook, STAY, STAY) == [SOAK, SOAK]


def test_votes_that_fill_half_of_the_room_are_enough(outlook_of: OutlookOf, job_of: JobOf) -> None:
    outlook = outlook_of([job_of(0, gpus=40.0, due_h=5.0), job_of(0, gpus=10.0, hours=20.0, due_h=40.0)])
    assert voted(outlook, 0, STAY) == [RUN, SOAK]
    smaller = outlook_of([job_of(0, gpus=39.0, due_h=5.0), job_of(0, gpus=10.0, hours=20.0, due_h=40.0)])
    assert voted(smaller, 0, STAY) == [SOAK, SOAK]


def test_work_that_would_go_elsewhere_is_held_and_pulled(outlook_of: OutlookOf, job_of: JobOf) -> None:
    jobs = [job_of(0, gpus=30.0, due_h=5.0), job_of(0, gpus=10.0, due_h=6.0)]
    assert voted(outlook_of(jobs), 1, STAY) == [HOLD, PULL]
    assert voted(outlook_of(jobs), 0, 1) == [RUN, PULL]
    full = [*jobs, job_of(1, gpus=60.0, hours=5.0, due_h=30.0, job_class=TUNING, status=RUNNING)]
    assert voted(outlook_of(full), 1, STAY, 1) == [RUN, SOAK], "no room there, so it votes to run at home"


def test_jobs_that_run_and_cannot_be_preempted_do_not_vote(outlook_of: OutlookOf, job_of: JobOf) -> None:
    locked = job_of(0, gpus=60.0, hours=9.0, due_h=30.0, job_class=TUNING, status=RUNNING)
    assert voted(outlook_of([job_of(0, due_h=5.0), locked]), STAY, 0) == [SOAK, SOAK]


def test_a_queue_is_due_before_its_jobs_are(outlook_of: OutlookOf, job_of: JobOf) -> None:
    """80 GPUs are free: 560 GPU-h fit into 10 h at 70 %, whoever brings them; later deadlines leave room."""
    fits = [job_of(0, gpus=20.0, hours=5.0, due_h=10.0) for _ in range(5)]
    waits = [STAY] * 6
    assert voted(outlook_of(fits), *waits[:5]) == [SOAK, SOAK]
    assert voted(outlook_of([*fits, fits[0]]), *waits) == [RUN, SOAK]
    assert voted(outlook_of([*fits, job_of(0, gpus=20.0, hours=5.0, due_h=30.0)]), *waits) == [SOAK, SOAK]
    assert voted(outlook_of([*fits, job_of(1, gpus=20.0, hours=5.0, due_h=10.0)]), *waits) == [SOAK, SOAK]


def test_nobody_waits_when_the_end_needs_every_hour(outlook_of: OutlookOf, job_of: JobOf) -> None:
    backlog = [job_of(1, gpus=10.0, due_h=40.0, hours=2.0) for _ in range(20)]
    assert voted(outlook_of(backlog, n_steps=1004, step=1000), *[STAY] * 20) == [SOAK, RUN]


@pytest.mark.parametrize(
    ("name", "price", "expected"),
    [
        ("WaitAwhile-voted", [[0.5, 0.1], [0.1, 0.5], [0.9, 0.9]], [SOAK, RUN]),
        ("CheapestNow-voted", [[0.6, 0.4]], [HOLD, PULL]),
        ("Threshold-pull-0.3-voted", [[0.9, 0.3], [0.1, 1.0]], [HOLD, PULL]),
    ],
)
def test_the_voted_form_of_a_rule_asks_the_rule(
    outlook_of: OutlookOf, job_of: JobOf, name: str, price: list[list[float]], expected: list[int]
) -> None:
    outlook, policy = outlook_of([job_of(0), job_of(1, due_h=21.0)], np.array(price)), make(name)
    policy.reset(outlook, np.random.default_rng(0))
    chosen = policy.act(outlook)
    assert isinstance(chosen, np.ndarray) and chosen.tolist() == expected
