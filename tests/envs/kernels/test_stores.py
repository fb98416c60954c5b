"""Battery and tank by hand, and who orders them."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest

from wattward.configs import load_scenario
from wattward.configs.schema.region import Battery, Tank
from wattward.configs.schema.scenario import Scenario
from wattward.envs.checks.plain_site import plain_params, plain_world, play, series
from wattward.envs.decisions.action import Mode, StoreOrder
from wattward.envs.decisions.wrappers import JointModes
from wattward.envs.interfaces.cluster_env import ClusterEnv
from wattward.envs.interfaces.sb3_env import FleetVecEnv
from wattward.envs.world.processes.store_rule import store_order

BATTERY = {
    "battery_kwh": 4.0,
    "battery_charge_kw": 2.0,
    "battery_discharge_kw": 3.0,
    "battery_charge_efficiency": 0.8,
    "battery_discharge_efficiency": 0.5,
}
RUN = Mode.RUN


def test_a_battery_buys_in_the_valley_and_spares_the_peak() -> None:
    params = plain_params(4, **BATTERY, battery_wear_cost_per_kwh=0.1)
    world = plain_world(params, price_per_kwh=[0.2, 0.2, 1.0, 1.0], store_order=[1, 1, -1, -1])
    flows, states = play(params, world, [RUN] * 4)
    assert series(flows, "charge_kw") == pytest.approx([2.0, 2.0, 0.0, 0.0])
    assert series(states, "stored_kwh") == pytest.approx([1.6, 3.2, 1.2, 0.0])
    assert series(flows, "discharge_kw") == pytest.approx([0.0, 0.0, 1.0, 0.6])
    assert series(flows, "grid_kw") == pytest.approx([3.0, 3.0, 0.0, 0.4])
    assert series(flows, "wear_cost") == pytest.approx([0.0, 0.0, 0.1, 0.06])


def test_a_battery_takes_surplus_whatever_it_is_ordered_and_no_more_than_it_holds() -> None:
    params = plain_params(4, **BATTERY)
    world = plain_world(params, sun_kw=[2.0, 9.0, 9.0, 9.0], store_order=[0, -1, 0, 1])
    flows, states = play(params, world, [RUN] * 4)
    assert series(flows, "charge_kw") == pytest.approx([1.0, 2.0, 2.0, 0.0])
    assert series(states, "stored_kwh") == pytest.approx([0.8, 2.4, 4.0, 4.0])
    assert series(flows, "curtailed_kw") == pytest.approx([0.0, 6.0, 6.0, 8.0])
    assert series(flows, "grid_kw") == [0.0] * 4


def test_what_is_stored_leaks() -> None:
    params = plain_params(3, **BATTERY, battery_loss_per_h=0.25)
    _, states = play(params, plain_world(params, store_order=[1, 0, 0]), [RUN] * 3)
    assert series(states, "stored_kwh") == pytest.approx([1.6, 1.2, 0.9])


def test_a_tank_moves_the_chillers_work_to_the_night() -> None:
    """10 kW of heat at PUE 1.5: the chillers take 5 kW, and 2.5 kW less where the tank gives 10 kW at COP 4."""
    tank = {
        "tank_kwh": 12.0,
        "tank_charge_kw": 12.0,
        "tank_discharge_kw": 20.0,
        "tank_cop": 4.0,
        "tank_charge_cop": 6.0,
    }
    params = plain_params(3, **tank, pue_base=1.5, gpu_idle_kw=1.0, gpu_sleep_kw=1.0)
    flows, states = play(params, plain_world(params, store_order=[1, -1, -1]), [RUN] * 3)
    assert series(flows, "it_kw") == [10.0] * 3
    assert series(flows, "tank_in_kw") == pytest.approx([12.0, 0.0, 0.0])
    assert series(flows, "tank_out_kw") == pytest.approx([0.0, 10.0, 2.0])
    assert series(flows, "cooling_kw") == pytest.approx([7.0, 2.5, 4.5])
    assert series(states, "chilled_kwh") == pytest.approx([12.0, 2.0, 0.0])


def test_a_tank_spares_no_more_than_cooling_takes() -> None:
    tank = {"tank_kwh": 100.0, "tank_charge_kw": 100.0, "tank_discharge_kw": 100.0, "tank_cop": 4.0}
    params = plain_params(2, **tank, pue_base=1.05, gpu_idle_kw=1.0, gpu_sleep_kw=1.0)
    flows, _ = play(params, plain_world(params, store_order=[1, -1]), [RUN] * 2)
    assert series(flows, "tank_out_kw")[1] == pytest.approx(2.0)
    assert series(flows, "cooling_kw")[1] == pytest.approx(0.0, abs=1e-12)


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
    battery, tank = (
        Battery(capacity_kwh=200, charge_kw=50, discharge_kw=50),
        Tank(capacity_kwh=400, charge_kw=100, discharge_kw=100),
    )
    first, second = base.regions
    return base.model_copy(update={"regions": (first.model_copy(update={"battery": battery, "tank": tank}), second)})


def test_an_agent_that_orders_stores_has_an_entry_for_each() -> None:
    env = ClusterEnv(with_stores("agent"))
    assert env.action_space == gymnasium.spaces.MultiDiscrete([4, 4, 4, 4])
    env.reset(seed=0)
    charge = np.array([Mode.RUN, Mode.RUN, StoreOrder.CHARGE, StoreOrder.IDLE])
    env.step(charge)
    assert env.flows.charge_kw[0].tolist() == [50.0, 0.0]
    assert env.flows.tank_in_kw[0].tolist() == [0.0, 0.0]
    fields = env.fields
    assert fields["battery"][0, 0] == pytest.approx(0.95 * 50 * 0.25 / 200)
    env.step(np.array([Mode.RUN, Mode.RUN, StoreOrder.DISCHARGE, StoreOrder.CHARGE]))
    assert env.flows.discharge_kw[0, 0] > 0.0
    assert env.flows.tank_in_kw[0, 0] == 100.0


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
    assert ruled.kpis()["tank_kwh"] > 0.0


def test_joint_actions_and_batches_order_stores_too() -> None:
    scenario = with_stores("agent")
    single, batch = JointModes(ClusterEnv(scenario)), FleetVecEnv(scenario, 2, seed=0, joint=True, reward="cost")
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
