"""How the kernels are compiled, and what is said about it.

Python calls a kernel by its entry. An entry consists of parts, which LLVM inlines into it. Numba would optimise
every part by itself and turn it into machine code, and each part again with all parts below it. Nobody calls that code,
and it took half of the time of a first use. So parts stay what they are until an entry contains them, and are optimised
there.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any, TypeVar, cast

from numba import njit
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler
from numba.core.event import Listener, register
from numba.extending import overload, register_jitable

from wattward.envs.kernels.cache import KernelCache
from wattward.envs.model import site_model

Compiled = TypeVar("Compiled", bound=Callable[..., object])
ENTRIES: set[Callable[..., object]] = set()
"""All functions that `entry` and `threaded_entry` were given."""


class _NoSymbols:
    """Stands for the table of symbols of machine code; a part has none."""

    def set_env(self, name: str, env: object) -> None:
        """Does nothing."""


class _PartLibrary(JITCodeLibrary):
    """The code of a part: ready to be linked into other code, without machine code of its own."""

    codegen = _NoSymbols()

    def _optimize_final_module(self) -> None:
        """Leaves this to the entry; the functions of the part have been simplified one by one."""

    def _finalize_final_module(self) -> None:
        self._finalize_dynamic_globals()
        self._finalized = True

    def get_pointer_to_function(self, name: str) -> int:  # noqa: ARG002 - Numba's protocol
        """Finishes the code and returns the null pointer."""
        self._ensure_finalized()
        return 0


class _PartCompiler(Compiler):
    """Compiles a part."""

    def __init__(self, typingctx: Any, targetctx: Any, library: Any, *rest: Any) -> None:  # noqa: ANN401 - Numba's
        super().__init__(typingctx, targetctx, library or _PartLibrary(targetctx.codegen(), "part"), *rest)


def inlined(function: Compiled) -> Compiled:
    """Compiles a part of a kernel so that it is inlined into its callers; keeps the function's type.

    Inlining matters for speed: a call would count references to every array among its arguments. Python cannot call a
    part: it raises a TypeError.
    """
    return _part(function, forceinline=True)


def called(function: Compiled) -> Compiled:
    """Compiles a part of a kernel that its callers call, because it is long or has many callers; see `inlined`."""
    return _part(function, forceinline=False)


def _part(function: Compiled, *, forceinline: bool) -> Compiled:
    options: Any = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True, "pipeline_class": _PartCompiler}
    part = njit(error_model="numpy", forceinline=forceinline, **options)(function)
    part.add_overload = partial(_keep_overload, part)
    part._compile_for_args = partial(_refuse, function)
    return cast("Compiled", part)


def _keep_overload(part: Any, result: Any) -> None:  # noqa: ANN401 - Numba's dispatcher and result
    """Keeps a compiled signature for kernels, and not for Python."""
    part.overloads[tuple(result.signature.args)] = result


def _refuse(function: Callable[..., object], *_: object, **__: object) -> None:
    raise TypeError(f"{function.__module__}.{function.__qualname__} is a part of kernels; Python calls their entries")


def entry(function: Compiled) -> Compiled:
    """Compiles a kernel that Python calls; it is cached on disk and releases the global interpreter lock."""
    return _cached(function, {})


def threaded_entry(function: Compiled) -> Compiled:
    """Compiles a kernel as `entry` does, with its `prange` loops spread over threads."""
    return _cached(function, {"parallel": True})


def _cached(function: Compiled, options: dict[str, Any]) -> Compiled:
    ENTRIES.add(function)
    kernel = njit(error_model="numpy", nogil=True, **options)(function)
    kernel._cache = KernelCache(function)
    return cast("Compiled", kernel)


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

NOTICE = "wattward: compiling kernels for this version and processor, about forty seconds; kept in {}\n"
DONE = "wattward: compiled {} in {:.1f} s\n"
LONG_S = 1.0
"""Kernels that take less time to compile are not named."""


class Announcer(Listener):
    """Says on stderr that kernels are compiled, when the first is, and names each that took long.

    It says so also where stderr is not a terminal, because notebooks and logs are silent otherwise.
    """

    def __init__(self, entries: set[Callable[..., object]]) -> None:
        self._entries, self._said = entries, False
        self._began_s: dict[Callable[..., object], float] = {}

    def on_start(self, event: Any) -> None:  # noqa: ANN401 - Numba's event
        """Says where kernels are kept, if this is the first one."""
        kernel = event.data["dispatcher"]
        if kernel.py_func not in self._entries:
            return
        self._began_s[kernel.py_func] = perf_counter()
        if not self._said:
            self._said = True
            _say(NOTICE.format(kernel._cache.cache_path))

    def on_end(self, event: Any) -> None:  # noqa: ANN401 - Numba's event
        """Names the kernel if it took long."""
        function = event.data["dispatcher"].py_func
        began_s = self._began_s.pop(function, None)
        if began_s is not None and perf_counter() - began_s >= LONG_S:
            _say(DONE.format(function.__name__, perf_counter() - began_s))


def _say(text: str) -> None:
    if sys.stderr is not None:
        sys.stderr.write(text)
        sys.stderr.flush()


register("numba:compile", Announcer(ENTRIES))
