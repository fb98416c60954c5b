"""What rules for jobs tell the jobs of small worlds."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from wattward.baselines import make
from wattward.envs.policy.orders import Orders
from wattward.envs.policy.outlook import Outlook


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
