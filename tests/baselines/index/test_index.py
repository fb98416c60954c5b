"""The index: its parameters, its orders, and that both ways to play it agree."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from wattward.baselines import registry
from wattward.baselines.index.parameters import NAMES, limits, load_parameters, numbers_of, parameters_of
from wattward.baselines.index.play import IndexPlayer
from wattward.baselines.index.tuned_index import TunedIndex
from wattward.configs.loading.reading import names
from wattward.configs.loading.worlds import load_scenario
from wattward.configs.schema.base import ConfigError
from wattward.configs.schema.index import IndexParameters
from wattward.envs.checks.balances import toy_optimum_cost
from wattward.envs.interfaces.cluster_env import ClusterEnv
from wattward.envs.policy.episode import Trajectory, play_episode
from wattward.envs.policy.outlook import Outlook

HURRIES = IndexParameters(level=1.0, clearing=2.0)
"""Prices at which all work runs."""


def played(policy: Any, scenario: str, episode: int = 0) -> Trajectory:
    rng = np.random.default_rng(0)
    return play_episode(policy, ClusterEnv(scenario), split="train", episode=episode, rng=rng)


def test_a_vector_and_its_parameters_are_the_same_within_their_limits() -> None:
    numbers, least_and_most = numbers_of(IndexParameters()), limits()
    assert parameters_of(numbers) == IndexParameters()
    assert least_and_most.shape == (len(NAMES), 2)
    assert (least_and_most[:, 0] <= numbers).all() and (numbers <= least_and_most[:, 1]).all()


def test_every_shipped_set_is_one_of_a_scenario_or_for_all() -> None:
    shipped = names("index")
    assert "all" in shipped
    assert set(shipped) <= {"all", *names("scenarios")}
    for name in shipped:
        load_parameters(name)


def test_a_scenario_without_its_own_parameters_has_those_for_all() -> None:
    assert load_parameters("no-such-scenario") == load_parameters("all")
    assert load_parameters("zhejiang-xinjiang+heat-wave") == load_parameters("zhejiang-xinjiang")


def test_a_file_with_a_wrong_parameter_is_refused(tmp_path: Path) -> None:
    wrong = tmp_path / "mine.yaml"
    wrong.write_text("peak_h: 1.0\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"mine\.yaml: peak_h = 1\.0"):
        registry.make(str(wrong))


def test_a_file_is_a_method(tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text("level: 0.1\n", encoding="utf-8")
    assert registry.make(str(mine)).name == "TunedIndex-mine"


@pytest.mark.parametrize("scenario", ["toy", "shanghai-ups", "qingyang-direct"])
def test_compiled_episodes_cost_what_the_policy_costs(scenario: str) -> None:
    parameters = IndexParameters()
    alone = IndexPlayer(load_scenario(scenario), "train", [0]).play(0, numbers_of(parameters))
    step_by_step = played(TunedIndex(parameters), scenario)
    assert alone.total_cost == pytest.approx(step_by_step.total_cost, rel=1e-9)


def test_on_the_toy_it_is_near_the_optimum() -> None:
    env = ClusterEnv("toy")
    policy = TunedIndex(IndexParameters(arrivals=0.0))
    cost = play_episode(policy, env, split="train", episode=0, rng=np.random.default_rng(0)).total_cost
    on_arrival = played(registry.make("RunOnArrival"), "toy").total_cost
    optimum = toy_optimum_cost(env.params, env.world)
    assert (on_arrival - cost) / (on_arrival - optimum) > 0.9


def test_high_prices_run_all_work_where_it_is_cheapest(outlook_of: Callable[..., Outlook], job_of: Any) -> None:
    outlook = outlook_of([job_of(region=0)], price=[1.0, 0.2])
    policy = TunedIndex(HURRIES)
    policy.reset(outlook, np.random.default_rng(0))
    assert policy.act(outlook).run_in.tolist() == [1]
