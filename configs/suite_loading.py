"""From a suite's name or path to a checked suite."""

from __future__ import annotations

from pathlib import Path

from wattward.configs.loading import check, find, names, read_yaml
from wattward.configs.suite_schema import Suite

ALL = "all"
TOY = "toy"
"""Scenarios whose names begin like this are for tests and first steps, not for leaderboards."""


def load_suite(name: str | Path) -> Suite:
    """A suite by shipped name or path; `scenarios: all` becomes the names of the shipped scenarios but the toys.

    Raises:
        ConfigError: the file is missing or wrong.
    """
    path = find("suites", name)
    data = read_yaml(path)
    if data.get("scenarios") == ALL:
        data = {**data, "scenarios": [scenario for scenario in names("scenarios") if not scenario.startswith(TOY)]}
    return check(Suite, data, path)
