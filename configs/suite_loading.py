"""From a suite's name or path to a checked suite."""

from __future__ import annotations

from pathlib import Path

from wattward.configs.loading import check, find, read_yaml
from wattward.configs.suite_schema import Suite


def load_suite(name: str | Path) -> Suite:
    """A suite by shipped name or path.

    Raises:
        ConfigError: the file is missing or wrong.
    """
    path = find("suites", name)
    return check(Suite, read_yaml(path), path)
