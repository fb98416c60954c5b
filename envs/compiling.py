"""How the kernels are compiled."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar, cast

from numba import njit

Compiled = TypeVar("Compiled", bound=Callable[..., object])


def inlined(function: Compiled) -> Compiled:
    """A part of a kernel, compiled into whatever calls it; keeps the function's type.

    Inlining matters: a call would count references to every array of its arguments.
    """
    return cast("Compiled", njit(error_model="numpy", forceinline=True)(function))


def entry(function: Compiled) -> Compiled:
    """A kernel that Python calls, kept compiled on disk; releases the interpreter lock."""
    return cast("Compiled", njit(cache=True, error_model="numpy", nogil=True)(function))


def threaded_entry(function: Compiled) -> Compiled:
    """As `entry`, with its `prange` loops spread over threads."""
    return cast("Compiled", njit(cache=True, error_model="numpy", nogil=True, parallel=True)(function))


def digest_of(*paths: Path) -> int:
    """A number that changes with the content of files.

    Numba's cache knows a kernel by its own file and by the variables it closes over; an entry that closes over this
    number is compiled anew when a part of it in another file has changed.
    """
    digest = hashlib.sha256()
    for path in sorted(paths):
        digest.update(path.read_bytes())
    return int.from_bytes(digest.digest()[:7], "big")
