"""From a method's name to its policy."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Any, NamedTuple

from wattward.configs.schema.base import ConfigError
from wattward.envs.policy.protocol import Policy


class Entry(NamedTuple):
    """Where a policy's class is, and what it is made with; its module is imported when it is made."""

    where: str  # MODULE:CLASS below `wattward.baselines`
    arguments: tuple[object, ...] = ()
    options: Mapping[str, object] = MappingProxyType({})

    def make(self, *more: object) -> Policy:
        """The policy, with `more` arguments behind its own."""
        policy: Policy = self.factory()(*self.arguments, *more, **self.options)
        return policy

    def factory(self) -> Callable[..., Any]:
        """The policy's class."""
        module, _, name = self.where.partition(":")
        found: Callable[..., Any] = getattr(import_module(f"wattward.baselines.{module}"), name)
        return found

    def summary(self) -> str:
        """The first line of what the class says of itself."""
        return (self.factory().__doc__ or "").strip().partition("\n")[0]


def _entry(where: str, *arguments: object, **options: object) -> Entry:
    return Entry(where, arguments, options)


RULES: dict[str, Entry] = {
    "RunOnArrival": _entry("rules.run_on_arrival:RunOnArrival"),
    "Random": _entry("rules.random_modes:Random"),
    "PeakOffset": _entry("rules.peak_offset:PeakOffset"),
    "PeakOffset-NoReturn": _entry("rules.peak_offset:PeakOffset", night_return=False),
    "RoundRobin": _entry("rules.load_balancers:RoundRobin"),
    "MostAvailable": _entry("rules.load_balancers:MostAvailable"),
    "LeastPending": _entry("rules.load_balancers:LeastPending"),
    "CheapestNow": _entry("rules.cheapest_now:CheapestNow"),
    "GreenestNow": _entry("rules.greenest_now:GreenestNow"),
    "SolarSoak": _entry("rules.solar_soak:SolarSoak"),
    "WaitAwhile": _entry("rules.wait_awhile:WaitAwhile"),
    "LowestSlot": _entry("rules.lowest_slot:LowestSlot"),
    "LowestWindow": _entry("rules.lowest_window:LowestWindow"),
    "CarbonTime": _entry("rules.carbon_time:CarbonTime"),
    "GreedyReservation": _entry("rules.greedy_reservation:GreedyReservation"),
    "CapacityCurve": _entry("rules.capacity_curve:CapacityCurve"),
    "Threshold-0.5": _entry("rules.threshold:Threshold", 0.5),
    "Threshold-soak-0.5": _entry("rules.threshold:Threshold", 0.5, soak=True),
    "Threshold-pull-0.4": _entry("rules.threshold:Threshold", 0.4, pull=True),
    "Threshold-pull-0.5": _entry("rules.threshold:Threshold", 0.5, pull=True),
}
"""The methods of a leaderboard that asks for all rules. Quantiles: the best tenth on training episodes 0-39 of
zhejiang-xinjiang; with pulling 0.4 and 0.5 score alike, and 0.5 leaves a quarter of the late work."""

VARIANTS: dict[str, Entry] = {
    "WaitAwhile-carbon": _entry("rules.wait_awhile:WaitAwhile", "carbon"),
    "LowestWindow-carbon": _entry("rules.lowest_window:LowestWindow", "carbon"),
    "CarbonTime-carbon": _entry("rules.carbon_time:CarbonTime", "carbon"),
    "LowestSlot-carbon": _entry("rules.lowest_slot:LowestSlot", "carbon"),
    "CutResponse": _entry("rules.cut_response:CutResponse"),
    "MPC-24": _entry("optimisers.mpc:Mpc", 24),
    "MPC-48": _entry("optimisers.mpc:Mpc", 48),
    "Planner": _entry("optimisers.planner:Planner"),
    "MPC-24-perfect": _entry("optimisers.mpc:Mpc", 24, perfect=True),
}
"""By name only: rules under a signal that the score does not follow, one for grid events alone, optimisers that take
seconds for a week or minutes where there are many regions, and a diagnostic that sees the future: never to be ranked.
"""

QUANTILES: dict[str, Entry] = {
    "Threshold-": _entry("rules.threshold:Threshold"),
    "Threshold-soak-": _entry("rules.threshold:Threshold", soak=True),
    "Threshold-pull-": _entry("rules.threshold:Threshold", pull=True),
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
        return known[name].make()
    prefix, _, tail = name.rpartition("-")
    if f"{prefix}-" in QUANTILES:
        return QUANTILES[f"{prefix}-"].make(_quantile(name, tail))
    by_lower = {rule.lower(): rule for rule in known}
    near = [by_lower[rule] for rule in difflib.get_close_matches(name.lower(), by_lower, n=3)]
    hint = f"; did you mean {', '.join(near)}?" if near else ""
    raise ConfigError(f"unknown policy {name!r}{hint} (known: {', '.join(known)}, and Threshold-Q with Q from 0 to 1)")


def _quantile(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ConfigError(f"policy {name!r}: {text!r}: must be a number from 0 to 1, such as Threshold-0.25") from None
