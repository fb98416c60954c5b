"""The kinds of import."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wattward.configs.schema.base import ConfigError
from wattward.envs.world.importers import air, carbon, jobs, prices, requests, store, weather
from wattward.envs.world.tidy import JOBS

if TYPE_CHECKING:
    from wattward.envs.world.importers.options import Imported, Options

KINDS: dict[str, Callable[[list[Path], Options], Imported]] = {
    "weather": weather.read,
    "requests": requests.read,
    "carbon": carbon.read,
    "prices": prices.read,
    "air": air.read,
    JOBS: jobs.read,
}
ALL_REGIONS = "import jobs does not take it; the jobs of a class are assigned to all regions"


def import_files(kind: str, files: Sequence[Path], out: Path, options: Options) -> Imported:
    """Reads files and adds them to the recording in `out`. Nothing is written unless all of them can be used.

    Raises:
        ConfigError: the kind is unknown, a region is missing or must not be given, or the importer or the store
            refuses the files.
    """
    if kind not in KINDS:
        raise ConfigError(f"kind = {kind!r}: must be one of {', '.join(KINDS)}")
    if bool(options.region) == (kind == JOBS):
        told = ALL_REGIONS if kind == JOBS else f"must name the region that the {kind} are of"
        raise ConfigError(f"--region: {told}")
    for path in files:
        if not path.is_file():
            raise ConfigError(f"{path}: no such file")
    imported = KINDS[kind](list(files), options)
    store.add(out, imported)
    return imported


def summary(imported: Imported) -> list[dict[str, Any]]:
    """One row for each imported series: name, unit, first and last time, count, lowest, mean and highest value."""
    return [
        {
            "region": imported.region,
            "series": each.series,
            "unit": each.unit,
            "from": each.times[0].isoformat(),
            "to": each.times[-1].isoformat(),
            "values": len(each.times),
            "least": float(each.values.min()),
            "mean": float(each.values.mean()),
            "most": float(each.values.max()),
        }
        for each in imported.measured
    ]
