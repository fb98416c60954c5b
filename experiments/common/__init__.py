"""Functions that all experiments share: files, provenance, tables, plots."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wattward.configs.lazy import exports

if TYPE_CHECKING:
    from wattward.experiments.common.provenance import code_digest
    from wattward.experiments.common.records import Record, write_records

__all__ = [
    "Record",
    "code_digest",
    "write_records",
]
__getattr__, __dir__ = exports(
    __name__,
    {
        "experiments.common.provenance": "code_digest",
        "experiments.common.records": "Record write_records",
    },
)
