"""Turns a scenario into the arrays that do not change during an episode."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from wattward.envs.model import site_model
from wattward.envs.model.caching import cached_for_owner
from wattward.envs.model.equipment import (
    added_heat_c,
    constraint_fields,
    max_extra_price_per_kwh,
    max_grid_price_per_kwh,
    max_supply_price_per_kwh,
    power_fields,
    site_fields,
)
from wattward.envs.model.site_model import SitePower
from wattward.envs.model.types import Floats, Params
from wattward.envs.world.processes.jobs import mean_work_gpu_h

if TYPE_CHECKING:
    from wattward.configs.schema.region import Region
    from wattward.configs.schema.scenario import Scenario

DAYS_PER_MONTH = 30.4
TYPICAL_SUN_SHARE = 0.14
TYPICAL_WIND_SHARE = 0.16
"""Mean capacity factors over Chinese provinces in weather year 2020 (PyPSA-China, CC0); they only scale the reward."""


def make_params(
    scenario: Scenario, batch: int = 1, recorded_max_price_per_kwh: tuple[float, ...] | None = None
) -> Params:
    """The parameters of `batch` equal environments; every array is contiguous and has the leading axis B.

    Args:
        scenario: The scenario of the environments.
        batch: Number of environments B.
        recorded_max_price_per_kwh: The highest price of each region in the recording that replaces the regions'
            tariffs (`Recording.max_price_per_kwh`), if there is one.

    Three of the parameters are derived, not read:

    - `terminal_cost_per_gpu_h`: the cost of unfinished work when the episode ends. It is an upper bound on what a
      GPU-h costs within the episode. Its price is the highest that the region's tariff, market or recording, their
      possible replacements, price spikes and contracts can reach, with the dirtiest grid. Its power is the full busy
      power (waking included) times the net power that a kW of IT power adds on a hot day, in a heat wave if there is
      one. The charges of programmes and the demand charge, spread over the episode's hours, are added. No hour of the
      episode has dearer energy. So leaving work undone pays at most if a last step would raise the month's peak.
    - `reference_cost_per_step`: the expected cost of a step when all work runs where and when it arrives, from mean
      prices, loads, carbon and green power. It only scales the reward. Disturbances do not change it, so that rewards
      with and without them have the same scale.
    - `shaping_coefficient_per_gpu_h`: the cost that a GPU-hour of work adds at mean prices, for the reward "shaped".
    """
    one = Params(
        n_steps=np.array(scenario.n_steps),
        step_h=np.array(scenario.step_h),
        **_fleet(scenario.regions),
        **_network(scenario),
        **_contracts(scenario, recorded_max_price_per_kwh or (None,) * scenario.n_regions),
        **site_fields(scenario, [expected_grid_kw(scenario, r) for r in range(scenario.n_regions)]),
        **constraint_fields(scenario, sum(_expected_power(scenario, r).facility_kw for r in range(scenario.n_regions))),
        class_malleable=np.array([job_class.malleable for job_class in scenario.job_classes]),
        class_preemptible=np.array([job_class.preemptible for job_class in scenario.job_classes]),
        class_restart_h=_floats(job_class.restart_h for job_class in scenario.job_classes),
        n_leads=np.array(scenario.horizon + 1),
    )
    return Params._make(np.ascontiguousarray(np.repeat(field[None], batch, axis=0)) for field in one)


def _fleet(regions: tuple[Region, ...]) -> dict[str, Any]:
    fleets, coolings = [region.fleet for region in regions], [region.cooling for region in regions]
    return {
        "fleet_gpus": _floats(fleet.gpus for fleet in fleets),
        "rigid_limit_gpus": _floats(fleet.gpus - fleet.reserved_for_interactive_gpus for fleet in fleets),
        "gpu_idle_kw": _floats(fleet.gpu_idle_kw for fleet in fleets),
        "gpu_busy_kw": _floats(fleet.gpu_busy_kw for fleet in fleets),
        "pue_base": _floats(cooling.pue_base for cooling in coolings),
        "pue_slope_per_c": _floats(cooling.pue_slope_per_c for cooling in coolings),
        "pue_free_c": _floats(cooling.free_below_c for cooling in coolings),
    }


def _network(scenario: Scenario) -> dict[str, Any]:
    links = [region.network for region in scenario.regions]
    return {
        "wan_gb_per_step": _floats(link.wan_gb_per_s * 3600 * scenario.step_h for link in links),
        "wan_cost_per_gb": _floats(link.wan_cost_per_gb for link in links),
        "wan_kwh_per_gb": _floats(link.wan_kwh_per_gb for link in links),
    }


def _contracts(scenario: Scenario, recorded: tuple[float | None, ...]) -> dict[str, Any]:
    contracts = scenario.contracts
    return {
        "demand_charge_per_kw": _floats(_demand_charge_per_kw(scenario, region) for region in scenario.regions),
        "carbon_price_per_kg": np.array(_carbon_price_per_kg(scenario)),
        "drop_cost_per_gpu_h": np.array(contracts.drop_cost_per_gpu_h),
        "late_cost_per_gpu_h_per_h": np.array(contracts.late_cost_per_gpu_h_per_h),
        "terminal_cost_per_gpu_h": _floats(
            _terminal_cost_per_gpu_h(scenario, *pair) for pair in zip(scenario.regions, recorded, strict=True)
        ),
        "terminal_late_h": np.array(contracts.terminal_late_h),
        "band_low": np.array(scenario.band_low),
        "band_high": np.array(scenario.band_high),
        "reference_cost_per_step": np.array(_reference_cost_per_step(scenario)),
        "shaping_coefficient_per_gpu_h": np.array(_shaping_coefficient_per_gpu_h(scenario)),
    }


def _carbon_price_per_kg(scenario: Scenario) -> float:
    return scenario.contracts.carbon_price_per_tonne / 1000.0


def _demand_charge_per_kw(scenario: Scenario, region: Region) -> float:
    monthly = scenario.tariffs[region.tariff].demand_charge_per_kw_month
    return monthly * scenario.episode_days / DAYS_PER_MONTH


def _terminal_cost_per_gpu_h(scenario: Scenario, region: Region, recorded_price_per_kwh: float | None) -> float:
    def highest(tariff: str) -> float:
        dearest = scenario.tariffs[tariff].highest_price_per_kwh
        if tariff == region.tariff and recorded_price_per_kwh is not None:
            dearest = recorded_price_per_kwh
        contract = region.cap_contract
        return dearest if contract is None else min(dearest, contract.strike_price_per_kwh) + contract.premium_per_kwh

    air, site = region.air, _site_power(region)
    hot_c = air.mean_c + air.season_amplitude_c + air.day_amplitude_c + 2.0 * air.weather_spread_c
    hot_c += added_heat_c(scenario, region)
    price_per_kwh = (
        max(max_grid_price_per_kwh(scenario, region, highest), max_supply_price_per_kwh(region))
        + max_extra_price_per_kwh(scenario, region)
        + region.carbon.fossil_kg_per_kwh * _carbon_price_per_kg(scenario)
        + _demand_charge_per_kw(scenario, region) / (scenario.episode_days * 24)
    )
    slope = site_model.net_slope(site, site_model.cooling_line(site, hot_c)[0])
    busy_kw = site.gpu_busy_kw + site_model.waking_kw(site, 1.0, scenario.step_h)
    return float(busy_kw * slope * price_per_kwh)


def _reference_cost_per_step(scenario: Scenario) -> float:
    total = sum(_mean_cost_per_h(scenario, r) for r in range(scenario.n_regions)) * scenario.step_h
    return max(total, 1e-3)


def _shaping_coefficient_per_gpu_h(scenario: Scenario) -> float:
    return float(np.mean([_added_cost_per_gpu_h(scenario, region) for region in scenario.regions]))


def _added_cost_per_gpu_h(scenario: Scenario, region: Region) -> float:
    gpus = region.fleet.gpus
    added_kw = (power_at_mean_air(region, 0.0, gpus).net_kw - power_at_mean_air(region, 0.0, 0.0).net_kw) / gpus
    return added_kw * max(0.0, _mean_energy_cost_per_kwh(scenario, region))


def _mean_energy_cost_per_kwh(scenario: Scenario, region: Region) -> float:
    price = scenario.tariffs[region.tariff].mean_price_per_kwh
    return price + region.carbon.mean_kg_per_kwh * _carbon_price_per_kg(scenario)


def _mean_cost_per_h(scenario: Scenario, r: int) -> float:
    region = scenario.regions[r]
    grid_kw = expected_grid_kw(scenario, r)
    interactive_gpus = min(region.fleet.gpus, region.interactive.mean_gpus)
    full = power_at_mean_air(region, interactive_gpus, region.fleet.gpus)
    peak_kw = max(0.0, full.net_kw - _typical_green_kw(region))
    demand_cost_per_kwh = _demand_charge_per_kw(scenario, region) / (scenario.episode_days * 24)
    return grid_kw * max(0.0, _mean_energy_cost_per_kwh(scenario, region)) + peak_kw * demand_cost_per_kwh


def expected_grid_kw(scenario: Scenario, r: int) -> float:
    """Expected grid power of region `r` when all work runs on arrival [kW]; the baseline of grid events by default.

    It is the power of the mean load at mean air temperature, less recovered power and the mean power of plants on site.
    """
    return max(0.0, _expected_power(scenario, r).net_kw - _typical_green_kw(scenario.regions[r]))


@cached_for_owner
def baseline_kw(scenario: Scenario) -> Floats:
    """Grid power that cuts are measured against, shape (R,) [kW]; 0 where the grid never asks for cuts."""
    fields = site_fields(scenario, [expected_grid_kw(scenario, r) for r in range(scenario.n_regions)])
    baselines: Floats = fields["event_baseline_kw"]
    return baselines


class Power(NamedTuple):
    """Power of a region [kW]."""

    facility_kw: float
    net_kw: float  # less recovered power


def _expected_power(scenario: Scenario, r: int) -> Power:
    """Power of region `r` under its mean load when all work runs where it arrives, at most its fleet."""
    work_gpu_h = sum(
        job_class.jobs_per_day[r] * mean_work_gpu_h(scenario, c, r) for c, job_class in enumerate(scenario.job_classes)
    )
    region = scenario.regions[r]
    interactive_gpus = min(region.fleet.gpus, region.interactive.mean_gpus)
    load_gpus = min(region.fleet.gpus, region.interactive.mean_gpus + work_gpu_h / 24.0)
    return power_at_mean_air(region, interactive_gpus, load_gpus)


def power_at_mean_air(region: Region, interactive_gpus: float, load_gpus: float) -> Power:
    """Power at mean air temperature under a steady load of `load_gpus`, of which `interactive_gpus` are interactive.

    GPUs that are not needed sleep if they can. The energy of waking is left out.
    """
    site = _site_power(region)
    slope, fixed_kw = site_model.cooling_line(site, region.air.mean_c)
    awake_gpus = site_model.kept_awake_gpus(site, load_gpus, site.fleet_gpus)
    at_work_gpus = load_gpus + (site_model.serving_gpus(site, interactive_gpus) - interactive_gpus)
    it_kw = site_model.it_kw(site, site.fleet_gpus, site.fleet_gpus - awake_gpus, at_work_gpus)
    facility_kw = site_model.facility_kw(it_kw, slope, fixed_kw)
    return Power(float(facility_kw), float(facility_kw - site_model.recovered_kw(site, it_kw)))


def _site_power(region: Region) -> SitePower:
    fleet, cooling = region.fleet, region.cooling
    return SitePower(
        fleet_gpus=fleet.gpus,
        gpu_idle_kw=fleet.gpu_idle_kw,
        gpu_busy_kw=fleet.gpu_busy_kw,
        pue_base=cooling.pue_base,
        pue_slope_per_c=cooling.pue_slope_per_c,
        pue_free_c=cooling.free_below_c,
        **power_fields(region),
    )


def _typical_green_kw(region: Region) -> float:
    river_kw = region.river.capacity_kw * sum(region.river.share_by_month) / 12
    return TYPICAL_SUN_SHARE * region.sun.capacity_kw + TYPICAL_WIND_SHARE * region.wind.capacity_kw + river_kw


def _floats(values: Iterable[float]) -> Floats:
    return np.array(list(values), dtype=np.float64)
