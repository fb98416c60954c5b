"""The plan of shipped agents: what is missing is trained and shipped, and a card says what is there."""

from __future__ import annotations

import json
import re
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from wattward.agents import load_policy
from wattward.agents.inference.checkpoint import read_manifest, read_policy
from wattward.configs import ConfigError
from wattward.configs.loading.experiments import load_zoo
from wattward.configs.schema.zoo import Trained, Zoo
from wattward.envs.checks.balances import played_cost
from wattward.envs.interfaces.cluster_env import ClusterEnv
from wattward.experiments.common.provenance import PACKAGE
from wattward.experiments.training import zoo as shipped
from wattward.experiments.training.train import train_agent
from wattward.experiments.training.zoo import (
    Place,
    card,
    missing,
    ship,
    train_missing,
    trained_again,
    write_cards,
    write_index,
)

PLAN = Zoo(shipped=(Trained(agent="ppo", scenario="zhejiang-xinjiang", seeds=2),))


def test_only_what_is_not_there_is_missing(tmp_path: Path) -> None:
    assert missing(load_zoo()) == []
    second = Place("ppo", "zhejiang-xinjiang", 1)
    ship(
        Place("ppo", "zhejiang-xinjiang", 0).within(shipped.ZOO), Place("ppo", "zhejiang-xinjiang", 0).within(tmp_path)
    )
    assert missing(PLAN, tmp_path) == [second]
    manifest = second.within(tmp_path) / "checkpoint.json"
    ship(second.within(shipped.ZOO), second.within(tmp_path))
    assert missing(PLAN, tmp_path) == []
    text = manifest.read_text(encoding="utf-8")
    manifest.write_text(text.replace(text.split('"settings_sha256": "')[1][:64], "0" * 64), encoding="utf-8")
    assert missing(PLAN, tmp_path) == [second], "other settings than the shipped ones"


def test_what_is_missing_is_trained_and_put_into_its_place(tmp_path: Path) -> None:
    asked: list[tuple[str, str, int]] = []

    def train(agent: str, scenario: str, seed: int, **_: object) -> Path:
        asked.append((agent, scenario, seed))
        return Place(agent, scenario, seed).within(shipped.ZOO)

    places = train_missing(PLAN, tmp_path / "runs", train, zoo=tmp_path / "zoo", jobs=1)
    assert [tuple(place) for place in places] == asked == [("ppo", "zhejiang-xinjiang", seed) for seed in (0, 1)]
    assert missing(PLAN, tmp_path / "zoo") == []
    assert not list(tmp_path.glob("zoo/**/.*")), "nothing half-written is left"


def test_a_card_says_what_was_reached(tmp_path: Path) -> None:
    (path,) = write_cards(PLAN, PACKAGE / "no-results", _copied(tmp_path))
    text = path.read_text(encoding="utf-8")
    assert "Not on a published board" in text
    made = [read_manifest(Place("ppo", "zhejiang-xinjiang", seed).within(shipped.ZOO)) for seed in (0, 1)]
    assert f"Trained in {made[0].worlds} worlds." in text
    savings = [f"{100 * one.validation_saving:.1f}" for one in made]
    assert re.search(rf"\| 1 \| {made[1].steps_done:,} \| \d+\.\d \| {savings[1]}% \|", text)
    board = tmp_path / "standard" / "leaderboard.json"
    board.parent.mkdir()
    row = '{"method": "PPO", "scenario": "zhejiang-xinjiang", "score_iqm": 0.5, "score_low": 0.4, "score_high": 0.6'
    board.write_text(f'[{row}, "train_seeds": [0, 1], "episodes": 100}}]', encoding="utf-8")
    assert "0.500 (0.400 to 0.600)" in card(PLAN.shipped[0], tmp_path)
    (path,) = write_cards(PLAN, tmp_path, _copied(tmp_path))
    numbers = json.loads(path.with_name("card.json").read_text(encoding="utf-8"))
    assert [one["steps_done"] for one in numbers["seeds"]] == [one.steps_done for one in made]
    index = write_index(PLAN, tmp_path, tmp_path / "zoo").read_text(encoding="utf-8")
    between = f"{min(savings, key=float)} to {max(savings, key=float)}%"
    assert f"(zhejiang-xinjiang/ppo/README.md) | ppo | 2 | 806,400 | {between} | 0.500 (0.400 to 0.600) |" in index
    assert (numbers["test"]["suite"], numbers["test"]["score_iqm"]) == ("standard", 0.5)


@pytest.mark.parametrize("agent", ["ppo", "dqn", "qrdqn", "recurrent-ppo", "ppo-regions", "dqn-regions", "sac"])
def test_only_what_acts_is_shipped_and_acts_the_same(agent: str, tmp_path: Path) -> None:
    final = train_agent(agent, "toy", 0, out=tmp_path / "runs", total_steps=768, progress=False)
    ship(final, tmp_path / "shipped")
    whole, kept = read_policy(final)[1], read_policy(tmp_path / "shipped")[1]
    assert kept.keys() < whole.keys()
    env = ClusterEnv("toy")
    ours, theirs = (played_cost(env, load_policy(folder), "test", 0) for folder in (final, tmp_path / "shipped"))
    assert ours == theirs


def test_training_again_tells_the_same_weights_from_others(tmp_path: Path) -> None:
    again = partial(train_agent, "ppo", "toy", total_steps=768, progress=False)
    ship(again(0, out=tmp_path / "runs"), Place("ppo", "toy", 0).within(tmp_path / "zoo"))
    ship(again(1, out=tmp_path / "runs"), Place("ppo", "toy", 2).within(tmp_path / "zoo"))
    places = [Place.parse("toy/ppo/seed-0"), Place.parse("toy/ppo/seed-2")]

    def train(*place: Any, out: Path, progress: bool) -> Path:
        return again(place[2], out=out)

    assert trained_again(places, train, zoo=tmp_path / "zoo", jobs=1) == [True, False]
    with pytest.raises(ConfigError, match="SCENARIO/AGENT/seed-N"):
        Place.parse("toy/ppo")


def _copied(folder: Path) -> Path:
    for seed in (0, 1):
        place = Place("ppo", "zhejiang-xinjiang", seed)
        ship(place.within(shipped.ZOO), place.within(folder / "zoo"))
    return folder / "zoo"


def test_a_plan_lists_each_agent_once(tmp_path: Path) -> None:
    plan = tmp_path / "zoo.yaml"
    plan.write_text("shipped:\n" + 2 * "  - {agent: ppo, scenario: toy, seeds: 1}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="ppo on toy is listed more than once"):
        load_zoo(plan)
