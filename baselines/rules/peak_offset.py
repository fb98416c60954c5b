"""The published peak-offset schedule between coast and west, by the clock only."""

from __future__ import annotations

import numpy as np

from wattward.baselines.rules.rule import Rule
from wattward.baselines.voting import Votes, finish
from wattward.envs.decisions.action import Mode
from wattward.envs.policy.outlook import Outlook
from wattward.envs.policy.protocol import Modes

MORNING_PEAK_HOURS = range(8, 10)
ABSORBING_HOURS = (*range(10, 14), *range(17, 19))
NIGHT_HOURS = (22, 23, *range(8))


class PeakOffset(Rule):
    """Moves work west at the coast's peaks and back at night, by the scenario's clock. It ignores prices.

    Source: published operation of the Jinshuitan (Zhejiang) and Midong (Xinjiang) sites. From 08 to 10, the coast's
    morning peak, part of its deferrable work goes west (coast HOLDs, west PULLs). From 10 to 14 and from 17 to 19 the
    west takes the work for which the coast has no GPUs (coast RUNs, west PULLs). At night the low price of the coast
    brings work home (coast PULLs, west HOLDs everything that is not urgent). In other hours each region runs its own
    work. The publication does not define night; here it is 22 to 08.

    Transfer: regions west of the midpoint between the easternmost and the westernmost region form the west, the others
    the coast. So the rule works with any number of regions. If no region is in the west, no work moves.
    """

    def __init__(self, night_return: bool = True) -> None:
        self.night_return = night_return
        self.name = "PeakOffset-modes" if night_return else "PeakOffset-NoReturn-modes"

    def act(self, outlook: Outlook) -> Modes:
        """Modes by the hour of the clock."""
        west, hour = lies_west(outlook), outlook.time.hour
        if not west.any():
            coast_mode = west_mode = Mode.RUN
        else:
            coast_mode, west_mode = self.by_clock(hour)
        return finish(outlook, np.where(west, np.int64(west_mode), np.int64(coast_mode)))

    def by_clock(self, hour: int) -> tuple[Mode, Mode]:
        """Mode of the coast and of the west in an hour of the clock, 0..23."""
        if hour in MORNING_PEAK_HOURS:
            return Mode.HOLD, Mode.PULL
        if hour in ABSORBING_HOURS:
            return Mode.RUN, Mode.PULL
        if hour in NIGHT_HOURS and self.night_return:
            return Mode.PULL, Mode.HOLD
        return Mode.RUN, Mode.RUN


def lies_west(outlook: Outlook) -> Votes:
    """Regions west of the midpoint between the easternmost and the westernmost, shape (R,)."""
    longitude = outlook.longitude_deg
    west: Votes = longitude < (longitude.min() + longitude.max()) / 2
    return west
