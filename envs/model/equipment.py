"""Parameters of a site's optional equipment: sleep, stores, contracts and programmes, and their values without it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from wattward.configs.schema.disturbance import HeatWave, NewTariff, PriceSpike
from wattward.envs.model.stores import store_fields, store_table

if TYPE_CHECKING:
    from wattward.configs.schema.region import Region
    from wattward.configs.schema.scenario import Scenario
    from wattward.envs.model.types import Floats


UNLIMITED_GPUS = 1e9

ONE = ("serving_exponent", "serving_gpus")
ZERO = (
    *("cooling_fixed_share", "recovered_share", "gpu_sleep_kw", "wake_kwh"),
    *("direct_price_per_kwh", "contract_price_per_kwh", "contract_take_share", "feed_in_price_per_kwh", "feed_in_kw"),
    *("event_baseline_kw", "event_pay_per_kwh", "event_penalty_per_kwh"),
    *("green_share_min", "shortfall_price_per_kwh"),
)


def site_fields(scenario: Scenario, expected_grid_kw: list[float]) -> dict[str, Any]:
    """Fields of `Params` by region, shape (R,), and of its stores, (R, S).

    Args:
        scenario: its regions and programmes.
        expected_grid_kw: expected grid power of each region when all work runs on arrival [kW]. By default, cuts are
            measured against it.
    """
    fields = plain_sites((scenario.n_regions,))
    for r, region in enumerate(scenario.regions):
        values = power_fields(region) | _contracts(region) | _green(scenario)
        values |= _events(scenario, region, expected_grid_kw[r])
        for name, value in values.items():
            fields[name][r] = value
    return fields | store_fields(scenario)


def constraint_fields(scenario: Scenario, expected_facility_kw: float) -> dict[str, Any]:
    """Weights of the constraints in `info["cost"]`.

    They normalise each constraint by the energy, GPU-h or number of regions of the whole scenario in a step.
    """
    fields, limits = no_constraints(()), scenario.constraints
    if limits is None:
        return fields
    fleet_gpu_h = sum(region.fleet.gpus for region in scenario.regions) * scenario.step_h
    if limits.green_share_min is not None:
        fields["green_constraint_per_kwh"] = np.array(1.0 / (expected_facility_kw * scenario.step_h))
    if limits.late:
        fields["late_constraint_per_gpu_h"] = np.array(1.0 / fleet_gpu_h)
    if limits.band:
        fields["band_constraint"] = np.array(1.0 / scenario.n_regions)
    return fields


def max_extra_price_per_kwh(scenario: Scenario, region: Region) -> float:
    """The most that a kWh may cost a site beyond the price of power, because of programmes and constraints."""
    programme, limits = scenario.grid_events, scenario.constraints
    extra = 0.0 if limits is None else limits.shortfall_price_per_kwh
    if programme is not None and region.name in programme.regions:
        extra += programme.pay_per_kwh + programme.penalty_per_kwh
    return extra


def max_supply_price_per_kwh(region: Region) -> float:
    """The highest price among a site's contracts; 0 if it has none."""
    supply = region.supply
    parts = [] if supply is None else [part for part in (supply.direct, supply.contract) if part is not None]
    return max([0.0, *(part.price_per_kwh for part in parts)])


def max_grid_price_per_kwh(scenario: Scenario, region: Region, tariff_price_per_kwh: Callable[[str], float]) -> float:
    """A price that no hour of the region exceeds, at least 0.

    Args:
        scenario: its disturbances.
        region: one of its regions.
        tariff_price_per_kwh: gives the highest price of a tariff of the scenario by its name.
    """
    mine = [happening for happening in scenario.disturbances if happening.is_in(region.name)]
    tariffs = [region.tariff, *(new.tariff for new in mine if isinstance(new, NewTariff))]
    dearest = max(0.0, *(tariff_price_per_kwh(name) for name in tariffs))
    for spike in mine:
        if isinstance(spike, PriceSpike):
            dearest = max(dearest, dearest * spike.factor + spike.added_price_per_kwh)
    return dearest


def added_heat_c(scenario: Scenario, region: Region) -> float:
    """The total temperature rise of all heat waves of the region together [C]."""
    waves = [happening for happening in scenario.disturbances if isinstance(happening, HeatWave)]
    return sum(wave.add_c for wave in waves if wave.is_in(region.name))


def power_fields(region: Region) -> dict[str, float]:
    """Further fields that a site's power depends on, besides the main numbers of its fleet and cooling."""
    fleet, cooling = region.fleet, region.cooling
    values = {
        "cooling_fixed_share": cooling.fixed_share,
        "recovered_share": cooling.recovered_share,
        "serving_exponent": fleet.serving_exponent,
        "serving_gpus": max(1.0, fleet.reserved_for_interactive_gpus),
        "gpu_sleep_kw": fleet.gpu_idle_kw,
        "wake_kwh": 0.0,
        "headroom_gpus": UNLIMITED_GPUS,
    }
    return values if fleet.sleep is None else values | fleet.sleep.model_dump()


def _contracts(region: Region) -> dict[str, float]:
    supply, values = region.supply, {}
    if supply is not None and supply.direct is not None:
        values["direct_price_per_kwh"] = supply.direct.price_per_kwh
    if supply is not None and supply.contract is not None:
        values["contract_price_per_kwh"] = supply.contract.price_per_kwh
        values["contract_take_share"] = supply.contract.take_share
    if supply is not None and supply.feed_in is not None:
        values["feed_in_price_per_kwh"], values["feed_in_kw"] = supply.feed_in.price_per_kwh, supply.feed_in.most_kw
    return values


def _green(scenario: Scenario) -> dict[str, float]:
    limits = scenario.constraints
    if limits is None or limits.green_share_min is None:
        return {}
    return {"green_share_min": limits.green_share_min, "shortfall_price_per_kwh": limits.shortfall_price_per_kwh}


def _events(scenario: Scenario, region: Region, expected_grid_kw: float) -> dict[str, float]:
    programme = scenario.grid_events
    if programme is None or region.name not in programme.regions:
        return {}
    return {
        "event_baseline_kw": programme.baseline_kw or expected_grid_kw,
        "event_pay_per_kwh": programme.pay_per_kwh,
        "event_penalty_per_kwh": programme.penalty_per_kwh,
    }


def plain_sites(shape: tuple[int, ...]) -> dict[str, Any]:
    """Fields of `Params` for sites without optional equipment: by region, shape (B, R) or (R,), and without stores.

    The fields of stores have the shape (B, R, 0) or (R, 0).
    """
    fields: dict[str, Any] = {name: np.zeros(shape) for name in ZERO} | {name: np.ones(shape) for name in ONE}
    fields["headroom_gpus"] = np.full(shape, UNLIMITED_GPUS)
    no_stores = store_table([()] * shape[-1])
    return fields | {name: np.broadcast_to(column, (*shape, 0)) for name, column in no_stores.items()}


def no_constraints(shape: tuple[int, ...]) -> dict[str, Any]:
    """Fields of `Params` for environments without constraints, shape (B,) or ()."""
    return {
        name: np.zeros(shape) for name in ("green_constraint_per_kwh", "late_constraint_per_gpu_h", "band_constraint")
    }


def quiet_world(fleet_gpus: Floats, n: int) -> dict[str, Floats]:
    """Fields of `Exogenous`, shape (B, n, R), for a world without disturbances; the fleets have shape (B, R)."""
    shape = (fleet_gpus.shape[0], n, fleet_gpus.shape[1])
    names = ("direct_kw", "contract_kw", "store_order", "cut_kw", "announced_cut_kw", "announced_in_h")
    fields = {name: np.zeros(shape) for name in names}
    whole = np.ascontiguousarray(np.broadcast_to(fleet_gpus[:, None, :], shape), dtype=np.float64)
    return fields | {"fleet_gpus": whole, "wan_share": np.ones(shape)}
