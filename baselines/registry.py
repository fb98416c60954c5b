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


JOB_RULES: dict[str, Entry] = {
    "PeakOffset": _entry("rules.regions.peak_offset:PeakOffset"),
    "PeakOffset-NoReturn": _entry("rules.regions.peak_offset:PeakOffset", "NoReturn"),
    "PeakOffset-CoastHolds": _entry("rules.regions.peak_offset:PeakOffset", "CoastHolds"),
    "RoundRobin": _entry("rules.regions.load_balancers:RoundRobin"),
    "MostAvailable": _entry("rules.regions.load_balancers:MostAvailable"),
    "LeastPending": _entry("rules.regions.load_balancers:LeastPending"),
    "CheapestNow": _entry("rules.regions.now:CheapestNow"),
    "GreenestNow": _entry("rules.regions.now:GreenestNow"),
    "SolarSoak": _entry("rules.jobs.solar_soak:SolarSoak"),
    "WaitAwhile": _entry("rules.jobs.wait_awhile:WaitAwhile"),
    "WaitAwhile-uninterrupted": _entry("rules.jobs.wait_awhile:WaitAwhile", interrupts=False),
    "LowestSlot": _entry("rules.jobs.gaia:LowestSlot"),
    "LowestWindow": _entry("rules.jobs.gaia:LowestWindow"),
    "CarbonTime": _entry("rules.jobs.gaia:CarbonTime"),
    "GreedyReservation": _entry("rules.jobs.greedy_reservation:GreedyReservation"),
    "CapacityCurve": _entry("rules.jobs.capacity_curve:CapacityCurve"),
    "PauseResume": _entry("rules.online.pause_resume:PauseResume"),
    "LACS": _entry("rules.online.lacs:LACS"),
    "CarbonClipper": _entry("rules.online.carbon_clipper:CarbonClipper"),
    "Threshold-0.5": _entry("rules.jobs.threshold:Threshold", 0.5),
    "Threshold-soak-0.5": _entry("rules.jobs.threshold:Threshold", 0.5, soak=True),
    "Threshold-pull-0.4": _entry("rules.jobs.threshold:Threshold", 0.4, pull=True),
    "Threshold-pull-0.5": _entry("rules.jobs.threshold:Threshold", 0.5, pull=True),
}
"""Rules that give orders to jobs. The quantiles, in steps of 0.1, are the best on training episodes 0-19 of
zhejiang-xinjiang. With pulling, 0.5 scores a little less than 0.4, but has hardly any late work."""

INDEX: dict[str, Entry] = {
    "TunedIndex": _entry("index.tuned_index:TunedIndex"),
    "TunedIndex-all": _entry("index.tuned_index:TunedIndex", "all"),
}
"""The index with the parameters of the scenario, and with those for all scenarios."""

RULES: dict[str, Entry] = {
    "RunOnArrival": _entry("rules.run_on_arrival:RunOnArrival"),
    "Random": _entry("rules.random_modes:Random"),
    **JOB_RULES,
}
"""The methods of a leaderboard with all rules."""

VARIANTS: dict[str, Entry] = {
    "WaitAwhile-carbon": _entry("rules.jobs.wait_awhile:WaitAwhile", signal="carbon"),
    "LowestSlot-carbon": _entry("rules.jobs.gaia:LowestSlot", "carbon"),
    "LowestWindow-carbon": _entry("rules.jobs.gaia:LowestWindow", "carbon"),
    "CarbonTime-carbon": _entry("rules.jobs.gaia:CarbonTime", "carbon"),
    "PeakOffset-modes": _entry("rules.peak_offset:PeakOffset"),
    "PeakOffset-NoReturn-modes": _entry("rules.peak_offset:PeakOffset", night_return=False),
    **INDEX,
    "CutResponse": _entry("rules.cut_response:CutResponse"),
    "MPC-24": _entry("optimisers.mpc:Mpc", 24),
    "MPC-48": _entry("optimisers.mpc:Mpc", 48),
    "MPC-jobs": _entry("optimisers.mpc_jobs:MpcJobs"),
    "MPC-jobs-24": _entry("optimisers.mpc_jobs:MpcJobs", 24),
    "Planner": _entry("optimisers.planner:Planner"),
    "Planner-jobs": _entry("optimisers.planner_jobs:PlannerJobs"),
    "MPC-24-perfect": _entry("optimisers.mpc:Mpc", 24, perfect=True),
}
"""Methods that run only when they are named.

They are rules whose signal is not what the score is based on, rules that choose modes, one rule that responds only to
grid events, the index, whose parameters are tuned, and optimisers that take seconds for a week, or minutes with many
regions. One is a diagnostic that sees the future; it must never be ranked.
"""

QUANTILES: dict[str, Entry] = {
    "Threshold-": _entry("rules.jobs.threshold:Threshold"),
    "Threshold-soak-": _entry("rules.jobs.threshold:Threshold", soak=True),
    "Threshold-pull-": _entry("rules.jobs.threshold:Threshold", pull=True),
}
"""Methods whose names end in a quantile from 0 to 1, such as Threshold-0.25."""

VOTED = _entry("rules.voted:Voted")
"""The voted form of a rule for jobs, whose name is the rule's and `VOTED_END`."""
VOTED_END = "-voted"
PARAMETERS = ".yaml"
"""End of the name of a file with parameters of the index, which is the name of a method, too."""


def kind(name: str) -> Kind:
    """Whether a method plans with a model of the world, as an optimiser, or follows a rule; unknown names are rules."""
    entry = (RULES | VARIANTS).get(name)
    return "optimiser" if entry is not None and entry.where.startswith("optimisers.") else "rule"


def names() -> list[str]:
    """Names of the rules that enter a leaderboard."""
    return list(RULES)


def make(name: str) -> Policy:
    """Makes a policy from a name in `names()` or one like "Threshold-0.25", "WaitAwhile-carbon", "LACS-voted".

    The path of a .yaml file is the index with the parameters in it.

    Raises:
        ConfigError: there is no such policy, or the quantile is outside 0..1. The message lists the nearest names.
    """
    known = RULES | VARIANTS
    if name.endswith(PARAMETERS):
        return INDEX["TunedIndex"].make(name)
    if name in known:
        return known[name].make()
    rule = name.removesuffix(VOTED_END)
    if rule != name and gives_orders(rule):
        return VOTED.make(make(rule))
    prefix, _, tail = name.rpartition("-")
    if f"{prefix}-" in QUANTILES:
        return QUANTILES[f"{prefix}-"].make(_quantile(name, tail))
    by_lower = {rule.lower(): rule for rule in known}
    near = [by_lower[rule] for rule in difflib.get_close_matches(name.lower(), by_lower, n=3)]
    hint = f"; did you mean {', '.join(near)}?" if near else ""
    also = f"Threshold-Q with Q from 0 to 1, and NAME{VOTED_END} for rules that give orders to jobs"
    raise ConfigError(f"unknown policy {name!r}{hint} (known: {', '.join(known)}, {also})")


def gives_orders(name: str) -> bool:
    """Whether a name is that of a rule that gives orders to jobs."""
    of_jobs = {entry.where for entry in (JOB_RULES | INDEX).values()}
    entry = (RULES | VARIANTS).get(name) or QUANTILES.get(f"{name.rpartition('-')[0]}-")
    return entry is not None and entry.where in of_jobs


def _quantile(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ConfigError(f"policy {name!r}: {text!r}: must be a number from 0 to 1, such as Threshold-0.25") from None
