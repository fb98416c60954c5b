"""Sleep, cooling with load, serving power, contracts, cuts, constraints and failures, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from wattward.configs import load_scenario
from wattward.configs.schema.programme import Constraints, GridEvents
from wattward.envs.checks.plain_site import plain_params, plain_world, play, series
from wattward.envs.decisions.action import Mode
from wattward.envs.interfaces.cluster_env import ClusterEnv
from wattward.envs.model.params import baseline_kw
from wattward.envs.world.draw import draw
from wattward.envs.world.splits import episode_seed

HOLD, RUN, PULL = Mode.HOLD, Mode.RUN, Mode.PULL
BATCH, RIGID_JOB = 0, 1


def test_gpus_that_nothing_needs_sleep_and_wake_for_work_a_step_later() -> None:
    params = plain_params(4, gpu_sleep_kw=0.02, wake_kwh=0.05, headroom_gpus=1.0)
    world = plain_world(params, [(2, 9, BATCH, 6.0, 6.0)], interactive_gpus=2.0)
    flows, states = play(params, world, [RUN] * 4)
    assert series(flows, "asleep_gpus") == [0.0, 7.0, 7.0, 2.0]
    assert series(flows, "held_gpus") == [0.0, 0.0, 1.0, 6.0]
    assert series(flows, "woken_gpus") == [0.0, 0.0, 5.0, 1.0]
    assert series(states, "awake_gpus") == [3.0, 3.0, 8.0, 9.0]
    idle_kw, busy_kw = 0.1, 1.1
    assert series(flows, "it_kw") == pytest.approx(
        [
            2 * busy_kw + 8 * idle_kw,
            2 * busy_kw + 1 * idle_kw + 7 * 0.02,
            3 * busy_kw + 7 * 0.02 + 5 * 0.05,
            7 * busy_kw + 1 * idle_kw + 2 * 0.02 + 1 * 0.05,
        ]
    )


def test_held_work_wakes_nobody() -> None:
    params = plain_params(3, gpu_sleep_kw=0.02, headroom_gpus=0.0)
    flows, _ = play(params, plain_world(params, [(0, 9, BATCH, 6.0, 6.0)]), [HOLD] * 3)
    assert series(flows, "asleep_gpus") == [0.0, 10.0, 10.0]


def test_cooling_has_a_part_that_does_not_go_with_the_load() -> None:
    params = plain_params(1, pue_base=1.4, cooling_fixed_share=0.25)
    flows, _ = play(params, plain_world(params, interactive_gpus=4.0), [RUN])
    it_kw, full_kw = 10 * 0.1 + 4 * 1.0, 10 * 1.1
    assert series(flows, "it_kw") == pytest.approx([it_kw])
    assert series(flows, "cooling_kw") == pytest.approx([0.4 * (0.75 * it_kw + 0.25 * full_kw)])


def test_return_water_drives_a_turbine() -> None:
    params = plain_params(1, recovered_share=0.02)
    flows, _ = play(params, plain_world(params, interactive_gpus=4.0), [RUN])
    assert series(flows, "recovered_kw") == pytest.approx([0.1])
    assert series(flows, "grid_kw") == pytest.approx([4.9])


def test_few_requests_cost_more_power_each() -> None:
    params = plain_params(3, serving_exponent=0.5, serving_gpus=4.0)
    flows, _ = play(params, plain_world(params, interactive_gpus=[1.0, 4.0, 8.0]), [RUN] * 3)
    assert series(flows, "it_kw") == pytest.approx([1.0 + 2.0, 1.0 + 4.0, 1.0 + 8.0])


def test_green_comes_first_and_each_contract_is_paid_as_agreed() -> None:
    """5 kW of load: 1 of sun, 1.5 of the line, 2 of the contract, and the grid gives the rest."""
    prices = {"direct_price_per_kwh": 0.35, "contract_price_per_kwh": 0.4, "contract_take_share": 0.5}
    params = plain_params(2, **prices)
    offered = {"sun_kw": [1.0, 4.5], "direct_kw": 1.5, "contract_kw": [2.0, 2.0]}
    world = plain_world(params, interactive_gpus=4.0, price_per_kwh=0.6, **offered)
    flows, _ = play(params, world, [RUN] * 2)
    assert series(flows, "direct_used_kw") == pytest.approx([1.5, 0.5])
    assert series(flows, "contract_kw") == pytest.approx([2.0, 0.0])
    assert series(flows, "grid_kw") == pytest.approx([0.5, 0.0])
    assert series(flows, "curtailed_kw") == pytest.approx([0.0, 1.0])
    assert series(flows, "supply_cost") == pytest.approx([1.5 * 0.35 + 2.0 * 0.4, 0.5 * 0.35 + 1.0 * 0.4])
    assert series(flows, "energy_cost") == pytest.approx([0.3, 0.0])


def test_surplus_is_sold_up_to_a_limit() -> None:
    params = plain_params(1, feed_in_price_per_kwh=0.2, feed_in_kw=3.0)
    flows, _ = play(params, plain_world(params, sun_kw=6.0), [RUN])
    assert series(flows, "sold_kw") == pytest.approx([3.0])
    assert series(flows, "curtailed_kw") == pytest.approx([2.0])
    assert series(flows, "sales_cost") == pytest.approx([-0.6])


def test_a_cut_is_paid_as_far_as_it_is_met() -> None:
    """The baseline is 8 kW and 5 are to be cut: full with 3 kW drawn, in part with 5, not at all with 9."""
    rates = {"event_baseline_kw": 8.0, "event_pay_per_kwh": 3.0, "event_penalty_per_kwh": 1.0}
    params = plain_params(4, **rates)
    world = plain_world(params, interactive_gpus=[2.0, 4.0, 8.0, 8.0], cut_kw=[5.0, 5.0, 5.0, 0.0])
    flows, _ = play(params, world, [RUN] * 4)
    assert series(flows, "cut_kw") == pytest.approx([5.0, 3.0, 0.0, 0.0])
    assert series(flows, "event_cost") == pytest.approx([-15.0, -9.0 + 2.0, 5.0, 0.0])


def test_green_that_is_missing_is_charged_at_the_end() -> None:
    params = plain_params(2, green_share_min=0.8, shortfall_price_per_kwh=0.1)
    flows, states = play(params, plain_world(params, interactive_gpus=4.0, sun_kw=[5.0, 0.0]), [RUN] * 2)
    assert series(states, "green_kwh") == pytest.approx([5.0, 5.0])
    assert series(flows, "shortfall_cost") == pytest.approx([0.0, (0.8 * 10.0 - 5.0) * 0.1])


def test_gangs_on_gpus_that_fail_stop_the_last_first_and_go_on_later() -> None:
    params = plain_params(4)
    jobs = [(0, 9, RIGID_JOB, 4.0, 20.0), (0, 20, RIGID_JOB, 4.0, 20.0)]
    flows, _ = play(params, plain_world(params, jobs, fleet_gpus=[10.0, 6.0, 10.0, 10.0]), [RUN] * 4)
    assert series(flows, "held_gpus") == [8.0, 4.0, 8.0, 8.0]
    assert series(flows, "it_kw") == pytest.approx([1.0 + 8.0, 0.6 + 4.0, 1.0 + 8.0, 1.0 + 8.0])


def test_links_that_are_down_move_nothing() -> None:
    base = load_scenario("zhejiang-xinjiang")
    for name, moves in (("zhejiang-xinjiang", True), ("zhejiang-xinjiang+wan-outage", False)):
        scenario = load_scenario(name)
        lasting = tuple(d.model_copy(update={"start_h": 0.0, "hours": None}) for d in scenario.disturbances)
        env = ClusterEnv(scenario.model_copy(update={"disturbances": lasting, "episode_days": 2.0}))
        env.reset(options={"split": "test", "episode": 0})
        assert env.scenario.regions == base.regions
        moved_gb = 0.0
        for _ in range(env.scenario.n_steps):
            env.step(np.array([HOLD, PULL]))
            moved_gb += env.flows.moved_gb.sum()
        assert (moved_gb > 0.0) == moves


EVENTS = GridEvents(regions=("midong",), chance_per_day=1.0, hours=2, notice_h=3, pay_per_kwh=2.0, penalty_per_kwh=1.0)


def test_cuts_are_announced_as_long_ahead_as_agreed() -> None:
    scenario = load_scenario("zhejiang-xinjiang").model_copy(update={"grid_events": EVENTS})
    world = draw(scenario, episode_seed("test", 1))
    asked, announced, ahead = world.cut_kw[0], world.announced_cut_kw[0], world.announced_in_h[0]
    assert (asked[:, 0] == 0.0).all()
    starts = np.flatnonzero(np.diff(asked[:, 1], prepend=0.0) > 0)
    assert starts.size == len(asked) // 96 + (len(asked) % 96 > 0) or starts.size >= 7
    cut_kw = EVENTS.cut_share * baseline_kw(scenario)[1]
    for start in starts[:7]:
        assert 8 <= start % 96 / 4 <= 20
        assert (asked[start : start + 8, 1] == cut_kw).all()
        assert (announced[start - 12 : start + 8, 1] == cut_kw).all()
        assert ahead[start - 12 : start, 1].tolist() == pytest.approx([(12 - i) / 4 for i in range(12)])
        assert (ahead[start : start + 8, 1] == 0.0).all()


def test_cuts_are_in_the_observation() -> None:
    env = ClusterEnv(load_scenario("zhejiang-xinjiang").model_copy(update={"grid_events": EVENTS}))
    env.reset(options={"split": "test", "episode": 1})
    world, seen = env.world, []
    for _ in range(96):
        seen.append((env.fields["announced_cut"][1, 0], env.fields["announced_in"][1, 0], env.fields["cut"][1, 0]))
        assert env.outlook().announced_cut_kw[1] == world.announced_cut_kw[0, env.steps_taken, 1]
        env.step(np.array([RUN, RUN]))
    announced, ahead, now = np.array(seen).T
    np.testing.assert_allclose(announced > 0, world.announced_cut_kw[0, :96, 1] > 0)
    np.testing.assert_allclose(ahead, world.announced_in_h[0, :96, 1] / 24.0, rtol=1e-6)
    np.testing.assert_allclose(now > 0, world.cut_kw[0, :96, 1] > 0)


def test_constraints_give_a_cost_beside_the_reward() -> None:
    limits = Constraints(green_share_min=0.5, late=True, band=True)
    env = ClusterEnv(load_scenario("zhejiang-xinjiang").model_copy(update={"constraints": limits}))
    env.reset(options={"split": "test", "episode": 0})
    plain = ClusterEnv("zhejiang-xinjiang")
    plain.reset(options={"split": "test", "episode": 0})
    assert plain.step(np.array([RUN, RUN]))[4]["cost"] == 0.0
    _, _, _, _, info = env.step(np.array([RUN, RUN]))
    flows, params = env.flows, env.params
    load_kw = flows.it_kw + flows.cooling_kw + flows.wan_kw
    used = (flows.interactive_gpus + flows.busy_gpus) / params.fleet_gpus
    out_of_band = int(((used < 0.6) | (used > 0.8)).sum())
    missing_kwh = (0.5 * load_kw - (load_kw - flows.grid_kw)).sum() * 0.25
    expected = missing_kwh * params.green_constraint_per_kwh[0] + 0.5 * out_of_band
    assert info["cost"] == pytest.approx(expected)
    assert env.kpis()["lowest_green_share"] == pytest.approx(float((1 - flows.grid_kw / load_kw).min()))
