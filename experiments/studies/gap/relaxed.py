"""Removes from a scenario the constraints that the bound ignores, to show what each of them costs a policy."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

from wattward.configs.schema.scenario import JobClass, Scenario

NO_DATA_GB = 1e-6
ALL = "all of these"


def _with_classes(scenario: Scenario, change: Callable[[JobClass], dict[str, Any]]) -> Scenario:
    changed = tuple(one.model_copy(update=change(one)) for one in scenario.job_classes)
    return scenario.model_copy(update={"job_classes": changed})


def _fluid(scenario: Scenario) -> Scenario:
    return _with_classes(scenario, lambda _: {"malleable": True, "preemptible": True, "restart_h": 0.0})


def _known(scenario: Scenario) -> Scenario:
    return _with_classes(scenario, lambda _: {"estimate_sigma": 0.0})


def _light(scenario: Scenario) -> Scenario:
    little = {"median": NO_DATA_GB, "low": NO_DATA_GB, "high": NO_DATA_GB}
    return _with_classes(scenario, lambda one: {"data_gb": one.data_gb.model_copy(update=little)})


def _without_demand_charge(scenario: Scenario) -> Scenario:
    free = {"demand_charge_per_kw_month": 0.0}
    tariffs = {name: tariff.model_copy(update=free) for name, tariff in scenario.tariffs.items()}
    return scenario.model_copy(update={"tariffs": tariffs})


RELAXATIONS: dict[str, Callable[[Scenario], Scenario]] = {
    "malleable jobs": _fluid,
    "exact estimates": _known,
    "jobs without data": _light,
    "no demand charge": _without_demand_charge,
}
"""Jobs pause, spread and restart at no cost; owners know their work; transfers take no time; peak power is free."""


def relaxed(scenario: Scenario) -> dict[str, Scenario]:
    """The unchanged scenario, one with each relaxation alone, and one with all of them, by name of the change."""
    alone = {name: change(scenario) for name, change in RELAXATIONS.items()}
    whole = reduce(lambda changed, change: change(changed), RELAXATIONS.values(), scenario)
    return {"as it is": scenario, **alone, ALL: whole}
