"""The results of an episode: indicators, tokens, and an hourly ledger of green power with certificates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wattward.configs.lazy import exports

if TYPE_CHECKING:
    from wattward.envs.accounting.hourly import Hourly, Ledger
    from wattward.envs.accounting.kpis import kpis_of

__all__ = [
    "Hourly",
    "Ledger",
    "kpis_of",
]
__getattr__, __dir__ = exports(
    __name__,
    {
        "envs.accounting.hourly": "Hourly Ledger",
        "envs.accounting.kpis": "kpis_of",
    },
)
