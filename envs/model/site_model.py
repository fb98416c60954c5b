"""The equations of a site: its power, its cooling, its supply and its costs. Each is written only here.

Kernels compile these functions into the step (see `envs.kernels.compiling`); there, every amount is a number. All other
code calls them as they are, with arrays that broadcast. `site` is anything that has the fields of `SitePower` (and, for
bills, the prices of `Params`): a row of SITE in kernels, `Params`, or the result of `power_of`. The order of operations
in a function matters: the same numbers give the same bits in Python and in a kernel.

Four terms recur. GPUs *in order* have not failed. GPUs *asleep* are those of them that sleep; all others are awake.
GPUs *at work* are busy: `serving_gpus` of interactive load and the GPUs of deferrable work. *Net* power is the power
that the site draws, less the power that it recovers from its return water.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from wattward.envs.model.types import Params

Amount: TypeAlias = Any
"""A number in kernels; an array, or a number, elsewhere."""


class SitePower(NamedTuple):
    """The parameters of a site's power; the fields are as in `Params`, each a number or an array of regions."""

    fleet_gpus: Amount
    gpu_idle_kw: Amount
    gpu_busy_kw: Amount
    gpu_sleep_kw: Amount
    wake_kwh: Amount
    headroom_gpus: Amount
    serving_exponent: Amount
    serving_gpus: Amount
    pue_base: Amount
    pue_slope_per_c: Amount
    pue_free_c: Amount
    cooling_fixed_share: Amount
    recovered_share: Amount


def power_of(params: Params, row: int) -> SitePower:
    """The sites of environment `row`; each field has shape (R,)."""
    return SitePower._make(getattr(params, name)[row] for name in SitePower._fields)


def lesser(first: Amount, second: Amount) -> Amount:
    """The lesser of two amounts."""
    return np.minimum(first, second)


def greater(first: Amount, second: Amount) -> Amount:
    """The greater of two amounts."""
    return np.maximum(first, second)


def select(condition: Amount, if_true: Amount, if_false: Amount) -> Amount:
    """Selects one of two amounts; both are computed."""
    return np.where(condition, if_true, if_false)


# --- cooling -----------------------------------------------------------------------------------------------------


def full_load_pue(site: Any, air_c: Amount) -> Amount:  # noqa: ANN401 - see the module
    """PUE at full load: base + slope x max(0, air temperature [C] - free-cooling limit [C])."""
    return site.pue_base + site.pue_slope_per_c * greater(0.0, air_c - site.pue_free_c)


def cooling_line(site: Any, air_c: Amount) -> tuple[Amount, Amount]:  # noqa: ANN401
    """Facility power as a line over IT power, at an air temperature [C].

    Cooling at full load draws (PUE - 1) x busy power x fleet. The fixed share f of it is drawn at any load.

    Returns:
        The slope, which is the facility power that a kW of IT power adds: PUE - f x (PUE - 1). Then the fixed part
        [kW]: f x (PUE - 1) x busy power x fleet.
    """
    pue = full_load_pue(site, air_c)
    fixed = site.cooling_fixed_share * (pue - 1.0)
    return pue - fixed, fixed * site.gpu_busy_kw * site.fleet_gpus


def cooling_kw(it_kw: Amount, slope: Amount, fixed_kw: Amount) -> Amount:
    """Cooling power [kW] without cooling stores: IT power [kW] x (slope - 1) + fixed part [kW]."""
    return it_kw * (slope - 1.0) + fixed_kw


def facility_kw(it_kw: Amount, slope: Amount, fixed_kw: Amount) -> Amount:
    """IT and cooling power [kW]: slope x IT power [kW] + fixed part [kW]."""
    return slope * it_kw + fixed_kw


def recovered_kw(site: Any, it_kw: Amount) -> Amount:  # noqa: ANN401
    """Power [kW] that a turbine recovers from the return water: recovered share x IT power [kW]."""
    return site.recovered_share * it_kw


def net_slope(site: Any, slope: Amount) -> Amount:  # noqa: ANN401
    """Power that a kW of IT power adds, net of recovered power: slope - recovered share."""
    return slope - site.recovered_share


# --- GPUs --------------------------------------------------------------------------------------------------------


def served_gpus(demand_gpus: Amount, awake_gpus: Amount, locked_gpus: Amount) -> Amount:
    """Interactive load that is served: at most the awake GPUs that are not locked. The rest is dropped."""
    return lesser(demand_gpus, greater(0.0, awake_gpus - locked_gpus))


def serving_gpus(site: Any, interactive_gpus: Amount) -> Amount:  # noqa: ANN401
    """Busy GPUs that draw the power of an interactive load of x GPUs: G (x / G) ^ exponent if x < G, else x."""
    share = interactive_gpus / site.serving_gpus
    curved = site.serving_gpus * share**site.serving_exponent
    return select((site.serving_exponent != 1.0) & (interactive_gpus < site.serving_gpus), curved, interactive_gpus)


def sleeps(site: Any) -> Amount:  # noqa: ANN401
    """Whether unneeded GPUs sleep: headroom < fleet."""
    return site.headroom_gpus < site.fleet_gpus


def resting_kw(site: Any) -> Amount:  # noqa: ANN401
    """Power [kW] of a GPU that is not needed for long: sleep power if GPUs can sleep, else idle power."""
    return select(sleeps(site), site.gpu_sleep_kw, site.gpu_idle_kw)


def kept_awake_gpus(site: Any, needed_gpus: Amount, most_gpus: Amount) -> Amount:  # noqa: ANN401
    """GPUs that are awake in the next step: needed GPUs + headroom, at most `most_gpus`."""
    return lesser(needed_gpus + site.headroom_gpus, most_gpus)


def it_kw(site: Any, in_order_gpus: Amount, asleep_gpus: Amount, at_work_gpus: Amount) -> Amount:  # noqa: ANN401
    """IT power [kW] without waking: idle x in order + (busy - idle) x at work - (idle - sleep) x asleep."""
    more_kw = site.gpu_busy_kw - site.gpu_idle_kw
    spared_kw = (site.gpu_idle_kw - site.gpu_sleep_kw) * asleep_gpus
    return site.gpu_idle_kw * in_order_gpus + more_kw * at_work_gpus - spared_kw


def waking_kw(site: Any, woken_gpus: Amount, step_h: Amount) -> Amount:  # noqa: ANN401
    """IT power [kW] that waking takes over a step [h]: woken GPUs x energy of a wake-up [kWh] / step."""
    return woken_gpus * site.wake_kwh / step_h


def kw_per_awake_gpu(site: Any, slope: Amount) -> Amount:  # noqa: ANN401
    """Power [kW] that one more busy GPU adds if it is awake already: slope x (busy - idle)."""
    return slope * (site.gpu_busy_kw - site.gpu_idle_kw)


def kw_per_rested_gpu(site: Any, slope: Amount) -> Amount:  # noqa: ANN401
    """Power [kW] that one more busy GPU adds if it was resting before: slope x (busy - resting), without waking."""
    return slope * (site.gpu_busy_kw - resting_kw(site))


def base_kw(
    site: Any,  # noqa: ANN401
    slope: Amount,
    fixed_kw: Amount,
    in_order_gpus: Amount,
    awake_gpus: Amount,
    at_work_gpus: Amount,
) -> Amount:
    """Facility power [kW] of GPUs in order, awake and at work; with `net_slope` for `slope`, net power."""
    return facility_kw(it_kw(site, in_order_gpus, in_order_gpus - awake_gpus, at_work_gpus), slope, fixed_kw)


# --- supply ------------------------------------------------------------------------------------------------------


def surplus_kw(green_kw: Amount, load_kw: Amount) -> Amount:
    """Power [kW] of the plants on site that a load does not use: max(0, green - load).

    Plants are sun, wind and hydro. Recovered power is not a plant: the mode SOAK leaves it out, and so does everything
    else that uses the surplus.
    """
    return green_kw - lesser(green_kw, load_kw)


def supply_order(
    load_kw: Amount, own_kw: Amount, direct_kw: Amount, contract_kw: Amount
) -> tuple[Amount, Amount, Amount, Amount]:
    """Serves a load [kW] in this order: own power, direct line, green contract. Each gives as much as it can.

    Returns:
        The power used from own plants, from the direct line and from the contract, and the missing power [kW].
    """
    own_used_kw = lesser(own_kw, load_kw)
    missing_kw = load_kw - own_used_kw
    direct_used_kw = lesser(direct_kw, missing_kw)
    missing_kw = missing_kw - direct_used_kw
    contract_used_kw = lesser(contract_kw, missing_kw)
    return own_used_kw, direct_used_kw, contract_used_kw, missing_kw - contract_used_kw


# --- bill --------------------------------------------------------------------------------------------------------


def energy_cost(grid_kw: Amount, step_h: Amount, price_per_kwh: Amount) -> Amount:
    """Grid energy at the tariff: grid power [kW] x step [h] x price."""
    return grid_kw * step_h * price_per_kwh


def carbon_kg(grid_kw: Amount, step_h: Amount, carbon_kg_per_kwh: Amount) -> Amount:
    """Carbon [kg] of grid energy: grid power [kW] x step [h] x intensity."""
    return grid_kw * step_h * carbon_kg_per_kwh


def demand_cost(site: Any, grid_kw: Amount, peak_kw: Amount) -> Amount:  # noqa: ANN401
    """Demand charge: the rise of grid power [kW] above the peak so far [kW] x charge per kW."""
    return greater(0.0, grid_kw - peak_kw) * site.demand_charge_per_kw


def supply_cost(
    site: Any,  # noqa: ANN401
    step_h: Amount,
    direct_used_kw: Amount,
    contract_used_kw: Amount,
    contract_kw: Amount,
) -> Amount:
    """Cost of direct line and green contract over a step [h], at their prices.

    At least the take share of what the contract delivers is paid for.
    """
    paid_kw = greater(contract_used_kw, site.contract_take_share * contract_kw)
    return (direct_used_kw * site.direct_price_per_kwh + paid_kw * site.contract_price_per_kwh) * step_h


def sales_cost(site: Any, step_h: Amount, sold_kw: Amount) -> Amount:  # noqa: ANN401
    """Revenue from feeding in, as a negative cost: - sold power [kW] x step [h] x price."""
    return 0.0 - sold_kw * step_h * site.feed_in_price_per_kwh


def met_cut_kw(site: Any, cut_kw: Amount, grid_kw: Amount) -> Amount:  # noqa: ANN401
    """The part of a requested cut [kW] that is met: min(cut, max(0, baseline - grid power))."""
    return lesser(cut_kw, greater(0.0, site.event_baseline_kw - grid_kw))


def event_cost(site: Any, step_h: Amount, cut_kw: Amount, met_kw: Amount) -> Amount:  # noqa: ANN401
    """Cost of a cut over a step [h]: (missed [kW] x penalty - met [kW] x payment) x step."""
    return ((cut_kw - met_kw) * site.event_penalty_per_kwh - met_kw * site.event_pay_per_kwh) * step_h


def shortfall_cost(site: Any, load_kwh: Amount, green_kwh: Amount) -> Amount:  # noqa: ANN401
    """Cost of falling short of the least green share: max(0, share x load [kWh] - green [kWh]) x price."""
    return greater(0.0, site.green_share_min * load_kwh - green_kwh) * site.shortfall_price_per_kwh


SHARED = (
    *(full_load_pue, cooling_line, cooling_kw, facility_kw, recovered_kw, net_slope),
    *(served_gpus, serving_gpus, sleeps, resting_kw, kept_awake_gpus, it_kw, waking_kw),
    *(kw_per_awake_gpu, kw_per_rested_gpu, base_kw, surplus_kw, supply_order),
    *(energy_cost, carbon_kg, demand_cost, supply_cost, sales_cost, met_cut_kw, event_cost, shortfall_cost),
)
"""The functions that kernels compile."""
