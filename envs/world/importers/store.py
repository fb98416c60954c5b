"""A recording on disk: a table of series, a table of jobs if there are any, and a file of facts.

`recording.json` names the tables by their hashes. Replacing this one file replaces the recording, so that a recording
is written whole or not at all.
"""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from wattward.configs.digests import sha256_of_bytes, sha256_of_file
from wattward.configs.files import write_bytes, write_text
from wattward.configs.schema.base import ConfigError
from wattward.envs.world.tidy import FACTS_FILE, FORMAT, JOBS, read_facts, read_jobs, read_table

if TYPE_CHECKING:
    from wattward.envs.world.importers.options import Imported

SERIES = "recording"
NONE_YET = ("str", "str", "datetime64[ns, UTC]", "float64", "str")
COLUMNS = ["region", "series", "time", "value", "unit"]
NO_SERIES = pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in zip(COLUMNS, NONE_YET, strict=True)})


class Held(NamedTuple):
    """Tables of a recording."""

    series: pd.DataFrame  # one row for each value, see COLUMNS
    jobs: pd.DataFrame | None  # one row for each job


def file_facts(path: Path) -> dict[str, str]:
    """Name and hash of a source."""
    return {"file": path.name, "sha256": sha256_of_file(path)}


def add(directory: Path, imported: Imported) -> dict[str, Any]:
    """Adds series or jobs to a recording, or creates it.

    They replace series of the same region and name, or jobs of the same class.

    Raises:
        ConfigError: the folder holds another layout or a recording that cannot be read, or it cannot be written.
    """
    if (directory / "recording.yaml").exists():
        raise ConfigError(f"--out {directory}: holds a recording.yaml of another layout; another folder must be given")
    before = read_facts(directory) if (directory / FACTS_FILE).exists() else None
    held = Held(_tidy(imported), imported.jobs)
    imports = [imported.facts]
    if before is not None:
        jobs = read_jobs(directory, before)
        held = Held(_merged(read_table(directory, before), held.series, "region", "series"), _joined(jobs, held.jobs))
        imports = [*_others(before, imported), imported.facts]
    try:
        return _write(directory, held, imports, _tables(before))
    except OSError as error:
        raise ConfigError(f"--out {directory}: cannot be written: {error.strerror or error}") from error


def _tidy(imported: Imported) -> pd.DataFrame:
    parts = [
        pd.DataFrame(
            {"region": imported.region, "series": m.series, "time": m.times, "value": m.values, "unit": m.unit}
        )
        for m in imported.measured
    ]
    return pd.concat(parts, ignore_index=True)[COLUMNS] if parts else NO_SERIES


def _merged(old: pd.DataFrame, new: pd.DataFrame, *keys: str) -> pd.DataFrame:
    """All rows of `new`, and the rows of `old` whose keys are not in `new`."""
    if old.empty or new.empty:
        return new if old.empty else old
    names = list(keys)
    kept = ~pd.MultiIndex.from_frame(old[names]).isin(pd.MultiIndex.from_frame(new[names].drop_duplicates()))
    return pd.concat([old[kept], new], ignore_index=True)


def _joined(old: pd.DataFrame | None, new: pd.DataFrame | None) -> pd.DataFrame | None:
    if old is None or new is None:
        return new if old is None else old
    return _merged(old, new, "job_class")


def _tables(facts: dict[str, Any] | None) -> set[str]:
    """File names of the tables in the facts."""
    if facts is None:
        return set()
    return {facts["table"]} | ({facts[JOBS]["table"]} if JOBS in facts else set())


def _subject(fact: dict[str, Any]) -> tuple[Any, ...]:
    return fact["kind"], fact.get("region"), fact.get("job_class")


def _others(before: dict[str, Any], imported: Imported) -> list[dict[str, Any]]:
    return [fact for fact in before["imports"] if _subject(fact) != _subject(imported.facts)]


def _write(directory: Path, held: Held, imports: list[dict[str, Any]], old: set[str]) -> dict[str, Any]:
    made = not directory.exists()
    directory.mkdir(parents=True, exist_ok=True)
    tables = {SERIES: held.series.sort_values(["region", "series", "time"], ignore_index=True)}
    if held.jobs is not None:
        tables[JOBS] = held.jobs.sort_values(["job_class", "submit_minute_utc"], kind="stable", ignore_index=True)
    named: dict[str, dict[str, str]] = {}
    try:
        for stem, table in tables.items():
            named[stem] = _publish_table(directory, stem, table)
        others = {stem: each for stem, each in named.items() if stem != SERIES}
        facts = {"format": FORMAT, **named[SERIES], **others, "imports": imports}
        write_text(directory / FACTS_FILE, json.dumps(facts, indent=2, ensure_ascii=False) + "\n")
    except BaseException:
        for name in {each["table"] for each in named.values()} - old:
            (directory / name).unlink(missing_ok=True)
        if made:
            with suppress(OSError):
                directory.rmdir()
        raise
    for name in old - _tables(facts):
        (directory / name).unlink(missing_ok=True)
    return facts


def _publish_table(directory: Path, stem: str, table: pd.DataFrame) -> dict[str, str]:
    """Writes a table to a file with its hash in the name, and returns name and hash."""
    content = table.to_parquet(index=False)
    sha256 = sha256_of_bytes(content)
    name = f"{stem}-{sha256[:12]}.parquet"
    write_bytes(directory / name, content)
    return {"table": name, "sha256": sha256}
