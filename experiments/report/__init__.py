"""Interactive reports of results, each one HTML page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wattward.configs.lazy import exports

if TYPE_CHECKING:
    from wattward.experiments.report.data import Results, folders_of, method_of, read_results
    from wattward.experiments.report.report import replay_page

__all__ = [
    "Results",
    "folders_of",
    "method_of",
    "read_results",
    "replay_page",
]
__getattr__, __dir__ = exports(
    __name__,
    {
        "experiments.report.data": "Results folders_of method_of read_results",
        "experiments.report.report": "replay_page",
    },
)
