"""Scenarios that are made by a rule instead of read from a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wattward.configs.lazy import exports

if TYPE_CHECKING:
    from wattward.configs.generate.members import Member, parse
    from wattward.configs.generate.random_family import generate
    from wattward.configs.generate.scale import Size

__all__ = [
    "Member",
    "Size",
    "generate",
    "parse",
]
__getattr__, __dir__ = exports(
    __name__,
    {
        "configs.generate.members": "Member parse",
        "configs.generate.random_family": "generate",
        "configs.generate.scale": "Size",
    },
)
