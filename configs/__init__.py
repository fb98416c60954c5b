"""What a file may say, and the files we ship."""

from wattward.configs.agent_loading import load_agent
from wattward.configs.base import ConfigError
from wattward.configs.loading import load_market, load_preset, load_region, load_scenario, load_tariff, names
from wattward.configs.suite_loading import load_suite

__all__ = [
    "ConfigError",
    "load_agent",
    "load_market",
    "load_preset",
    "load_region",
    "load_scenario",
    "load_suite",
    "load_tariff",
    "names",
]
