"""Air temperature from CSV files."""

from __future__ import annotations

from pathlib import Path

from wattward.envs.world.importers.columns import pick
from wattward.envs.world.importers.market import read_columns
from wattward.envs.world.importers.options import Imported, Measured, Options
from wattward.envs.world.importers.store import file_facts
from wattward.envs.world.tidy import AIR, UNITS

OPTIONS = frozenset({"zone", "fill", "time_column", "time_format", "value_columns"})
AIR_PATTERNS = (r"^temperature", r"air.?temp", r"temp_?air", r"^t2m")
LEAST_C, MOST_C = -90.0, 60.0
"""Limits beyond any temperature measured near the ground."""


def read(files: list[Path], options: Options) -> Imported:
    """Air temperature of one region, in degrees Celsius.

    Raises:
        ConfigError: a column is missing, a time or value cannot be used, or there are gaps.
    """
    options.allow("air", OPTIONS)

    def wanted(path: Path, header: list[str]) -> list[tuple[str, float, float, str]]:
        named = options.value_columns[0] if options.value_columns else None
        return [(pick(path, header, named, AIR_PATTERNS, "--value-column"), LEAST_C, MOST_C, UNITS[AIR])]

    found = read_columns(files, options, wanted)
    facts = {
        "kind": "air",
        "region": options.region,
        "sources": [file_facts(path) for path in files],
        **found.facts,
        "fill": options.fill,
    }
    return Imported(options.region, [Measured(AIR, UNITS[AIR], found.grid.times, found.grid.values[:, 0])], facts)
