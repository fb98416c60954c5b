"""Loads agents' settings, suites and the list of shipped agents."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any

from wattward.configs.generate import members
from wattward.configs.loading.reading import DISTURBED_BY, HERE, check, find, names, read_yaml
from wattward.configs.schema.base import ConfigError
from wattward.configs.schema.suite import Suite
from wattward.configs.schema.zoo import Zoo

ALL = "all"
TOY = "toy"
"""Prefix of scenarios for tests and first steps, which are not on leaderboards."""


def load_agent_entry(name: str | Path, scenario: str) -> tuple[dict[str, Any], Path]:
    """Settings of an agent for a scenario, as its file states them: `default`, updated by the scenario's own keys.

    The agent's algorithm decides which keys and values are allowed, see `wattward.agents.load_agent`.

    Args:
        name: Shipped agent, or path of a settings file.
        scenario: Name of the scenario. A disturbed scenario has the settings of the scenario that is disturbed.

    Returns:
        Keys and values, and the path of their file, for messages.

    Raises:
        ConfigError: there is no such agent, or the file has an entry for an unknown scenario.
    """
    path, scenario = find("agents", name), scenario.partition(DISTURBED_BY)[0]
    entries = _entries(path, scenario)
    where = Path(f"{path}, entry {scenario if scenario in entries else 'default'}")
    return {**entries["default"], **entries.get(scenario, {})}, where


def _is_family(name: str) -> bool:
    try:
        return members.parse(name) is not None
    except ConfigError:
        return False


def _entries(path: Path, scenario: str) -> dict[str, dict[str, Any]]:
    entries = read_yaml(path)
    if "default" not in entries:
        raise ConfigError(f"{path}: key 'default' is missing; it holds the settings of scenarios that have no entry")
    known = ["default", *names("scenarios"), scenario]
    for key, entry in entries.items():
        if key not in known and not _is_family(str(key)):
            near = difflib.get_close_matches(str(key), known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"allowed: {', '.join(sorted(set(known)))}"
            raise ConfigError(f"{path}: unknown scenario {key!r}; {hint}")
        if not isinstance(entry, dict):
            raise ConfigError(f"{path}: {key} = {entry!r}: must be a mapping of settings to values")
    return entries


def load_suite(name: str | Path) -> Suite:
    """A suite by shipped name or path. `scenarios: all` becomes the names of all shipped scenarios except the toys.

    Raises:
        ConfigError: the file is missing or wrong.
    """
    path = find("suites", name)
    data = read_yaml(path)
    if data.get("scenarios") == ALL:
        data = {**data, "scenarios": [scenario for scenario in names("scenarios") if not scenario.startswith(TOY)]}
    return check(Suite, data, path)


def load_zoo(path: Path = HERE / "zoo.yaml") -> Zoo:
    """The list of shipped agents in a file; by default the shipped file.

    Raises:
        ConfigError: the file is missing or wrong.
    """
    return check(Zoo, read_yaml(path), path)
