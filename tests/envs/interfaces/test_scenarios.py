"""Every shipped scenario plays: balances hold under every rule and any action, and observations stay in their box."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest

from wattward.baselines import make
from wattward.baselines import names as rules
from wattward.configs import load_scenario, names
from wattward.configs.schema.scenario import Scenario
from wattward.envs.checks.balances import assert_conserves
from wattward.envs.interfaces.cluster_env import ClusterEnv
from wattward.envs.interfaces.registration import ENVIRONMENTS

CHECKED_STEPS = 48
"""Of an episode; each rule begins at another step, so that together they check nearly all."""
REGIONS = {"western-hubs-direct-supply": 4, "eight-hubs": 8, "pinghu-chilled-water": 1, "qingyang-green": 1}


def one_day(name: str) -> Scenario:
    scenario = load_scenario(name)
    return scenario.model_copy(update={"episode_days": min(1.0, scenario.episode_days)})


def step_and_check(env: ClusterEnv, action: np.ndarray, check: bool) -> bool:
    """One step; True where the episode is over."""
    before = env.save() if check else None
    observation, reward, over, _, info = env.step(action)
    assert np.isfinite(reward) and np.isfinite(info["total_cost"])
    if before is not None:
        assert observation in env.observation_space
        assert_conserves(env.params, env.world, before, env.state, env.flows)
    return over


@pytest.mark.parametrize("name", names("scenarios"))
def test_balances_hold_under_every_rule(name: str) -> None:
    env = ClusterEnv(one_day(name))
    stride = max(1, env.scenario.n_steps // CHECKED_STEPS)
    for number, rule in enumerate(rules()):
        policy = make(rule)
        env.reset(options={"split": "test", "episode": number % 3})
        policy.reset(env.outlook(), np.random.default_rng(number))
        over = False
        while not over:
            over = step_and_check(env, policy.act(env.outlook()), (env.steps_taken + number) % stride == 0)
        assert env.kpis()["dropped_gpu_h"] == 0.0, rule


@pytest.mark.parametrize("name", names("scenarios"))
def test_balances_hold_whatever_is_done(name: str) -> None:
    env = ClusterEnv(one_day(name))
    env.action_space.seed(0)
    observation, _ = env.reset(options={"split": "test", "episode": 5})
    assert observation in env.observation_space
    over = False
    while not over:
        over = step_and_check(env, env.action_space.sample(), env.steps_taken < 200)


@pytest.mark.parametrize(("name", "count"), REGIONS.items())
def test_published_cases_have_their_sites_and_an_id(name: str, count: int) -> None:
    assert load_scenario(name).n_regions == count
    assert name in ENVIRONMENTS.values()


@pytest.mark.parametrize("env_id", ENVIRONMENTS)
def test_every_id_opens_its_scenario(env_id: str) -> None:
    env = gymnasium.make(env_id).unwrapped
    assert isinstance(env, ClusterEnv)
    assert env.scenario.name == ENVIRONMENTS[env_id]


def played(name: str, episode: int = 0) -> ClusterEnv:
    """The environment after a training episode in which all work ran on arrival."""
    env = ClusterEnv(name)
    env.reset(options={"split": "train", "episode": episode})
    over = False
    while not over:
        _, _, over, _, _ = env.step(np.full(env.scenario.n_regions, 2))
    return env


def test_twins_differ_in_what_they_are_named_for() -> None:
    tank, bare = load_scenario("pinghu-chilled-water"), load_scenario("pinghu-no-tank")
    assert [store.kind for store in tank.regions[0].stores] == ["chilled_water"]
    assert bare.regions == (tank.regions[0].model_copy(update={"stores": ()}),)
    green, air, direct = (load_scenario(f"qingyang-{twin}") for twin in ("green", "air", "direct"))
    assert air.regions[0].supply == green.regions[0].supply
    assert direct.regions[0].cooling == green.regions[0].cooling
    assert air.regions[0].cooling.kind != green.regions[0].cooling.kind
    cut, ups = load_scenario("shanghai-grid-event"), load_scenario("shanghai-ups")
    assert cut.regions == tuple(region.model_copy(update={"stores": ()}) for region in ups.regions)
    assert cut.grid_events == ups.grid_events
    for one, other in ((tank, bare), (green, air), (green, direct), (cut, ups)):
        assert (one.job_classes, one.contracts, one.tariffs) == (other.job_classes, other.contracts, other.tariffs)


def test_the_tank_saves_what_it_costs_in_power() -> None:
    with_tank, without = played("pinghu-chilled-water").kpis(), played("pinghu-no-tank").kpis()
    assert with_tank["total_cost"] < without["total_cost"]


def test_the_ups_of_lingang_give_the_cut_while_work_moves() -> None:
    """All work runs on arrival. 480 kWh above the reserve give 456: all of the cut in its first step, some in the next.

    The cut leaves 2,675 of 10,700 kW. Afterwards 960 kW, at 95 %, fill what was taken.
    """
    env = ClusterEnv("shanghai-ups")
    env.reset(options={"split": "test", "episode": 0})
    asked_kw, step_h, reserve_kwh = env.world.cut_kw[0, :, 0], 0.05, 320.0
    (start,) = np.flatnonzero((asked_kw[1:] > 0) & (asked_kw[:-1] == 0))[:1] + 1
    over, given_kwh = False, []
    while not over:
        step, before, stored_kwh = env.steps_taken, env.save(), env.state.stored_kwh[0, :, 0].copy()
        _, _, over, _, _ = env.step(np.array([2, 2]))
        assert_conserves(env.params, env.world, before, env.state, env.flows)
        flows, held_kwh = env.flows, env.state.stored_kwh[0, :, 0]
        missing_kw = float(flows.grid_kw[0, 0] + flows.discharge_kw[0, 0])
        above_kw = (stored_kwh[0] - reserve_kwh) * 0.95 / step_h
        needed_kw = max(0.0, missing_kw - 2675.0) if asked_kw[step] > 0 else 0.0
        assert flows.discharge_kw[0] == pytest.approx([min(9600.0, needed_kw, above_kw), 0.0], abs=1e-6)
        assert held_kwh[0] >= reserve_kwh - 1e-9
        assert held_kwh[1] == 800.0
        if step == start:
            assert flows.cut_kw[0, 0] == pytest.approx(0.75 * 10700.0)
        if start <= step < start + 40:
            given_kwh.append(float(flows.discharge_kw[0, 0]) * step_h)
            assert flows.charge_kw[0, 0] == 0.0
    assert sum(given_kwh) == pytest.approx(456.0)
    assert given_kwh[0] > 300.0 and given_kwh[1] > 0.0
    assert env.state.stored_kwh[0, 0, 0] == pytest.approx(800.0)


def test_what_lingang_defers_and_moves_meets_the_cut_from_its_first_step() -> None:
    """Announced one step of three minutes ahead, the cut is met when Lingang holds and Danjiangkou pulls."""
    env = ClusterEnv("shanghai-grid-event")
    for episode in range(3):
        env.reset(options={"split": "test", "episode": episode})
        asked, announced = (part[0, :, 0] for part in (env.world.cut_kw, env.world.announced_cut_kw))
        starts = np.flatnonzero((asked[1:] > 0) & (asked[:-1] == 0)) + 1
        over = False
        while not over:
            step = env.steps_taken
            _, _, over, _, _ = env.step(np.array([0, 3] if announced[step] > 0 else [2, 2]))
            flows = env.flows
            if step + 1 in starts:
                assert flows.moved_gb[0, 0] > 0.0
            if step in starts:
                assert flows.cut_kw[0, 0] == pytest.approx(flows.asked_cut_kw[0, 0])
                assert flows.transit_gpu_h.sum() == 0.0
    assert env.kpis()["late_gpu_h"] == 0.0
