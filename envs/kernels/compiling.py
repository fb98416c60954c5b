"""How the kernels are compiled, and the notice about compilation."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

from numba import njit
from numba.core.event import Listener, register
from numba.extending import overload, register_jitable

from wattward.envs.model import site_model

Compiled = TypeVar("Compiled", bound=Callable[..., object])


def inlined(function: Compiled) -> Compiled:
    """Compiles a part of a kernel so that it is inlined into its callers; keeps the function's type.

    Inlining matters for speed: a call would count references to every array among its arguments.
    """
    return cast("Compiled", njit(error_model="numpy", forceinline=True)(function))


def entry(function: Compiled) -> Compiled:
    """Compiles a kernel that Python calls; it is cached on disk and releases the global interpreter lock."""
    return cast("Compiled", njit(cache=True, error_model="numpy", nogil=True)(function))


def threaded_entry(function: Compiled) -> Compiled:
    """Compiles a kernel as `entry` does, with its `prange` loops spread over threads."""
    return cast("Compiled", njit(cache=True, error_model="numpy", nogil=True, parallel=True)(function))


def digest_of(*paths: Path) -> int:
    """Computes a number that changes when the content of the files changes.

    Numba's cache identifies a kernel by its own file and by the variables it closes over. So an entry that closes over
    this number is compiled again when one of its parts in another file has changed.
    """
    digest = hashlib.sha256()
    for path in sorted(paths):
        digest.update(path.read_bytes())
    return int.from_bytes(digest.digest()[:7], "big")


INLINE: Any = {"error_model": "numpy", "forceinline": True}
"""Options of functions that kernels share with Python."""


def _share_with_kernels() -> None:
    """Makes the functions of the site model callable from kernels, inlined; in kernels, amounts are numbers."""
    overload(site_model.lesser, jit_options=INLINE)(_lesser)
    overload(site_model.greater, jit_options=INLINE)(_greater)
    overload(site_model.select, jit_options=INLINE)(_select)
    for function in site_model.SHARED:
        register_jitable(**INLINE)(function)


# Numba needs the names of the arguments even if they are not used
def _lesser(first, second):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202, ARG001
    return lambda first, second: min(first, second)


def _greater(first, second):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202, ARG001
    return lambda first, second: max(first, second)


def _select(condition, if_true, if_false):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202, ARG001
    return lambda condition, if_true, if_false: if_true if condition else if_false


_share_with_kernels()

NOTICE = "wattward: compiling its kernels, half a minute, once; later processes find them compiled\n"


class Announcer(Listener):
    """Writes the notice to a terminal at the first compilation of an entry in this process."""

    def __init__(self, module: str) -> None:
        self._module, self._said = module, False

    def on_start(self, event: Any) -> None:  # noqa: ANN401 - Numba's event
        """Writes the notice if this is the first compilation of an entry of the module."""
        compiled = event.data["dispatcher"].py_func
        if not self._said and compiled.__module__ == self._module and sys.stderr.isatty():
            self._said = True
            sys.stderr.write(NOTICE)
            sys.stderr.flush()

    def on_end(self, event: Any) -> None:  # noqa: ANN401 - Numba's event
        """Does nothing."""


def announce_compilation_of(module: str) -> None:
    """Announces when functions of a module are compiled, but not when they are loaded from the cache on disk."""
    register("numba:compile", Announcer(module))  # type: ignore[no-untyped-call]
