"""Results kept for as long as the configuration they follow from is in use."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from functools import wraps
from typing import TypeVar, TypeVarTuple

Owner = TypeVar("Owner")
Rest = TypeVarTuple("Rest")
Value = TypeVar("Value")

MOST_OF_AN_OWNER = 8


def kept(compute: Callable[[Owner, *Rest], Value]) -> Callable[[Owner, *Rest], Value]:
    """Remembers what `compute` gave for an owner, told from others by identity, until that owner is gone.

    A scenario compared by its fields would cost more than an episode; it is frozen, so identity will do.

    Args:
        compute: a pure function of a frozen model and of hashable arguments; of the latter the last few are remembered.
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
