"""Checks whether modes can be masked in a scenario. `wattward.envs.decisions.modes.allowed_modes` gives the masks."""

from __future__ import annotations

from wattward.configs.schema.base import ConfigError
from wattward.configs.schema.scenario import Scenario


def check_maskable(scenario: Scenario) -> None:
    """Rejects scenarios for which no mask is known; masks are proven for plain regions only.

    Raises:
        ConfigError: the scenario has stores, contracts, sleep, grid events or constraints.
    """
    if scenario.is_extended:
        raise ConfigError(
            f"algorithm = 'maskable-ppo': scenario {scenario.name!r} has stores, contracts, sleep, grid events or "
            "constraints, for which no mask is known; use 'ppo'"
        )
