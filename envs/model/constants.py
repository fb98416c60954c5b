"""Named numbers that kernels read as constants."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any


def named(title: str, numbers: Mapping[str, float]) -> Any:  # noqa: ANN401 - its attributes are numbers
    """An object with a number for each name.

    It is a module, because Numba takes the attributes of a module as constants. A named tuple would be copied whole
    wherever one of its numbers is used, and compiling would take several times as long.
    """
    module = ModuleType(title)
    module.__dict__.update(numbers)
    return module
