"""Names of methods, and which of them are optimisers."""

from __future__ import annotations

from wattward.baselines import registry


def test_optimisers_are_those_that_plan_and_all_others_are_rules() -> None:
    kinds = {name: registry.kind(name) for name in registry.RULES | registry.VARIANTS}
    assert {name for name, kind in kinds.items() if kind == "optimiser"} == {
        "MPC-24",
        "MPC-48",
        "MPC-jobs",
        "MPC-jobs-24",
        "MPC-24-perfect",
        "Planner",
        "Planner-jobs",
    }
    assert {kinds[name] for name in registry.names()} == {"rule"}
    assert registry.kind("Threshold-0.25") == "rule"
