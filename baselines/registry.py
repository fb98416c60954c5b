"""Finds the policy of a method by its name."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from wattward.configs.schema.base import ConfigError
from wattward.envs.policy.protocol import Policy

Kind = Literal["rule", "optimiser"]


class Entry(NamedTuple):
    """Location of a policy's class and its arguments. The module is imported only when the policy is made."""

    where: str  # MODULE:CLASS below `wattward.baselines`
    arguments: tuple[object, ...] = ()
    options: Mapping[str, object] = MappingProxyType({})

    def make(self, *more: object) -> Policy:
        """Makes the policy; `more` arguments follow those of the entry."""
        policy: Policy = self.factory()(*self.arguments, *more, **self.options)
        return policy

    def factory(self) -> Callable[..., Any]:
        """The policy's class."""
        module, _, name = self.where.partition(":")
        found: Callable[..., Any] = getattr(import_module(f"wattward.baselines.{module}"), name)
        return found

    def summary(self) -> str:
        """The first line of the class's docstring."""
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
"""The methods of a leaderboard with all rules. The quantiles, in steps of 0.1, are the best on training episodes 0-39
of zhejiang-xinjiang. With pulling, 0.4 and 0.5 score alike, but 0.5 has only a quarter of the late work."""

VARIANTS: dict[str, Entry] = {
    "PeakOffset-Full": _entry("rules.peak_offset:PeakOffset", full=True),
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
"""Methods that run only when they are named.

They are a second reading of a published rule, rules whose signal is not what the score is based on, one rule that
responds only to grid events, and
optimisers that take seconds for a week, or minutes with many regions. One is a diagnostic that sees the future; it must
never be ranked.
"""

QUANTILES: dict[str, Entry] = {
    "Threshold-": _entry("rules.threshold:Threshold"),
    "Threshold-soak-": _entry("rules.threshold:Threshold", soak=True),
    "Threshold-pull-": _entry("rules.threshold:Threshold", pull=True),
}
"""Methods whose names end in a quantile from 0 to 1, such as Threshold-0.25."""


def kind(name: str) -> Kind:
    """Whether a method plans with a model of the world, as an optimiser, or follows a rule; unknown names are rules."""
    entry = (RULES | VARIANTS).get(name)
    return "optimiser" if entry is not None and entry.where.startswith("optimisers.") else "rule"


def names() -> list[str]:
    """Names of the rules that enter a leaderboard."""
    return list(RULES)


def make(name: str) -> Policy:
    """Makes a policy from a name in `names()` or one like "Threshold-0.25", "Threshold-soak-0.4", "WaitAwhile-carbon".

    Raises:
        ConfigError: there is no such policy, or the quantile is outside 0..1. The message lists the nearest names.
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
