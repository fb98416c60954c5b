"""The bound against optima known by hand in regions that have more than fleet, plants and tariff."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from wattward.baselines.bound.bound import bound
from wattward.configs.schema.storage import Battery, ChilledWater, Store, Ups
from wattward.envs.checks.balances import random_params, random_world
from wattward.envs.model.stores import row_of, store_table
from wattward.envs.model.types import COST_TERMS, Exogenous, Params

Numbers = float | list[float]


def hand_params(n_steps: int, stores: Sequence[Store] = (), **changed: float) -> Params:
    """One region of ten GPUs of 1 kW, hourly steps; nothing but power, drops and unfinished work costs anything."""
    params = random_params(np.random.default_rng(0), 1, n_steps)
    zero = ("gpu_idle_kw", "pue_slope_per_c", "demand_charge_per_kw", "wan_cost_per_gb", "wan_kwh_per_gb")
    values = dict.fromkeys((*zero, "carbon_price_per_kg", "class_restart_h"), 0.0)
    values |= dict.fromkeys(("step_h", "gpu_busy_kw", "pue_base"), 1.0)
    values |= {"fleet_gpus": 10.0, "rigid_limit_gpus": 10.0, "drop_cost_per_gpu_h": 20.0}
    values |= {"late_cost_per_gpu_h_per_h": 10.0, "terminal_cost_per_gpu_h": 50.0} | changed
    table = store_table([[row_of(store) for store in stores]])
    fields = {name: np.full(getattr(params, name).shape, value) for name, value in values.items()}
    return params._replace(**fields, **{name: column[None] for name, column in table.items()})


def hand_world(
    params: Params, price: list[float], load_gpus: Numbers, *, jobs: int = 0, **changed: Numbers
) -> Exogenous:
    """Requests on `load_gpus`; each job has 4 GPU-h, can use 4 GPUs, arrives first and is never late."""
    world = random_world(np.random.default_rng(0), params, jobs)
    values: dict[str, Numbers] = {"sun_kw": 0.0, "wind_kw": 0.0, "hydro_kw": 0.0, "interactive_gpus": load_gpus}
    values |= {"price_per_kwh": price, "job_gpus": 4.0, "job_work_gpu_h": 4.0, **changed}
    n = world.price_per_kwh.shape[1]

    def filled(name: str) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        field, value = getattr(world, name), np.atleast_1d(values[name])
        if field.ndim < 3:
            return np.full(field.shape, value)
        return np.pad(np.broadcast_to(value, max(value.size, len(price))), (0, n - len(price))).reshape(field.shape)

    world = world._replace(
        job_arrival_step=0 * world.job_arrival_step, job_deadline_step=99 + 0 * world.job_arrival_step
    )
    series: dict[str, Any] = {name: filled(name) for name in values}
    return world._replace(**series)


def assert_costs(params: Params, world: Exogenous, cost: float, **terms: float) -> None:
    """The bound is `cost`, but for its safety margin; so is its plan's sum, and `terms` are of that."""
    found = bound(params, world)
    assert tuple(found.costs) == COST_TERMS
    assert_allclose([found.total_cost, sum(found.costs.values())], cost, rtol=1e-5, atol=1e-5)
    for name, value in terms.items():
        assert_allclose(found.costs[f"{name}_cost"], value, rtol=1e-4, atol=1e-4)


BATTERY = Battery(
    capacity_kwh=4.0,
    charge_kw=10.0,
    discharge_kw=10.0,
    charge_efficiency=0.8,
    discharge_efficiency=0.5,
    wear_cost_per_kwh=0.1,
)


@pytest.mark.parametrize(("loss_per_h", "given_kwh"), [(0.0, 2.0), (0.25, 1.5)])
def test_a_battery_carries_cheap_power_to_the_dear_hour(loss_per_h: float, given_kwh: float) -> None:
    params = hand_params(2, [BATTERY.model_copy(update={"loss_per_h": loss_per_h})])
    cost = 5 * 0.2 + (5 - given_kwh) + 0.1 * given_kwh
    assert_costs(params, hand_world(params, [0.2, 1.0], [0.0, 5.0]), cost, wear=0.1 * given_kwh)


def test_a_battery_lowers_the_peak() -> None:
    params = hand_params(2, [BATTERY.model_copy(update={"discharge_efficiency": 1.0})], demand_charge_per_kw=10.0)
    charged = 4 / 1.8  # x such that both hours draw 4 + x = 8 - 0.8 x
    cost = 8 + 4 + charged * 0.2 + (4 + charged) * 10 + 0.8 * charged * 0.1
    assert_costs(params, hand_world(params, [1.0, 1.0], [4.0, 8.0]), cost, demand=10 * (4 + charged))


def test_a_tank_is_charged_where_power_is_cheap_and_chillers_are_good() -> None:
    tank = ChilledWater(capacity_kwh=20.0, charge_kw=8.0, discharge_kw=8.0, cop=5.0, charge_cop=8.0)
    params = hand_params(2, [tank], pue_base=1.5)
    assert_costs(params, hand_world(params, [0.2, 1.0], 10.0), 15 * 0.2 + 15 + 1 * 0.2 - 8 / 5)


def test_a_tank_spares_no_more_than_there_is_to_cool() -> None:
    tank = ChilledWater(capacity_kwh=90.0, charge_kw=90.0, discharge_kw=90.0)
    params = hand_params(2, [tank], pue_base=1.5)
    assert_costs(params, hand_world(params, [0.1, 1.0], [0.0, 10.0]), 15 + 0.1 * 10 / 5 - 10 / 5)
    cool = params._replace(pue_base=np.array([[1.1]]))
    assert_costs(cool, hand_world(cool, [0.1, 1.0], [0.0, 10.0]), 11 + 0.1 - 1)


def test_two_batteries_give_what_both_hold() -> None:
    """The first has no wear and gives its 2 kWh; the second gives 1 kWh at most in the hour."""
    first = BATTERY.model_copy(update={"wear_cost_per_kwh": 0.0})
    second = BATTERY.model_copy(update={"discharge_kw": 1.0})
    params = hand_params(2, [first, second])
    cost = 0.2 * (4 / 0.8 + 2 / 0.8) + (5 - 3) + 0.1
    assert_costs(params, hand_world(params, [0.2, 1.0], [0.0, 5.0]), cost, wear=0.1)


def test_two_tanks_spare_no_more_than_there_is_to_cool() -> None:
    """10 kW of heat: 7 kW from the tank with the lower COP, which spares more, and 3 kW from the other."""
    first = ChilledWater(capacity_kwh=90.0, charge_kw=90.0, discharge_kw=90.0, cop=5.0)
    second = ChilledWater(capacity_kwh=7.0, charge_kw=7.0, discharge_kw=7.0, cop=4.0, charge_cop=4.0)
    params = hand_params(2, [first, second], pue_base=1.5)
    spared = 7 / 4 + 3 / 5
    assert_costs(params, hand_world(params, [0.1, 1.0], [0.0, 10.0]), 15 + 0.1 * spared - spared)


def test_a_ups_gives_in_a_cut_what_lies_above_its_reserve() -> None:
    """It starts full: 6 kWh above the reserve give 3 kWh, each paid 2 and spared; outside of cuts it gives nothing."""
    ups = Ups(capacity_kwh=10.0, reserve_kwh=4.0, charge_kw=1.0, discharge_kw=9.0, discharge_efficiency=0.5)
    params = hand_params(3, [ups], event_baseline_kw=11.0, event_pay_per_kwh=2.0, event_penalty_per_kwh=3.0)
    world = hand_world(params, [1.0, 0.5, 1.0], 10.0, cut_kw=[0.0, 9.0, 0.0])
    event = 5 * 3.0 - 4 * 2.0
    assert_costs(params, world, 10.0 + 0.5 * 7.0 + 10.0 + event, event=event)


def test_what_the_contract_must_be_paid_for_is_paid() -> None:
    params = hand_params(2, contract_price_per_kwh=0.5, contract_take_share=0.75)
    assert_costs(params, hand_world(params, [1.0, 1.0], [2.0, 10.0], contract_kw=4.0), 1.5 + 2.0 + 6.0, supply=3.5)


def test_the_direct_line_gives_what_it_offers_at_its_price() -> None:
    params = hand_params(2, direct_price_per_kwh=0.35)
    world = hand_world(params, [1.0, 1.0], [2.0, 10.0], direct_kw=3.0)
    assert_costs(params, world, 5 * 0.35 + 7, supply=5 * 0.35)


def test_surplus_is_sold_up_to_the_limit_and_own_power_comes_first() -> None:
    params = hand_params(1, feed_in_kw=3.0, feed_in_price_per_kwh=0.3)
    assert_costs(params, hand_world(params, [0.1], 2.0, sun_kw=6.0), -0.9, sales=-0.9)


def test_work_waits_out_a_cut() -> None:
    params = hand_params(2, event_baseline_kw=5.0, event_pay_per_kwh=2.0, event_penalty_per_kwh=3.0)
    world = hand_world(params, [0.5, 1.0], 0.0, jobs=1, cut_kw=[5.0, 0.0])
    assert_costs(params, world, -10.0 + 4.0, event=-10.0)
    cut_beyond = hand_world(params, [0.5, 1.0], 0.0, jobs=1, cut_kw=[7.0, 0.0])
    assert_costs(params, cut_beyond, 2 * 3.0 - 10.0 + 4.0)


def test_power_that_is_missing_to_the_green_share_costs() -> None:
    params = hand_params(1, green_share_min=0.8, shortfall_price_per_kwh=0.5)
    assert_costs(params, hand_world(params, [1.0], 10.0, sun_kw=4.0), 6.0 + 2.0, shortfall=2.0)


SLEEP = {"gpu_idle_kw": 0.5, "gpu_sleep_kw": 0.1, "wake_kwh": 0.2}


def test_gpus_that_nothing_needs_sleep_but_for_those_kept_ready() -> None:
    params = hand_params(2, **SLEEP, headroom_gpus=2.0)
    assert_costs(params, hand_world(params, [1.0, 1.0], 4.0), 7.0 + (0.6 + 4 * 1.0))
    assert_costs(params, hand_world(params, [1.0, 1.0], 0.0), 5.0 + (0.8 + 2 * 0.5))


def test_waking_takes_energy_the_hour_before() -> None:
    params = hand_params(3, **SLEEP, headroom_gpus=0.0)
    assert_costs(params, hand_world(params, [1.0, 1.0, 1.0], [0.0, 0.0, 6.0]), 5.0 + (1.0 + 6 * 0.2) + (0.4 + 6.0))


def test_few_requests_draw_more_power_each() -> None:
    params = hand_params(1, serving_exponent=0.5, serving_gpus=10.0)
    assert_costs(params, hand_world(params, [1.0], 2.5), 5.0)


def test_the_turbine_wins_power_back() -> None:
    params = hand_params(1, recovered_share=0.2)
    assert_costs(params, hand_world(params, [1.0], 10.0), 8.0)


def test_fans_run_at_any_load() -> None:
    params = hand_params(1, pue_base=1.5, cooling_fixed_share=0.4)
    assert_costs(params, hand_world(params, [1.0], 5.0), 5 * 1.3 + 10 * 0.5 * 0.4)


def test_requests_beyond_what_is_in_order_are_dropped() -> None:
    params = hand_params(1)
    assert_costs(params, hand_world(params, [1.0], 5.0, fleet_gpus=3.0), 3.0 + 2 * 20.0, drop=40.0)
