"""Loads files, by shipped name or by path, into checked models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wattward.configs.lazy import exports

if TYPE_CHECKING:
    from wattward.configs.loading.experiments import load_agent_entry, load_suite, load_zoo
    from wattward.configs.loading.reading import check, find, names, read_yaml
    from wattward.configs.loading.worlds import (
        load_fit,
        load_market,
        load_preset,
        load_region,
        load_scenario,
        load_serving,
        load_tariff,
        load_tokens,
    )

__all__ = [
    "check",
    "find",
    "load_agent_entry",
    "load_fit",
    "load_market",
    "load_preset",
    "load_region",
    "load_scenario",
    "load_serving",
    "load_suite",
    "load_tariff",
    "load_tokens",
    "load_zoo",
    "names",
    "read_yaml",
]
__getattr__, __dir__ = exports(
    __name__,
    {
        "configs.loading.experiments": "load_agent_entry load_suite load_zoo",
        "configs.loading.reading": "check find names read_yaml",
        "configs.loading.worlds": "load_fit load_market load_preset load_region "
        "load_scenario load_serving load_tariff load_tokens",
    },
)
