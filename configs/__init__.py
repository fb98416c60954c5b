"""Models of the configuration files, and the shipped files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wattward.configs.lazy import exports

if TYPE_CHECKING:
    from wattward.configs.loading.experiments import load_suite
    from wattward.configs.loading.reading import names
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
    from wattward.configs.schema.base import ConfigError

__all__ = [
    "ConfigError",
    "load_fit",
    "load_market",
    "load_preset",
    "load_region",
    "load_scenario",
    "load_serving",
    "load_suite",
    "load_tariff",
    "load_tokens",
    "names",
]
__getattr__, __dir__ = exports(
    __name__,
    {
        "configs.loading.experiments": "load_suite",
        "configs.loading.reading": "names",
        "configs.loading.worlds": "load_fit load_market load_preset load_region "
        "load_scenario load_serving load_tariff load_tokens",
        "configs.schema.base": "ConfigError",
    },
)
