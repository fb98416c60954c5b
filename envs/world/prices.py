"""Prices of grid power in each region: of its tariff or market, under the contracts that it has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from wattward.configs.schema.tariff import Tariff
from wattward.envs.model.caching import cached_for_owner
from wattward.envs.world.processes.market import market_price, stream_of
from wattward.envs.world.processes.tariff import tariff_price

if TYPE_CHECKING:
    from wattward.configs.schema.scenario import GridPrice, Scenario
    from wattward.envs.model.types import Floats, Ints


def grid_price(rule: GridPrice, start_minute: int, n: int, step: int, seed: np.random.SeedSequence) -> Floats:
    """Price of each step by a tariff or a market, shape (N,) [currency/kWh]."""
    if isinstance(rule, Tariff):
        return tariff_price(rule, start_minute, n, step)
    return market_price(rule, start_minute, n, step, stream_of(rule, seed))


def price(scenario: Scenario, start_minute: int, n: int, seed: np.random.SeedSequence) -> Floats:
    """Price in each region by its tariff or market, shape (N, R) [currency/kWh]. The seed is not changed."""
    names, tariff_of = _tariffs(scenario)
    each = np.stack(
        [grid_price(scenario.tariffs[name], start_minute, n, scenario.step_minutes, seed) for name in names]
    )
    return each[tariff_of].T


def under_contracts(scenario: Scenario, price_per_kwh: Floats) -> Floats:
    """Prices after the price ceilings that regions have bought, shape (N, R) [currency/kWh]."""
    contracts = [region.cap_contract for region in scenario.regions]
    if not any(contracts):
        return price_per_kwh
    strike = np.array([np.inf if contract is None else contract.strike_price_per_kwh for contract in contracts])
    premium = np.array([0.0 if contract is None else contract.premium_per_kwh for contract in contracts])
    return np.minimum(price_per_kwh, strike) + premium


@cached_for_owner
def _tariffs(scenario: Scenario) -> tuple[list[str], Ints]:
    """Names of the tariffs in use, and the index of each region's tariff, shape (R,)."""
    names = sorted({region.tariff for region in scenario.regions})
    place = {name: i for i, name in enumerate(names)}
    return names, np.array([place[region.tariff] for region in scenario.regions])
