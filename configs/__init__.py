"""What a file may say, and the files we ship."""

from wattward.configs.agent_loading import load_agent
from wattward.configs.base import ConfigError
from wattward.configs.loading import (
    load_market,
    load_preset,
    load_region,
    load_scenario,
    load_tariff,
    load_tokens,
    names,
)
from wattward.configs.suite_loading import load_suite
from wattward.configs.tokens_loading import load_fit, load_serving

__all__ = [
    "ConfigError",
    "load_agent",
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
