"""Carbon intensity of a grid, from CSV files in the format of Electricity Maps."""

from __future__ import annotations

from pathlib import Path

from wattward.envs.world.importers.columns import pick
from wattward.envs.world.importers.market import read_columns
from wattward.envs.world.importers.options import Imported, Measured, Options
from wattward.envs.world.importers.store import file_facts
from wattward.envs.world.tidy import CARBON

OPTIONS = frozenset({"zone", "fill", "time_column", "time_format", "value_columns"})
CARBON_PATTERNS = (r"carbon.?intensity.*direct", r"carbon.?intensity", r"^ci_direct", r"gco.*kwh", r"^ci")
RENEWABLE_PATTERNS = (r"renew.*(percent|pct|%)", r"(percent|pct|%).*renew", r"renew")
MOST_G_PER_KWH, G_PER_KG = 2500.0, 1000.0


def read(files: list[Path], options: Options) -> Imported:
    """Reads carbon intensity of one region, and the renewable share if the file has it.

    Raises:
        ConfigError: a column is missing, a time or value cannot be used, or there are gaps.
    """
    options.allow("carbon", OPTIONS)

    def wanted(path: Path, header: list[str]) -> list[tuple[str, float, float, str]]:
        named = options.value_columns[0] if options.value_columns else None
        column = pick(path, header, named, CARBON_PATTERNS, "--value-column")
        shares = [c for c in header if c != column and "renew" in c.lower()]
        more = [(pick(path, shares, None, RENEWABLE_PATTERNS, ""), 0.0, 100.0, "%")] if shares else []
        return [(column, 0.0, MOST_G_PER_KWH, "gCO2eq/kWh"), *more]

    found = read_columns(files, options, wanted)
    values = found.grid.values
    measured = [Measured(CARBON, "kg/kWh", found.grid.times, values[:, 0] / G_PER_KG)]
    if values.shape[1] > 1:
        measured.append(Measured("renewable_share", "1", found.grid.times, values[:, 1] / 100.0))
    facts = {
        "kind": "carbon",
        "region": options.region,
        "sources": [file_facts(path) for path in files],
        **found.facts,
        "fill": options.fill,
    }
    return Imported(options.region, measured, facts)
