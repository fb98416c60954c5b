"""Importers: read files in their publishers' formats and store them as recordings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wattward.configs.lazy import exports

if TYPE_CHECKING:
    from wattward.envs.world.importers.options import Imported, Options
    from wattward.envs.world.importers.registry import import_files, summary

__all__ = [
    "Imported",
    "Options",
    "import_files",
    "summary",
]
__getattr__, __dir__ = exports(
    __name__,
    {
        "envs.world.importers.options": "Imported Options",
        "envs.world.importers.registry": "import_files summary",
    },
)
