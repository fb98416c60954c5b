"""What a file may say, and the files we ship."""

from wattward.configs.base import ConfigError
from wattward.configs.loading import load_region, load_scenario, load_tariff, names

__all__ = ["ConfigError", "load_region", "load_scenario", "load_tariff", "names"]
