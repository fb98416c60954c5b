"""Which scenarios modes can be masked in; the masks are `wattward.envs.decisions.modes.allowed_modes`."""

from __future__ import annotations

from wattward.configs.schema.base import ConfigError
from wattward.configs.schema.scenario import Scenario


def check_maskable(scenario: Scenario) -> None:
    """Masks are proven for plain regions only.

    Raises:
        ConfigError: the scenario has stores, contracts, sleep, grid events or constraints.
    """
    if scenario.is_extended:
        raise ConfigError(
            f"algorithm = 'maskable-ppo': scenario {scenario.name!r} has stores, contracts, sleep, grid events or "
            "constraints, for which no mask is known; use 'ppo'"
        )
