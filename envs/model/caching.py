"""Caches results: in memory while their scenario is in use, or as files that processes share."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, TypeVarTuple

import numpy as np

from wattward.configs.digests import sha256_of_bytes
from wattward.configs.files import replacing
from wattward.configs.schema.base import ConfigError

if TYPE_CHECKING:
    from wattward.envs.model.types import Floats

Owner = TypeVar("Owner")
Rest = TypeVarTuple("Rest")
Value = TypeVar("Value")

MOST_OF_AN_OWNER = 8


def cached_for_owner(compute: Callable[[Owner, *Rest], Value]) -> Callable[[Owner, *Rest], Value]:
    """Caches the results of `compute` for an owner until that owner is garbage-collected.

    Owners are compared by identity. They are frozen, and comparing scenarios by fields takes longer than an episode.

    Args:
        compute: a pure function of a frozen model and hashable arguments. The last few arguments are cached.
    """
    memory: dict[int, dict[tuple[*Rest], Value]] = {}

    @wraps(compute)
    def remembered(owner: Owner, *rest: *Rest) -> Value:
        mine = memory.get(id(owner))
        if mine is None:
            mine = memory[id(owner)] = {}
            weakref.finalize(owner, memory.pop, id(owner), None).atexit = False
        if rest not in mine:
            if len(mine) == MOST_OF_AN_OWNER:
                del mine[next(iter(mine))]
            mine[rest] = compute(owner, *rest)
        return mine[rest]

    return remembered


def cache_directory() -> Path:
    """Folder of cached tables: `$XDG_CACHE_HOME/wattward`, else `~/.cache/wattward`."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "wattward"


def cached_table(name: str, key: str, length: int, compute: Callable[[], Floats]) -> Floats:
    """Returns the cached table of `name` and `key`, else the result of `compute()`; read-only, shape (length,).

    If the file is missing, damaged or of the wrong size, the table is computed again. If the folder cannot be written,
    nothing is cached.
    """
    path = cache_directory() / f"{name}-{sha256_of_bytes(key.encode())[:16]}.npy"
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
    with suppress(OSError, ConfigError), replacing(path) as temporary:
        np.save(temporary, table)
