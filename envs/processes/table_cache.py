"""Tables that are slow to compute, kept as .npy files between processes; losing them costs only time."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from wattward.envs.types import Floats


def cache_directory() -> Path:
    """Where tables are kept: `$XDG_CACHE_HOME/wattward`, else `~/.cache/wattward`."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "wattward"


def cached_table(name: str, key: str, length: int, compute: Callable[[], Floats]) -> Floats:
    """The table kept under `name` and `key`, or `compute()`; read-only, shape (length,).

    A file that is missing, damaged or of the wrong length is computed again; a folder that takes no files is no error.
    """
    path = cache_directory() / f"{name}-{hashlib.sha256(key.encode()).hexdigest()[:16]}.npy"
    table = _read(path, length)
    if table is None:
        table = np.ascontiguousarray(compute(), dtype=np.float64)
        _write(path, table)
    table.setflags(write=False)
    return table


def _read(path: Path, length: int) -> Floats | None:
    try:
        table = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    if table.shape != (length,) or table.dtype != np.float64 or not np.isfinite(table).all():
        return None
    result: Floats = table
    return result


def _write(path: Path, table: Floats) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".tmp", delete=False) as file:
            np.save(file, table)
        Path(file.name).replace(path)
    except OSError:
        return
