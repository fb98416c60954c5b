"""Gives jobs the GPUs of regions, one job after the other."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wattward.baselines.present_jobs import movable, settled
from wattward.baselines.rules.plans import cannot_wait
from wattward.envs.kernels.compiling import entry
from wattward.envs.model.types import Floats, Ints
from wattward.envs.policy.orders import STAY, Orders
from wattward.envs.policy.outlook import Outlook

Flags = NDArray[np.bool_]
EPS_GPUS = 1e-9


class Packed(NamedTuple):
    """Where jobs run, and on how many GPUs."""

    run_in: Ints  # (A,) region, or STAY for a job without room
    gpus: Floats  # (A,) 0 for a job without room

    def orders(self, outlook: Outlook) -> Orders:
        """The orders of these jobs; jobs that cannot wait run where they are, on all of their GPUs."""
        hurries = cannot_wait(outlook)
        run_in = np.where(hurries, outlook.jobs.region, self.run_in)
        return Orders(run_in, limit_gpus=np.where(hurries, outlook.jobs.gpus, self.gpus), run_due=True)


def room_now(outlook: Outlook) -> Floats:
    """GPUs in order that neither requests nor locked jobs hold, shape (R,); sleeping GPUs are among them."""
    served = outlook.interactive_forecast_gpus[0]
    room: Floats = np.maximum(0.0, outlook.gpus_in_order - served - outlook.locked_gpus)
    return room


def pack(outlook: Outlook, asking: Flags, choices: Ints, room_gpus: Floats, *, whole: bool = False) -> Packed:
    """Gives each asking job GPUs in the first of its choices that has room.

    Running rigid jobs come first, because a pause costs them a restart; then the earliest deadline. A rigid job needs
    all of its GPUs. A malleable job also runs on fewer, if there is at least one.

    Args:
        outlook: The present step.
        asking: Whether a job asks for GPUs, shape (A,); locked jobs and jobs in transit get none.
        choices: The regions that a job may run in, best first, shape (A, C) or (C,); `STAY` for none.
        room_gpus: GPUs to give in each region, shape (R,).
        whole: Whether malleable jobs need all of their GPUs, too.
    """
    jobs = outlook.jobs
    asking_at = np.flatnonzero(asking & movable(outlook))
    goes_on = settled(outlook)[asking_at]
    asking_at = np.concatenate([asking_at[goes_on], asking_at[~goes_on]])
    every = np.ascontiguousarray(np.broadcast_to(choices, (jobs.number.size, choices.shape[-1])), dtype=np.int64)
    packed = Packed(np.full(jobs.number.size, STAY, np.int64), np.zeros(jobs.number.size))
    _pack(asking_at, jobs.gpus, jobs.malleable & (not whole), every, room_gpus.copy(), *packed)
    return packed


@entry
def _pack(
    asking_at: Ints, gpus: Floats, malleable: Flags, choices: Ints, room: Floats, run_in: Ints, given: Floats
) -> None:
    for job in asking_at:
        least = min(1.0, gpus[job]) if malleable[job] else gpus[job]
        for region in choices[job]:
            if region >= 0 and room[region] + EPS_GPUS >= least:
                run_in[job], given[job] = region, min(gpus[job], room[region])
                room[region] -= given[job]
                break
