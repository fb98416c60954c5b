"""The published peak offset between coast and west, by the clock alone."""

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
    """Sends work west at the coast's peaks and brings it home at night, by Beijing time; reads no price.

    Source: published operation of the Jinshuitan (Zhejiang) and Midong (Xinjiang) sites. 08-10, the coast's morning
    peak: part of its deferrable work goes west (coast HOLDs, west PULLs). 10-12, 12-14 and 17-19: the west goes on
    absorbing what the coast has no GPUs for (coast RUNs, west PULLs). At night the coast's valley price brings work
    home (coast PULLs, west HOLDs all that is not urgent). In other hours each region runs its own. Which hours are
    night is not published with it; here 22-08.

    Transfer: a region lies in the west if it lies west of the midpoint between the easternmost and the westernmost
    region, else on the coast; so the rule holds for any number of regions. With none in the west nobody sends.
    """

    def __init__(self, night_return: bool = True) -> None:
        self.night_return = night_return
        self.name = "PeakOffset" if night_return else "PeakOffset-NoReturn"

    def act(self, outlook: Outlook) -> Modes:
        """The clock's modes."""
        west, hour = lies_west(outlook), outlook.time.hour
        if not west.any():
            coast_mode = west_mode = Mode.RUN
        else:
            coast_mode, west_mode = self.by_clock(hour)
        return finish(outlook, np.where(west, np.int64(west_mode), np.int64(coast_mode)))

    def by_clock(self, hour: int) -> tuple[Mode, Mode]:
        """Mode of the coast and of the west in an hour of Beijing time, 0..23."""
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
