"""Reads job logs in the Standard Workload Format: submission times, run times and numbers of GPUs.

Chapin and others (1999) describe the format; the Parallel Workloads Archive publishes logs in it. Lines that begin with
';' are comments; those of the form `; Key: value` at the top are header fields. Every other line has 18 numbers, -1
where unknown. Submission times are seconds after the header's `UnixStartTime`, in UTC. A processor counts as one GPU.

Two kinds of lines are left out and counted: partial executions (status 2, 3 and 4; a separate line holds their sum),
and jobs with a run time of zero. The option `--missing` decides about jobs without processors or run time.
"""

from __future__ import annotations

import gzip
import re
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wattward.configs.schema.base import ConfigError
from wattward.envs.world.importers.options import Imported, Options
from wattward.envs.world.importers.store import file_facts
from wattward.envs.world.importers.times import to_utc
from wattward.envs.world.series import minutes_of

OPTIONS = frozenset({"zone", "time_format", "start", "job_class", "missing"})
DROP, REQUESTED = "drop", "requested"
FIELDS = (
    *("number", "submit_s", "wait_s", "run_s", "processors", "cpu_s", "memory_kb", "requested_processors"),
    *("requested_s", "requested_memory_kb", "status", "user", "group", "executable", "queue", "partition"),
    *("preceding_job", "think_s"),
)
"""The 18 columns, in their order."""
IN_PARTS = (2, 3, 4)
HEADER = re.compile(r";\s*(\w+)\s*:\s*(.*\S)")
KEPT_HEADERS = ("Computer", "Installation", "MaxProcs", "MaxJobs", "UnixStartTime", "TimeZoneString")
PARTS = "written in parts"


class Log(NamedTuple):
    """Header and rows of a log file."""

    header: dict[str, str]
    rows: pd.DataFrame  # a float column for each of FIELDS


def read(files: list[Path], options: Options) -> Imported:
    """Reads the jobs of one class.

    Raises:
        ConfigError: the class or the start is missing, there is more than one file, a line is not a job, or jobs lack
            processors or run time and `--missing` is not given.
    """
    options.allow("jobs", OPTIONS)
    if not options.job_class:
        raise ConfigError("--class must name the job class of a scenario that the log is played as")
    if options.missing not in (None, DROP, REQUESTED):
        raise ConfigError(f"--missing = {options.missing!r}: must be one of {DROP}, {REQUESTED}")
    if len(files) > 1:
        raise ConfigError(f"import jobs takes one log at a time, was given {', '.join(map(str, files))}")
    path = files[0]
    log = read_log(path)
    start, zone = _start(path, log.header, options)
    rows, left_out, filled = _usable(path, log.rows, options.missing)
    table = _table(rows, start, options.job_class)
    facts = {
        "kind": "jobs",
        "job_class": options.job_class,
        "sources": [file_facts(path)],
        "zone": zone,
        "header": {key: log.header[key] for key in KEPT_HEADERS if key in log.header},
        "jobs": len(table),
        "left_out": left_out,
        "missing": options.missing,
        "filled": filled,
        "notes": _notes(table, left_out, filled, options.job_class),
        "gaps": [],
    }
    return Imported("", [], facts, table)


def read_log(path: Path) -> Log:
    """The header fields and the rows of a log, compressed or not.

    Raises:
        ConfigError: the log cannot be read or holds no jobs, or a line is not 18 numbers. The message names the line.
    """
    try:
        with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as file:
            lines = file.read().splitlines()
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not readable as a job log: {error}") from error
    found = [HEADER.match(line.strip()) for line in lines if line.lstrip().startswith(";")]
    header = {match.group(1): match.group(2) for match in found if match}
    numbered = [(i, line.split()) for i, line in enumerate(lines, 1) if line.strip() and line.lstrip()[0] != ";"]
    for i, cells in numbered:
        if len(cells) != len(FIELDS):
            raise ConfigError(f"{path}, line {i}: has {len(cells)} columns, must have {len(FIELDS)}")
    if not numbered:
        raise ConfigError(f"{path}: holds no jobs")
    texts = pd.DataFrame([cells for _, cells in numbered], columns=FIELDS)
    rows = texts.apply(pd.to_numeric, errors="coerce").astype(np.float64)
    wrong = np.argwhere(~np.isfinite(rows.to_numpy()))
    if len(wrong):
        i, column = wrong[0]
        at = f"{path}, line {numbered[i][0]}: {FIELDS[column]} = {texts.iloc[i, column]!r}"
        raise ConfigError(f"{at}: must be a number, -1 where it is not known")
    _check_submitted(path, rows, [i for i, _ in numbered])
    return Log(header, rows)


def _check_submitted(path: Path, rows: pd.DataFrame, lines: list[int]) -> None:
    wrong = np.flatnonzero(rows["submit_s"].to_numpy() < 0)
    if len(wrong):
        value = rows["submit_s"].iloc[wrong[0]]
        raise ConfigError(f"{path}, line {lines[wrong[0]]}: submit_s = {value:g}: must be 0 or more")


def _start(path: Path, header: dict[str, str], options: Options) -> tuple[pd.Timestamp, str]:
    """Start of the log in UTC, and where it was found."""
    if options.start is not None:
        times = to_utc("--start", pd.Series([options.start], name="start"), options, events=True)
        return times.utc[0], times.zone
    text = header.get("UnixStartTime")
    if text is None:
        raise ConfigError(f"{path}: its header has no UnixStartTime; --start must say when its seconds begin")
    if not text.isdigit() or int(text) == 0:
        raise ConfigError(f"{path}: UnixStartTime = {text!r}: must be seconds since 1970 UTC, or --start be given")
    return pd.Timestamp(int(text), unit="s", tz="UTC"), "UnixStartTime of its header"


def _usable(path: Path, rows: pd.DataFrame, rule: str | None) -> tuple[pd.DataFrame, dict[str, int], dict[str, int]]:
    """Usable rows, the number of rows left out by reason, and the number of values filled from requests."""
    in_parts = rows["status"].isin(IN_PARTS)
    left_out = {PARTS: int(in_parts.sum())}
    rows = rows[~in_parts].copy()
    lacking = {"processors": rows["processors"] <= 0, "run time": rows["run_s"] < 0}
    counts = {name: int(missing.sum()) for name, missing in lacking.items()}
    if any(counts.values()) and rule is None:
        told = ", ".join(f"{count} without {name}" for name, count in counts.items() if count)
        raise ConfigError(
            f"{path}: of {len(rows)} jobs {told}; --missing {DROP} leaves them out, --missing {REQUESTED} takes what "
            f"was requested instead"
        )
    filled = dict.fromkeys(counts, 0)
    if rule == REQUESTED:
        filled["processors"] = _fill(rows, lacking["processors"], "processors", "requested_processors")
        filled["run time"] = _fill(rows, lacking["run time"], "run_s", "requested_s")
    known = (rows["processors"] > 0) & (rows["run_s"] >= 0)
    ran = rows["run_s"] > 0
    left_out["without processors or run time"] = int((~known).sum())
    left_out["that ran for no time"] = int((known & ~ran).sum())
    if not (known & ran).any():
        raise ConfigError(f"{path}: none of its {len(rows)} jobs has both processors and a run time")
    return rows[known & ran], left_out, filled


def _fill(rows: pd.DataFrame, missing: pd.Series[bool], column: str, requested: str) -> int:
    taken: NDArray[np.bool_] = (missing & (rows[requested] > 0)).to_numpy()
    rows.loc[taken, column] = rows.loc[taken, requested]
    return int(taken.sum())


def _table(rows: pd.DataFrame, start: pd.Timestamp, job_class: str) -> pd.DataFrame:
    """Jobs in order of submission; times in minutes since 1970-01-01 00:00 UTC."""
    began = float(minutes_of(pd.DatetimeIndex([start]), 0)[0])
    table = pd.DataFrame(
        {
            "job_class": job_class,
            "number": rows["number"].astype(np.int64),
            "submit_minute_utc": began + rows["submit_s"] / 60.0,
            "run_h": rows["run_s"] / 3600.0,
            "processors": rows["processors"],
            "user": rows["user"].astype(np.int64),
            "queue": rows["queue"].astype(np.int64),
        }
    )
    return table.sort_values("submit_minute_utc", kind="stable", ignore_index=True)


def _notes(table: pd.DataFrame, left_out: dict[str, int], filled: dict[str, int], job_class: str) -> list[str]:
    first, last = (pd.Timestamp(0) + pd.to_timedelta(table["submit_minute_utc"].iloc[[0, -1]], unit="min")).dt.floor(
        "min"
    )
    work = float((table["processors"] * table["run_h"]).sum())
    told: list[Any] = [
        f"{job_class}: {len(table)} jobs, {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC, "
        f"{work:.4g} GPU-h on {table['processors'].min():g} to {table['processors'].max():g} GPUs"
    ]
    told += [f"{count} jobs left out: {why}" for why, count in left_out.items() if count]
    told += [f"{count} jobs without {what} take what was requested" for what, count in filled.items() if count]
    return told
