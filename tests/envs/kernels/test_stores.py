"""Stores by hand, one and several at a site, and who orders them."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattward.configs import load_scenario
from wattward.configs.schema.scenario import Scenario
from wattward.configs.schema.storage import Battery, ChilledWater, Store, Ups
from wattward.envs.checks.balances import assert_conserves, random_params, random_world
from wattward.envs.checks.plain_site import levels, plain_params, plain_world, play, series
from wattward.envs.decisions.action import Mode, StoreOrder
from wattward.envs.interfaces.cluster_env import ClusterEnv
from wattward.envs.interfaces.sb3_env import FleetVecEnv
from wattward.envs.model.types import BY_GRID_EVENTS, BY_PRICE_RULE
from wattward.envs.simulator.simulator import Simulator, action_length
from wattward.envs.world.processes.store_rule import store_order

BATTERY = Battery(capacity_kwh=4.0, charge_kw=2.0, discharge_kw=3.0, charge_efficiency=0.8, discharge_efficiency=0.5)
TANK = ChilledWater(capacity_kwh=12.0, charge_kw=12.0, discharge_kw=20.0, cop=4.0, charge_cop=6.0)
UPS = Ups(
    capacity_kwh=8.0,
    reserve_kwh=3.0,
    charge_kw=1.0,
    discharge_kw=4.0,
    charge_efficiency=0.8,
    discharge_efficiency=0.5,
    wear_cost_per_kwh=0.1,
)
RUN = Mode.RUN


def test_a_battery_buys_in_the_valley_and_spares_the_peak() -> None:
    params = plain_params(4, stores=[BATTERY.model_copy(update={"wear_cost_per_kwh": 0.1})])
    world = plain_world(params, price_per_kwh=[0.2, 0.2, 1.0, 1.0], store_order=[1, 1, -1, -1])
    flows, states = play(params, world, [RUN] * 4)
    assert series(flows, "charge_kw") == pytest.approx([2.0, 2.0, 0.0, 0.0])
    assert levels(states) == pytest.approx([1.6, 3.2, 1.2, 0.0])
    assert series(flows, "discharge_kw") == pytest.approx([0.0, 0.0, 1.0, 0.6])
    assert series(flows, "grid_kw") == pytest.approx([3.0, 3.0, 0.0, 0.4])
    assert series(flows, "wear_cost") == pytest.approx([0.0, 0.0, 0.1, 0.06])


def test_a_battery_takes_surplus_whatever_it_is_ordered_and_no_more_than_it_holds() -> None:
    params = plain_params(4, stores=[BATTERY])
    world = plain_world(params, sun_kw=[2.0, 9.0, 9.0, 9.0], store_order=[0, -1, 0, 1])
    flows, states = play(params, world, [RUN] * 4)
    assert series(flows, "charge_kw") == pytest.approx([1.0, 2.0, 2.0, 0.0])
    assert levels(states) == pytest.approx([0.8, 2.4, 4.0, 4.0])
    assert series(flows, "curtailed_kw") == pytest.approx([0.0, 6.0, 6.0, 8.0])
    assert series(flows, "grid_kw") == [0.0] * 4


def test_what_is_stored_leaks() -> None:
    params = plain_params(3, stores=[BATTERY.model_copy(update={"loss_per_h": 0.25})])
    _, states = play(params, plain_world(params, store_order=[1, 0, 0]), [RUN] * 3)
    assert levels(states) == pytest.approx([1.6, 1.2, 0.9])


def test_a_tank_moves_the_chillers_work_to_the_night() -> None:
    """10 kW of heat at PUE 1.5: the chillers take 5 kW, and 2.5 kW less where the tank gives 10 kW at COP 4."""
    params = plain_params(3, stores=[TANK], pue_base=1.5, gpu_idle_kw=1.0, gpu_sleep_kw=1.0)
    flows, states = play(params, plain_world(params, store_order=[1, -1, -1]), [RUN] * 3)
    assert series(flows, "it_kw") == [10.0] * 3
    assert series(flows, "cold_in_kw") == pytest.approx([12.0, 0.0, 0.0])
    assert series(flows, "cold_out_kw") == pytest.approx([0.0, 10.0, 2.0])
    assert series(flows, "cooling_kw") == pytest.approx([7.0, 2.5, 4.5])
    assert levels(states) == pytest.approx([12.0, 2.0, 0.0])


def test_a_tank_spares_no_more_than_cooling_takes() -> None:
    tank = ChilledWater(capacity_kwh=100.0, charge_kw=100.0, discharge_kw=100.0, cop=4.0)
    params = plain_params(2, stores=[tank], pue_base=1.05, gpu_idle_kw=1.0, gpu_sleep_kw=1.0)
    flows, _ = play(params, plain_world(params, store_order=[1, -1]), [RUN] * 2)
    assert series(flows, "cold_out_kw")[1] == pytest.approx(2.0)
    assert series(flows, "cooling_kw")[1] == pytest.approx(0.0, abs=1e-12)


def test_two_batteries_of_different_sizes_work_in_their_order() -> None:
    """Power before it: 1 kW. The first is full after two hours; the second then charges alone."""
    small = Battery(capacity_kwh=2.0, charge_kw=1.0, discharge_kw=1.0, charge_efficiency=1.0, discharge_efficiency=1.0)
    large = Battery(capacity_kwh=9.0, charge_kw=2.0, discharge_kw=3.0, charge_efficiency=0.5, discharge_efficiency=0.5)
    params = plain_params(6, stores=[small, large])
    world = plain_world(params, store_order=[1, 1, 1, -1, -1, -1], sun_kw=[0, 0, 0, 0, 0, 1.5])
    flows, states = play(params, world, [RUN] * 6)
    assert series(flows, "charge_kw") == pytest.approx([3.0, 3.0, 2.0, 0.0, 0.0, 0.5])
    assert levels(states, 0) == pytest.approx([1.0, 2.0, 2.0, 1.0, 0.0, 0.5])
    assert levels(states, 1) == pytest.approx([1.0, 2.0, 3.0, 3.0, 3.0, 3.0])
    assert series(flows, "discharge_kw") == pytest.approx([0.0, 0.0, 0.0, 1.0, 1.0, 0.0])
    assert series(flows, "grid_kw") == pytest.approx([4.0, 4.0, 3.0, 0.0, 0.0, 0.0])


def test_what_the_first_battery_lacks_the_second_gives() -> None:
    first = Battery(capacity_kwh=0.4, charge_kw=1.0, discharge_kw=1.0, charge_efficiency=1.0, discharge_efficiency=1.0)
    second = first.model_copy(update={"capacity_kwh": 5.0, "wear_cost_per_kwh": 0.2})
    params = plain_params(2, stores=[first, second])
    flows, states = play(params, plain_world(params, store_order=[1, -1]), [RUN] * 2)
    assert levels(states, 0) == pytest.approx([0.4, 0.0])
    assert levels(states, 1) == pytest.approx([1.0, 0.4])
    assert series(flows, "discharge_kw")[1] == pytest.approx(1.0)
    assert series(flows, "wear_cost")[1] == pytest.approx(0.6 * 0.2)


def test_surplus_goes_first_to_a_store_that_is_to_charge() -> None:
    """1 kW of surplus: the UPS, second in the list, recharges; the battery, told to discharge, takes what is left."""
    battery = Battery(capacity_kwh=9.0, charge_kw=9.0, discharge_kw=9.0)
    ups = UPS.model_copy(update={"charge_kw": 0.7})
    params = plain_params(2, stores=[battery, ups], event_baseline_kw=0.0)
    params = params._replace(store_start_kwh=np.array([[[0.0, 3.0]]]), store_entry=np.array([[[1, BY_GRID_EVENTS]]]))
    simulator = Simulator(params)
    world = plain_world(params, sun_kw=2.0)
    simulator.load(0, world)
    before = simulator.save()
    simulator.fleet.modes[0] = [RUN, StoreOrder.DISCHARGE]
    simulator.advance()
    assert_conserves(params, world, before, simulator.state, simulator.flows)
    assert simulator.state.stored_kwh[0, 0].tolist() == pytest.approx([0.95 * 0.3, 3.0 + 0.8 * 0.7])
    assert simulator.flows.grid_kw[0, 0] == pytest.approx(0.0, abs=1e-12)


def test_two_tanks_share_the_heat() -> None:
    """10 kW of heat, 5 kW of cooling: the first tank takes 6 kW of heat at COP 4, the second the other 4 at COP 5."""
    first = TANK.model_copy(update={"capacity_kwh": 6.0})
    second = ChilledWater(capacity_kwh=20.0, charge_kw=20.0, discharge_kw=20.0, cop=5.0)
    params = plain_params(2, stores=[first, second], pue_base=1.5, gpu_idle_kw=1.0, gpu_sleep_kw=1.0)
    flows, states = play(params, plain_world(params, store_order=[1, -1]), [RUN] * 2)
    assert series(flows, "cold_in_kw")[0] == pytest.approx(26.0)
    assert series(flows, "cooling_kw") == pytest.approx([5.0 + 6.0 / 6.0 + 20.0 / 5.0, 5.0 - 6.0 / 4.0 - 4.0 / 5.0])
    assert [levels(states, s)[1] for s in range(2)] == pytest.approx([0.0, 16.0])


def test_a_ups_gives_what_a_cut_needs_and_keeps_its_reserve() -> None:
    """1 kW of load, of which a cut leaves 0.2: 5 kWh above the reserve give 2.5 kWh, so 0.8 kW for three hours."""
    params = plain_params(8, stores=[UPS], event_baseline_kw=1.0, event_pay_per_kwh=3.0, event_penalty_per_kwh=1.0)
    cut = [0.0, 0.8, 0.8, 0.8, 0.8, 0.0, 0.0, 0.0]
    world = plain_world(params, cut_kw=cut, store_order=[-1, 1, 0, -1, 1, -1, 0, 1])
    flows, states = play(params, world, [RUN] * 8)
    assert series(flows, "discharge_kw") == pytest.approx([0.0, 0.8, 0.8, 0.8, 0.1, 0.0, 0.0, 0.0])
    assert levels(states) == pytest.approx([8.0, 6.4, 4.8, 3.2, 3.0, 3.0, 3.8, 4.6])
    assert series(flows, "charge_kw") == pytest.approx([0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0])
    assert series(flows, "cut_kw") == pytest.approx([0.0, 0.8, 0.8, 0.8, 0.1, 0.0, 0.0, 0.0])
    assert series(flows, "grid_kw") == pytest.approx([1.0, 0.2, 0.2, 0.2, 0.9, 1.0, 2.0, 2.0])
    paid = [-0.8 * 3.0] * 3 + [0.7 - 0.1 * 3.0]
    assert series(flows, "event_cost")[1:5] == pytest.approx(paid)
    assert series(flows, "wear_cost")[1:5] == pytest.approx([0.08, 0.08, 0.08, 0.01])


def test_a_ups_feeds_nothing_into_the_grid() -> None:
    params = plain_params(2, stores=[UPS], event_baseline_kw=0.5, feed_in_kw=9.0)
    flows, _ = play(params, plain_world(params, cut_kw=9.0, sun_kw=[0.0, 0.4]), [RUN] * 2)
    assert series(flows, "discharge_kw") == pytest.approx([1.0, 0.6])
    assert series(flows, "sold_kw") == [0.0, 0.0]


def test_no_action_orders_a_ups() -> None:
    base = with_stores("agent")
    first, second = base.regions
    scenario = base.model_copy(update={"regions": (first.model_copy(update={"stores": (UPS, *first.stores)}), second)})
    env = ClusterEnv(scenario)
    assert scenario.n_stores == 2
    assert env.params.store_entry[0].tolist() == [[BY_GRID_EVENTS, 2, 3], [BY_PRICE_RULE] * 3]
    env.reset(seed=0)
    env.step(np.array([Mode.RUN, Mode.RUN, StoreOrder.CHARGE, StoreOrder.CHARGE]))
    assert env.state.stored_kwh[0].tolist() == [[8.0, 0.95 * 50 * 0.25, 25.0], [0.0] * 3]
    filled = (8.0 + 0.95 * 50 * 0.25) / 208.0
    assert env.fields["stored_power"][:, 0].tolist() == pytest.approx([filled, 0.0])
    assert env.fields["stored_cold"][:, 0].tolist() == pytest.approx([25.0 / 400.0, 0.0])


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), n_regions=st.integers(1, 3))
def test_any_stores_balance_under_any_orders(seed: int, n_regions: int) -> None:
    """Sites with 0 to 3 stores of any kind, each ordered by the price rule, by grid events or at random by actions."""
    rng, n_steps = np.random.default_rng(seed), 30
    params = random_params(rng, n_regions, n_steps, extended=True)
    told = (params.store_capacity_kwh > 0) & (params.store_entry == BY_PRICE_RULE)
    told &= rng.random(told.shape) < 0.5
    entry = params.store_entry.copy()
    entry[told] = n_regions + np.arange(np.count_nonzero(told))
    params, world = params._replace(store_entry=entry), random_world(rng, params, 10, extended=True)
    simulator = Simulator(params)
    simulator.load(0, world)
    np.testing.assert_array_equal(simulator.state.stored_kwh, params.store_start_kwh)
    for _ in range(n_steps):
        before = simulator.save()
        simulator.fleet.modes[0] = rng.integers(0, 4, action_length(params))
        simulator.advance()
        assert_conserves(params, world, before, simulator.state, simulator.flows)


def test_the_rule_charges_in_valleys_and_discharges_in_peaks_that_are_worth_it() -> None:
    scenario = with_stores("rule")
    day = np.array([0.3] * 8 + [0.6] * 8 + [1.0] * 6 + [0.6] * 2)
    price = np.repeat(np.tile(day, 3), 4)[:, None] * np.ones(2)
    order = store_order(scenario, price)[: 2 * 96].reshape(2, 24, 4, 2)
    assert order[:, :8, :, 0].min() == 1.0
    assert (order[:, 8:16, :, 0] == 0.0).all()
    assert order[:, 16:22, :, 0].max() == -1.0
    assert (order[..., 1] == 0.0).all(), "no store, no order"
    assert (store_order(scenario, np.ones((96, 2))) == 0.0).all(), "a flat price is worth nothing"


def with_stores(control: str) -> Scenario:
    base = load_scenario("zhejiang-xinjiang").model_copy(update={"storage_control": control, "episode_days": 1.0})
    stores: tuple[Store, ...] = (
        Battery(capacity_kwh=200, charge_kw=50, discharge_kw=50),
        ChilledWater(capacity_kwh=400, charge_kw=100, discharge_kw=100),
    )
    first, second = base.regions
    return base.model_copy(update={"regions": (first.model_copy(update={"stores": stores}), second)})


def test_an_agent_that_orders_stores_has_an_entry_for_each() -> None:
    env = ClusterEnv(with_stores("agent"))
    assert env.action_space == gymnasium.spaces.MultiDiscrete([4, 4, 4, 4])
    env.reset(seed=0)
    charge = np.array([Mode.RUN, Mode.RUN, StoreOrder.CHARGE, StoreOrder.IDLE])
    env.step(charge)
    assert env.flows.charge_kw[0].tolist() == [50.0, 0.0]
    assert env.flows.cold_in_kw[0].tolist() == [0.0, 0.0]
    fields = env.fields
    assert fields["stored_power"][0, 0] == pytest.approx(0.95 * 50 * 0.25 / 200)
    env.step(np.array([Mode.RUN, Mode.RUN, StoreOrder.DISCHARGE, StoreOrder.CHARGE]))
    assert env.flows.discharge_kw[0, 0] > 0.0
    assert env.flows.cold_in_kw[0, 0] == 100.0


def test_orders_by_rule_are_the_rules() -> None:
    ruled, ordered = ClusterEnv(with_stores("rule")), ClusterEnv(with_stores("agent"))
    assert ruled.action_space == gymnasium.spaces.MultiDiscrete([4, 4])
    options = {"split": "test", "episode": 0}
    ruled.reset(options=options)
    ordered.reset(options=options)
    for action in np.random.default_rng(0).integers(0, 4, (96, 2)):
        one = ruled.step(action)
        other = ordered.step(action)
        assert one[1:] == other[1:]
        np.testing.assert_array_equal(one[0], other[0])
    assert ruled.kpis()["discharged_kwh"] > 0.0
    assert ruled.kpis()["cold_kwh"] > 0.0


def test_joint_actions_and_batches_order_stores_too() -> None:
    scenario = with_stores("agent")
    single, batch = (
        ClusterEnv(scenario, action="joint"),
        FleetVecEnv(scenario, 2, seed=0, action="joint", reward="cost"),
    )
    assert single.action_space == batch.action_space == gymnasium.spaces.Discrete(256)
    batch.reset()
    number = int(np.array([Mode.RUN, Mode.RUN, StoreOrder.CHARGE, StoreOrder.CHARGE]) @ [64, 16, 4, 1])
    batch.step(np.array([number, number]))
    assert (batch._simulator.flows.charge_kw[:, 0] == 50.0).all()


def test_a_wrong_order_is_refused() -> None:
    env = ClusterEnv(with_stores("agent"))
    env.reset(seed=0)
    with pytest.raises(ValueError, match=r"0\.\.3"):
        env.step(np.array([0, 0, 4, 0]))
    with pytest.raises(ValueError, match="shape"):
        env.step(np.array([0, 0, 0]))
