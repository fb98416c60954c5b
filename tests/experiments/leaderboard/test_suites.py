"""Suites as grids: who meets where, and that no test episode is one that was trained on."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattward.configs import ConfigError, load_scenario, load_suite, names
from wattward.configs.generate.members import parse
from wattward.configs.schema.suite import Checkpoints, Suite
from wattward.envs.world.family import member_for
from wattward.envs.world.splits import SPLITS, episode_seed
from wattward.experiments.leaderboard import contents, suites

SMALL = Suite(name="small", title="Small", scenarios=("toy",), episodes=2, rules=("RunOnArrival",))
SHIPPED = ("quick", "standard", "shifts", "generalise")


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_suites_play_test_episodes_of_scenarios_that_load(name: str) -> None:
    suite = load_suite(name)
    assert suite.split == "test"
    for scenario in (*suite.scenarios, *suite.also_recorded):
        assert load_scenario(scenario).n_steps > 0
        assert all(folder.startswith("zoo/") for _, folder in contents.checkpoints_of(suite, scenario))


def test_standard_is_every_scenario_but_the_toys() -> None:
    standard = load_suite("standard")
    assert set(standard.scenarios) == {name for name in names("scenarios") if not name.startswith("toy")}
    assert (standard.episodes, standard.rules, standard.checkpoints) == (100, "all", "shipped")


def test_shifts_are_every_disturbance_and_the_new_tariff() -> None:
    listed = load_suite("shifts").scenarios
    disturbed = {name.split("+")[1] for name in listed if "+" in name}
    assert disturbed == set(names("disturbances"))
    assert {"zhejiang-xinjiang", "zhejiang-xinjiang-2024"} < set(listed)


def test_generalise_is_families_and_a_recording() -> None:
    suite = load_suite("generalise")
    members = [parse(name) for name in suite.scenarios if name.startswith("random")]
    assert len(members) == 3 and all(member is not None and member.number is None for member in members)
    drawn = contents.worlds_of(suite)
    assert [worlds.recording for worlds in drawn] == [None] * len(suite.scenarios)
    with_recording = contents.worlds_of(suite.model_copy(update={"recording": "DIR"}))
    assert with_recording[: len(drawn)] == drawn
    assert [(worlds.scenario, worlds.recording) for worlds in with_recording[len(drawn) :]] == [
        ("zhejiang-xinjiang", "DIR")
    ]


def test_a_recording_replaces_the_draws_of_a_suite_that_names_no_others() -> None:
    recorded = contents.worlds_of(SMALL.model_copy(update={"recording": "DIR"}))
    assert [(worlds.scenario, worlds.recording) for worlds in recorded] == [("toy", "DIR")]


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_no_two_splits_share_the_seed_or_the_scenario_of_an_episode(one: int, other: int) -> None:
    states = {split: tuple(episode_seed(split, one).generate_state(4)) for split in SPLITS}
    rest = {split: tuple(episode_seed(split, other).generate_state(4)) for split in SPLITS}
    family = parse("random-3")
    assert family is not None
    for split in SPLITS:
        for against in SPLITS:
            if split != against:
                assert states[split] != rest[against]
                assert member_for(family, split, one % 5).name != member_for(family, against, other % 5).name


def test_shipped_agents_play_the_scenario_that_they_were_trained_on() -> None:
    suite = SMALL.model_copy(update={"scenarios": ("zhejiang-xinjiang",), "checkpoints": "shipped"})
    found = contents.checkpoints_of(suite, "zhejiang-xinjiang")
    assert ("PPO", "zoo/zhejiang-xinjiang/ppo/seed-0") in found
    assert {name for name, _ in found} == {"PPO", "DQN"}
    assert contents.checkpoints_of(suite, "zhejiang-xinjiang+heat-wave") == []
    assert contents.checkpoints_of(suite, "toy") == []


def test_checkpoints_may_be_for_some_scenarios_only() -> None:
    entry = Checkpoints(method="PPO", folders=("zoo/zhejiang-xinjiang/ppo/seed-0",), scenarios=("zhejiang-xinjiang",))
    suite = Suite(name="s", title="S", scenarios=("toy", "zhejiang-xinjiang"), episodes=1, checkpoints=(entry,))
    assert [who.name for who in suites.methods_of(suite, "toy") if who.learned] == []
    assert [who.name for who in suites.methods_of(suite, "zhejiang-xinjiang") if who.learned] == ["PPO"]


def test_two_methods_of_one_name_are_refused() -> None:
    folder = "zoo/zhejiang-xinjiang/ppo/seed-0"
    suite = SMALL.model_copy(update={"checkpoints": (Checkpoints(method="PPO", folders=(folder, folder)),)})
    with pytest.raises(ConfigError, match="two methods are called 'PPO' of training seed 0"):
        suites.methods_of(suite, "toy")


def test_a_grid_has_every_episode_of_every_method_once() -> None:
    suite = SMALL.model_copy(update={"rules": ("RunOnArrival", "Random"), "episodes": 7, "episodes_per_cell": 3})
    met = [(cell.who.name, episode) for cell in suites.cells_of(suite) for episode in cell.episodes]
    assert sorted(met) == sorted((name, int(k)) for name in ("RunOnArrival", "Random") for k in np.arange(7))


def test_who_to_compare_with_must_take_part() -> None:
    suites.check_versus(SMALL, "RunOnArrival")
    with pytest.raises(ConfigError, match="--versus Random: must be one of RunOnArrival"):
        suites.check_versus(SMALL, "Random")
