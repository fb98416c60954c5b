"""What more GPUs cost now, compared with the bill of the site model."""

from __future__ import annotations

import numpy as np
import pytest

from wattward.baselines.optimisers.mpc_sites import SupplyNow, supply_now
from wattward.configs import load_scenario
from wattward.envs.decisions.action import Mode
from wattward.envs.interfaces.cluster_env import ClusterEnv
from wattward.envs.model import site_model
from wattward.envs.model.types import Floats
from wattward.envs.policy.outlook import Outlook

PEAK_H = 10.0
NAMES = ("zhejiang-xinjiang", "jinshuitan-microgrid", "western-hubs-direct-supply", "qingyang-green", "follow-the-sun")


def bill_per_h(outlook: Outlook, load_kw: Floats, peak_kw: Floats) -> Floats:
    """Cost of an hour at a net load, by the equations of the site model, shape (R,)."""
    p, own_kw = outlook.params, outlook.green_forecast_kw[0]
    contract_kw = outlook.contract_forecast_kw[0]
    own_used_kw, direct_kw, taken_kw, grid_kw = site_model.supply_order(
        load_kw, own_kw, outlook.direct_forecast_kw[0], contract_kw
    )
    paid_kw = np.maximum(taken_kw, p.contract_take_share[0] * contract_kw)
    carbon_cost = p.carbon_price_per_kg[0] * outlook.carbon_forecast_kg_per_kwh[0]
    total: Floats = (
        grid_kw * (outlook.price_per_kwh + carbon_cost)
        + direct_kw * p.direct_price_per_kwh[0]
        + paid_kw * p.contract_price_per_kwh[0]
        - np.minimum(own_kw - own_used_kw, p.feed_in_kw[0]) * p.feed_in_price_per_kwh[0]
        + np.maximum(0.0, grid_kw - peak_kw) * p.demand_charge_per_kw[0] / PEAK_H
    )
    return total


def cost_per_h(supply: SupplyNow, gpus: Floats) -> Floats:
    """Cost of an hour of more GPUs (R,), segment after segment, shape (R,)."""
    total, rest = np.zeros(gpus.size), gpus.copy()
    for width, cost in zip(*supply, strict=True):
        used = np.minimum(rest, width)
        total, rest = total + used * cost, rest - used
    assert (rest == 0).all()
    return total


@pytest.mark.parametrize("name", NAMES)
def test_the_segments_cost_what_the_bill_rises_by(name: str) -> None:
    scenario, rng = load_scenario(name), np.random.default_rng(0)
    # without a least green share, whose shortfall the bill charges at the end of the episode
    env = ClusterEnv(scenario.model_copy(update={"episode_days": 1.0, "constraints": None}))
    env.reset(options={"split": "train", "episode": 0})
    for _ in range(env.scenario.n_steps):
        outlook = env.outlook()
        peak_kw, store_kw = rng.uniform(0.0, 2.0, (2, outlook.n_regions)) * outlook.base_kw * [[1.0], [0.1]]
        supply = supply_now(outlook, store_kw, peak_kw, PEAK_H)
        gpus = rng.uniform(0.0, 1.0, outlook.n_regions) * outlook.fleet_gpus
        load_kw = outlook.base_kw - store_kw
        bills = [bill_per_h(outlook, load_kw + kw, peak_kw) for kw in (0.0, gpus * outlook.kw_per_rested_gpu)]
        np.testing.assert_allclose(cost_per_h(supply, gpus), bills[1] - bills[0], rtol=1e-9, atol=1e-6)
        env.step(np.concatenate([np.full(outlook.n_regions, Mode.RUN), np.zeros(scenario.n_stores, np.int64)]))


def test_power_that_a_cut_asks_for_costs_its_penalty_and_its_payment() -> None:
    env = ClusterEnv("shanghai-grid-event")
    env.reset(options={"split": "train", "episode": 0})
    start = int(np.flatnonzero(env.world.cut_kw[0, :, 0] > 0)[0])
    while env.steps_taken < start:
        env.step(np.array([Mode.HOLD, Mode.HOLD]))
    outlook, p = env.outlook(), env.params
    supply = supply_now(outlook, np.zeros(2), np.full(2, 1e9), PEAK_H)
    above_baseline_less_cut = p.event_baseline_kw[0, 0] - outlook.cut_forecast_kw[0, 0] < outlook.base_kw[0]
    cost = supply.cost_per_gpu_h[supply.gpus[:, 0] > 0, 0][0]
    carbon_cost = p.carbon_price_per_kg[0] * outlook.carbon_forecast_kg_per_kwh[0, 0]
    event_cost = p.event_penalty_per_kwh[0, 0] + p.event_pay_per_kwh[0, 0]
    expected = (outlook.price_per_kwh[0] + carbon_cost + event_cost) * outlook.kw_per_rested_gpu[0]
    assert above_baseline_less_cut and cost == pytest.approx(expected)
