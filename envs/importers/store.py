"""A recording on disk: one tidy table and its facts, written whole or not at all.

`recording.json` names the table by its hash, so that replacing this one file replaces the recording.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pandas as pd

from wattward.configs import ConfigError
from wattward.envs.importers.options import Imported
from wattward.envs.tidy import FACTS_FILE, FORMAT, read_facts, read_table

COLUMNS = ["region", "series", "time", "value", "unit"]


def file_facts(path: Path) -> dict[str, str]:
    """Name and hash of a source."""
    return {"file": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


def add(directory: Path, imported: Imported) -> dict[str, Any]:
    """Adds series to a recording, or makes one; series of the same region and name are replaced.

    Raises:
        ConfigError: the folder holds another layout, a recording that cannot be read, or cannot be written.
    """
    if (directory / "recording.yaml").exists():
        raise ConfigError(f"--out {directory}: holds a recording.yaml of another layout; another folder must be given")
    table, imports = _tidy(imported), [imported.facts]
    before = read_facts(directory) if (directory / FACTS_FILE).exists() else None
    if before is not None:
        table, imports = _merged(read_table(directory, before), table), [*_others(before, imported), imported.facts]
    try:
        return _write(directory, table, imports, None if before is None else before["table"])
    except OSError as error:
        raise ConfigError(f"--out {directory}: cannot be written: {error.strerror or error}") from error


def _tidy(imported: Imported) -> pd.DataFrame:
    parts = [
        pd.DataFrame(
            {"region": imported.region, "series": m.series, "time": m.times, "value": m.values, "unit": m.unit}
        )
        for m in imported.measured
    ]
    return pd.concat(parts, ignore_index=True)[COLUMNS]


def _merged(old: pd.DataFrame, new: pd.DataFrame) -> pd.DataFrame:
    kept = ~pd.MultiIndex.from_frame(old[["region", "series"]]).isin(
        pd.MultiIndex.from_frame(new[["region", "series"]].drop_duplicates())
    )
    return pd.concat([old[kept], new], ignore_index=True)


def _others(before: dict[str, Any], imported: Imported) -> list[dict[str, Any]]:
    own = (imported.facts["kind"], imported.region)
    return [fact for fact in before["imports"] if (fact["kind"], fact["region"]) != own]


def _write(directory: Path, table: pd.DataFrame, imports: list[dict[str, Any]], old: str | None) -> dict[str, Any]:
    made = not directory.exists()
    directory.mkdir(parents=True, exist_ok=True)
    table = table.sort_values(["region", "series", "time"], ignore_index=True)
    name = None
    try:
        name = _publish(directory, ".parquet", lambda path: table.to_parquet(path, index=False))
        facts = {
            "format": FORMAT,
            "table": name,
            "sha256": hashlib.sha256((directory / name).read_bytes()).hexdigest(),
            "imports": imports,
        }
        text = json.dumps(facts, indent=2, ensure_ascii=False) + "\n"
        _publish(directory, ".json", lambda path: path.write_text(text, encoding="utf-8"))
    except BaseException:
        if name is not None and name != old:
            (directory / name).unlink(missing_ok=True)
        if made:
            with suppress(OSError):
                directory.rmdir()
        raise
    if old is not None and old != name:
        (directory / old).unlink(missing_ok=True)
    return facts


def _publish(directory: Path, suffix: str, write: Callable[[Path], object]) -> str:
    """Writes a file aside and gives it its name in one stroke: a table is named by its hash."""
    with tempfile.NamedTemporaryFile(dir=directory, suffix=f"{suffix}.tmp", delete=False) as file:
        temporary = Path(file.name)
    try:
        write(temporary)
        digest = hashlib.sha256(temporary.read_bytes()).hexdigest()[:12]
        name = FACTS_FILE if suffix == ".json" else f"recording-{digest}{suffix}"
        temporary.chmod(0o644)
        temporary.replace(directory / name)
        return name
    finally:
        temporary.unlink(missing_ok=True)
