"""Files, tables and pictures of the hourly ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wattward.configs.lazy import exports

if TYPE_CHECKING:
    from wattward.experiments.ledger.files import fault_of, read_chain, write_ledger

__all__ = [
    "fault_of",
    "read_chain",
    "write_ledger",
]
__getattr__, __dir__ = exports(
    __name__,
    {
        "experiments.ledger.files": "fault_of read_chain write_ledger",
    },
)
