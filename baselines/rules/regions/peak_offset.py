"""The published peak-offset schedule between coast and west, by the clock only."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from wattward.baselines.present_jobs import settled
from wattward.baselines.rules.packing import Flags, pack, room_now
from wattward.baselines.rules.rule import JobRule
from wattward.envs.model.types import Ints
from wattward.envs.policy.orders import STAY, Orders
from wattward.envs.policy.outlook import Outlook


class Clock(NamedTuple):
    """Hours of the scenario's clock in which work moves between coast and west."""

    coast_leaves: tuple[int, ...]  # the coast's jobs run in the west, or wait
    west_helps: tuple[int, ...]  # the coast's jobs run at home as far as there is room, the others in the west
    home: tuple[int, ...]  # all jobs run on the coast, or wait


MORNING_PEAK, ABSORBING, NIGHT = (8, 9), (10, 11, 12, 13, 17, 18), (22, 23, *range(8))
SHIPPED = Clock(coast_leaves=MORNING_PEAK, west_helps=ABSORBING, home=NIGHT)
NO_RETURN = SHIPPED._replace(home=())
COAST_HOLDS = Clock(coast_leaves=MORNING_PEAK + ABSORBING, west_helps=(), home=tuple(range(8)))
CLOCKS = {"": SHIPPED, "NoReturn": NO_RETURN, "CoastHolds": COAST_HOLDS}
"""Readings of the publication, by the ends of their names."""


class PeakOffset(JobRule):
    """Moves jobs west at the coast's peaks and back at night, by the scenario's clock. It ignores prices.

    Source: published operation of the Jinshuitan (Zhejiang) and Midong (Xinjiang) sites: from 08 to 10, the coast's
    morning peak, part of its deferrable work goes west; from 10 to 14 and from 17 to 19 the west goes on absorbing; at
    night the low price of the coast brings work home. Due jobs run where they are, and running rigid jobs stay.
    There are two readings of the rest. In the first, the coast runs what it can while the west absorbs, and night is
    from 22 to 08. In "CoastHolds" the coast's jobs go west or wait while the west absorbs, and work comes home from 0
    to 8. "NoReturn" is the first reading without the return at night.

    Transfer: regions west of the midpoint between the easternmost and the westernmost region form the west, the others
    the coast. So the rule works with any number of regions. If no region is in the west, no work moves.
    """

    def __init__(self, reading: str = "") -> None:
        self.name = f"PeakOffset-{reading}" if reading else "PeakOffset"
        self._clock = CLOCKS[reading]

    def act(self, outlook: Outlook) -> Orders:
        """Places jobs by the hour of the clock."""
        west, jobs = lies_west(outlook), outlook.jobs
        if not west.any():
            return Orders(jobs.region, run_due=True)
        choices = np.where(settled(outlook)[:, None], jobs.region[:, None], self._choices(outlook, west))
        return pack(outlook, np.ones(jobs.number.size, np.bool_), choices, room_now(outlook)).orders(outlook)

    def _choices(self, outlook: Outlook, west: Flags) -> Ints:
        """Regions in which each job may run now, best first, shape (A, 1 + R)."""
        own, hour = outlook.jobs.region[:, None], outlook.time.hour
        emptiest_first = np.argsort(-room_now(outlook), kind="stable")
        on_coast = ~west[own]
        nowhere, western = np.full_like(own, STAY), np.where(west[emptiest_first], emptiest_first, STAY)
        if hour in self._clock.coast_leaves:
            return np.hstack([np.where(on_coast, nowhere, own), np.where(on_coast, western, STAY)])
        if hour in self._clock.west_helps:
            return np.hstack([own, np.where(on_coast, western, STAY)])
        if hour in self._clock.home:
            coastal = np.where(west[emptiest_first], STAY, emptiest_first)
            return np.hstack([np.where(on_coast, own, nowhere), np.where(on_coast, STAY, coastal)])
        return np.hstack([own, np.full((own.size, outlook.n_regions), STAY)])


def lies_west(outlook: Outlook) -> Flags:
    """Regions west of the midpoint between the easternmost and the westernmost, shape (R,)."""
    longitude = outlook.longitude_deg
    west: Flags = longitude < (longitude.min() + longitude.max()) / 2
    return west
