"""From a method's name to its policy."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from functools import partial

from wattward.baselines.optimisers.mpc import Mpc
from wattward.baselines.optimisers.planner import Planner
from wattward.baselines.rules.capacity_curve import CapacityCurve
from wattward.baselines.rules.carbon_time import CarbonTime
from wattward.baselines.rules.cheapest_now import CheapestNow
from wattward.baselines.rules.cut_response import CutResponse
from wattward.baselines.rules.greedy_reservation import GreedyReservation
from wattward.baselines.rules.greenest_now import GreenestNow
from wattward.baselines.rules.load_balancers import LeastPending, MostAvailable, RoundRobin
from wattward.baselines.rules.lowest_slot import LowestSlot
from wattward.baselines.rules.lowest_window import LowestWindow
from wattward.baselines.rules.peak_offset import PeakOffset
from wattward.baselines.rules.random_modes import Random
from wattward.baselines.rules.run_on_arrival import RunOnArrival
from wattward.baselines.rules.solar_soak import SolarSoak
from wattward.baselines.rules.threshold import Threshold
from wattward.baselines.rules.wait_awhile import WaitAwhile
from wattward.configs.schema.base import ConfigError
from wattward.envs.policy.protocol import Policy

RULES: dict[str, Callable[[], Policy]] = {
    "RunOnArrival": RunOnArrival,
    "Random": Random,
    "PeakOffset": PeakOffset,
    "PeakOffset-NoReturn": partial(PeakOffset, night_return=False),
    "RoundRobin": RoundRobin,
    "MostAvailable": MostAvailable,
    "LeastPending": LeastPending,
    "CheapestNow": CheapestNow,
    "GreenestNow": GreenestNow,
    "SolarSoak": SolarSoak,
    "WaitAwhile": WaitAwhile,
    "LowestSlot": LowestSlot,
    "LowestWindow": LowestWindow,
    "CarbonTime": CarbonTime,
    "GreedyReservation": GreedyReservation,
    "CapacityCurve": CapacityCurve,
    "Threshold-0.5": partial(Threshold, 0.5),
    "Threshold-soak-0.5": partial(Threshold, 0.5, soak=True),
    "Threshold-pull-0.4": partial(Threshold, 0.4, pull=True),
    "Threshold-pull-0.5": partial(Threshold, 0.5, pull=True),
}
"""The methods of a leaderboard that asks for all rules. Quantiles: the best tenth on training episodes 0-39 of
zhejiang-xinjiang; with pulling 0.4 and 0.5 score alike, and 0.5 leaves a quarter of the late work."""

VARIANTS: dict[str, Callable[[], Policy]] = {
    "WaitAwhile-carbon": partial(WaitAwhile, "carbon"),
    "LowestWindow-carbon": partial(LowestWindow, "carbon"),
    "CarbonTime-carbon": partial(CarbonTime, "carbon"),
    "LowestSlot-carbon": partial(LowestSlot, "carbon"),
    "CutResponse": CutResponse,
    "MPC-24": partial(Mpc, 24),
    "MPC-48": partial(Mpc, 48),
    "Planner": Planner,
    "MPC-24-perfect": partial(Mpc, 24, perfect=True),
}
"""By name only: rules under a signal that the score does not follow, one for grid events alone, optimisers that take
seconds for a week or minutes where there are many regions, and a diagnostic that sees the future: never to be ranked.
"""

QUANTILES: dict[str, Callable[[float], Policy]] = {
    "Threshold-": Threshold,
    "Threshold-soak-": partial(Threshold, soak=True),
    "Threshold-pull-": partial(Threshold, pull=True),
}
"""Names that end in a quantile from 0 to 1, such as Threshold-0.25."""


def names() -> list[str]:
    """Names of the rules that enter a leaderboard."""
    return list(RULES)


def make(name: str) -> Policy:
    """The policy behind a name of `names()`, or one like "Threshold-0.25", "Threshold-soak-0.4", "WaitAwhile-carbon".

    Raises:
        ConfigError: no such policy, or a quantile outside 0..1; the message lists the nearest names.
    """
    known = RULES | VARIANTS
    if name in known:
        return known[name]()
    prefix, _, tail = name.rpartition("-")
    if f"{prefix}-" in QUANTILES:
        return QUANTILES[f"{prefix}-"](_quantile(name, tail))
    by_lower = {rule.lower(): rule for rule in known}
    near = [by_lower[rule] for rule in difflib.get_close_matches(name.lower(), by_lower, n=3)]
    hint = f"; did you mean {', '.join(near)}?" if near else ""
    raise ConfigError(f"unknown policy {name!r}{hint} (known: {', '.join(known)}, and Threshold-Q with Q from 0 to 1)")


def _quantile(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ConfigError(f"policy {name!r}: {text!r}: must be a number from 0 to 1, such as Threshold-0.25") from None
