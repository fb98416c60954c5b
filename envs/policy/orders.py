"""Orders for jobs: what a policy may answer for each job in a step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

STAY = -1
"""The value of `Orders.run_in` for a job that waits where it is."""


@dataclass(frozen=True)
class Orders:
    """The orders of one step in Python, for the A jobs of `Outlook.jobs`, in their order.

    Orders for jobs that are locked or in transit are ignored. A job ordered to another region moves there, and runs
    when its data are there. If a move takes less than a step, the job sets off only if it finds GPUs there.

    Attributes:
        run_in: The region in which each job is to run, or `STAY` (-1) if it waits, shape (A,).
        limit_gpus: The most GPUs of each malleable job, shape (A,); None for no limits. Rigid jobs ignore it.
        rank: Who gets GPUs first where more are asked for than are free, lowest first, shape (A,). None for the
            default: running rigid jobs, then by slack. Jobs that stay always come before jobs that move.
        run_due: Whether jobs that are due by their owner's estimate run in any case, before all others.
        store_orders: A `StoreOrder` for each store that the scenario lets actions order, shape (S,); None for the rule.
    """

    run_in: NDArray[np.integer]
    limit_gpus: NDArray[np.floating] | None = None
    rank: NDArray[np.floating] | None = None
    run_due: bool = False
    store_orders: NDArray[np.integer] | None = None
