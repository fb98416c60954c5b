"""Measures speed, memory and scale in one run, beside CartPole in the same process."""

from __future__ import annotations

import difflib
import importlib
import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from wattward.configs.files import write_json
from wattward.configs.schema.base import ConfigError
from wattward.experiments.benchmark import report
from wattward.experiments.benchmark.timing import QUICK, Effort, Measured, Meter, metered
from wattward.experiments.common.provenance import provenance

GIB = 2**30
SECTIONS = {
    "single": "stepping",
    "vector": "stepping",
    "profile": "profile",
    "reset": "stepping",
    "memory": "processes",
    "scale": "scale",
    "training": "training",
    "start": "processes",
}
"""Module of each section. The module has a function with the section's name and is imported when the section runs."""


def measure(only: Sequence[str] = (), *, quick: bool = False, progress: bool = True) -> dict[str, Any]:
    """Measures all sections, or some of them.

    Args:
        only: names of sections; all if empty.
        quick: whether to run everything for a short time only. The figures then mean nothing.
        progress: whether to show a progress bar.

    Returns:
        The figures of each section under its name, and "targets", "host", "quick" and "provenance".

    Raises:
        ConfigError: a section does not exist.
    """
    names, before = wanted(only), host()
    with metered(progress) as meter:
        sections = {name: section(name, QUICK if quick else Effort(), meter) for name in meter.each(names, "sections")}
    return {
        **sections,
        "targets": report.target_rows(sections),
        "quick": quick,
        "host": {**before, "load_average_after": os.getloadavg()[0]},
        "provenance": provenance(finished=datetime.now(UTC).isoformat(timespec="seconds")),
    }


def wanted(only: Sequence[str]) -> list[str]:
    """Names of the requested sections, in their order.

    Raises:
        ConfigError: a section does not exist.
    """
    for name in only:
        if name not in SECTIONS:
            near = difflib.get_close_matches(name, SECTIONS, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise ConfigError(f"--only {name!r}: no such section{hint} (sections: {', '.join(SECTIONS)})")
    return [name for name in SECTIONS if not only or name in only]


def section(name: str, effort: Effort, meter: Meter) -> Measured:
    """Measures one section and returns its figures."""
    module = importlib.import_module(f"wattward.experiments.benchmark.{SECTIONS[name]}")
    measured: Measured = getattr(module, name)(effort, meter)
    return measured


def check_path(path: Path) -> None:
    """Checks that the result can be written, before minutes of measurement.

    Raises:
        ConfigError: `path` is not a .json file, or its folder is not writable.
    """
    if path.suffix != ".json":
        raise ConfigError(f"--json {path}: suffix {path.suffix!r}: must be .json")
    there = next(folder for folder in path.absolute().parents if folder.exists())
    if path.is_dir() or not there.is_dir() or not os.access(there, os.W_OK):
        raise ConfigError(f"--json {path}: cannot be written")


def publish(path: Path, measured: dict[str, Any]) -> None:
    """Writes all measured figures as JSON, atomically."""
    write_json(path, measured)


def sections_of(measured: dict[str, Any]) -> dict[str, Measured]:
    """Only the sections of what `measure` returns."""
    return {name: measured[name] for name in SECTIONS if name in measured}


def host() -> dict[str, Any]:
    """The machine on which the figures were measured."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GIB, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "load_average": os.getloadavg()[0],
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())
