"""How the kernels are compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

from numba import njit

Compiled = TypeVar("Compiled", bound=Callable[..., object])


def compiled(function: Compiled) -> Compiled:
    """Numba's njit with the settings of all kernels, keeping the function's type.

    Inlining halves the cost of a step: a call would count references to every array of its arguments.
    """
    return cast("Compiled", njit(cache=True, error_model="numpy", forceinline=True)(function))
