"""When agents run work, what they look at, and where they still lose: by hand, and as the command tells it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from wattward.configs import ConfigError
from wattward.envs.decisions.action import Mode
from wattward.envs.model.types import COST_TERMS
from wattward.envs.policy.outlook import Outlook
from wattward.envs.policy.protocol import Modes, Policy
from wattward.experiments.cli import main as cli
from wattward.experiments.evaluation.methods import Method
from wattward.experiments.evaluation.playing import environment
from wattward.experiments.evaluation.statistics import Estimate
from wattward.experiments.studies.explain import explain, facts
from wattward.experiments.studies.explain import tables as explain_tables
from wattward.experiments.studies.explain.facts import GROUPS, Importance, Played, Setting
from wattward.experiments.studies.explain.importance import Exchanged, columns_of, importances
from wattward.experiments.training.train import train_agent

TOY = environment("toy", None)
RANK = columns_of(TOY)["price_rank"]


class ByRank:
    """Pulls while hardly any coming hour is cheaper, as it reads from the observation alone; else holds."""

    name = "ByRank"

    def reset(self, outlook: Outlook, rng: np.random.Generator) -> None:
        """Nothing to forget."""

    def act(self, outlook: Outlook) -> Modes:
        """PULL or HOLD."""
        return np.where(outlook.observation[RANK] < 0.3, np.int64(Mode.PULL), np.int64(Mode.HOLD))


@dataclass(frozen=True)
class Reader(Method):
    """A method that is made here."""

    def policy(self) -> Policy:
        """The policy."""
        return ByRank()


def wattward(*arguments: object) -> Result:
    return CliRunner().invoke(cli.app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_agent("ppo", "toy", 0, out=tmp_path_factory.mktemp("runs"), total_steps=16)


@pytest.fixture(scope="module")
def told(checkpoint: Path) -> facts.Explanation:
    return explain.explain([str(checkpoint)], "toy", 3, 1)


def costs(policy: Policy, episode: int = 0) -> float:
    return explain.play(policy, TOY, episode, np.random.SeedSequence(0)).total_cost


def test_columns_are_those_of_the_named_fields() -> None:
    TOY.reset(options={"split": "validation", "episode": 0})
    seen, columns = TOY.outlook().observation, columns_of(TOY)
    for name, values in TOY.fields.items():
        assert np.array_equal(seen[columns[name]], values.ravel()), name
    grouped = [field for fields in GROUPS.values() for field in fields]
    assert len(set(grouped)) == len(grouped) and set(grouped) <= set(TOY.fields)


def test_an_agent_loses_by_what_it_reads_and_by_nothing_else() -> None:
    floor = np.array([costs(Method("RunOnArrival").policy(), episode) for episode in range(4)])
    found = {worth.field: worth for worth in importances([Reader("ByRank")], TOY, "validation", floor)}
    assert set(found) == {*TOY.fields, *GROUPS}
    for name, worth in found.items():
        reads = name in {"price_rank", "all of prices"}
        assert (worth.any_step.value > 0.01) == reads, name
        assert worth.any_step.low <= worth.any_step.value <= worth.any_step.high
        assert worth.same_step.value == 0.0, "prices of the toy are the same every day"
    assert next(iter(found)) in {"price_rank", "all of prices"}


def test_what_is_exchanged_is_seen_and_the_world_is_not_changed() -> None:
    instead = np.zeros((TOY.scenario.n_steps, TOY.observation_space.shape[0]), np.float32)
    always = explain.play(Exchanged(ByRank(), RANK, instead), TOY, 0, np.random.SeedSequence(0))
    pulled = explain.play(Method("RunOnArrival").policy(), TOY, 0, np.random.SeedSequence(0))
    own = explain.play(ByRank(), TOY, 0, np.random.SeedSequence(0))
    assert always.work_gpus.sum() == pytest.approx(pulled.work_gpus.sum())
    assert own.total_cost < always.total_cost


def test_shares_by_hand() -> None:
    setting = Setting(
        hour=np.array([0, 1]),
        price_per_kwh=np.array([[0.1, 0.5], [0.9, 0.5]]),
        price_rank=np.array([[0.0, 0.5], [1.0, 0.5]]),
        surplus_share=np.array([[0.0, 0.0], [0.0, 0.9]]),
        room_gpus=np.array([[10.0, 20.0], [10.0, 0.0]]),
        step_h=1.0,
    )
    runs = [[Played(np.array([[10.0, 5.0], [0.0, 0.0]]), np.zeros((2, 2)), {})] for _ in range(2)]
    used = explain.shares([setting], runs)
    assert used.by_kind.shape == (5, 3, 2)
    assert used.by_kind[0, 0, 0] == 1.0 and used.by_kind[4, 0, 0] == 0.0 and used.by_kind[2, 0, 1] == 0.25
    assert np.isnan(used.by_kind[2, 2, 1]), "a step without room says nothing"
    assert used.by_hour[0].tolist() == [1.0, 0.25] and used.by_hour[1, 0] == 0.0


def test_the_bounds_plan_runs_all_work_where_it_is_cheapest(told: facts.Explanation) -> None:
    used = told.shares[facts.BOUND]
    dearest = used.by_kind[-1, 0]
    assert np.nanmax(np.nan_to_num(dearest)) < 0.01
    assert np.nanmax(used.by_hour[11:15, 1]) > 0.1, "West costs 0.2 yuan/kWh from 11 to 15"


def test_costs_add_up_and_energy_bought_is_all_of_it(told: facts.Explanation) -> None:
    rows = {row["method"]: row for row in explain_tables.cost_rows(told)}
    assert list(rows) == [facts.BOUND, facts.PLANNER, "PPO", facts.RULE, "RunOnArrival"]
    for row in rows.values():
        assert row["total_cost"] == pytest.approx(sum(row[term] for term in COST_TERMS))
        assert row["above"] >= -1e-6
    for name, row in rows.items():
        bought = [facts.bought_kwh(told, name, r) for r in range(2)]
        assert sum(kwh.sum() for kwh in bought) == pytest.approx(row["kwh"], abs=1e-6)
        priced = sum(kwh @ facts.bands(told, r) for r, kwh in enumerate(bought))
        assert priced == pytest.approx(row["energy_cost"], rel=1e-6, abs=1e-6)


def test_many_prices_make_a_few_bands(told: facts.Explanation) -> None:
    wild = told.settings[0]._replace(price_per_kwh=np.linspace(-0.1, 1.0, 48).reshape(24, 2))
    many = facts.Explanation(**{**vars(told), "settings": [wild]})
    ends = facts.bands(many, 0)
    assert ends.size == facts.MOST_LEVELS - 1 and ends[-1] == wild.price_per_kwh[:, 0].max().round(4)
    runs = {name: [run[:1] for run in by_seed] for name, by_seed in told.runs.items()}
    many = facts.Explanation(**{**vars(many), "runs": runs})
    kwh = runs["RunOnArrival"][0][0].grid_kw[:, 0].sum() * wild.step_h
    assert facts.bought_kwh(many, "RunOnArrival", 0).sum() == pytest.approx(kwh)


def test_the_dearest_fields_come_first_and_groups_apart(told: facts.Explanation) -> None:
    worth = Importance("hour", Estimate(0.5, 0.4, 0.6), Estimate(0.01234, -0.01, 0.02))
    agent = facts.Agent("PPO", 1, 0.1, [worth])
    page = explain_tables.as_markdown(facts.Explanation(**{**vars(told), "agents": [agent]}))
    assert "| `hour` | 50.00 (40.00 to 60.00) | 1.23 (-1.00 to 2.00) |" in page
    losses = [each.largest for each in told.agents[0].fields]
    assert losses == sorted(losses, reverse=True)


def test_the_command_draws_and_writes_a_page(checkpoint: Path, tmp_path: Path) -> None:
    page, (begin, end) = tmp_path / "page.md", explain_tables.markers("toy")
    page.write_text(f"# Title\n{begin}stale\n{end}\nrest\n", encoding="utf-8")
    few = ("--scenario", "toy", "--episodes", 2, "--planner-episodes", 1)
    done = wattward("study", "explain", checkpoint, *few, "--out", tmp_path, "--page", page)
    assert done.exit_code == 0, done.output
    assert "HindsightPlanner" in done.output and "saving lost by PPO" in done.output
    for picture in facts.picture_paths("toy", tmp_path):
        with Image.open(picture) as image:
            assert image.width > 500 and len(image.convert("RGB").getcolors(1 << 20) or []) > 10
    text = page.read_text(encoding="utf-8")
    assert "stale" not in text and text.endswith(f"{end}\nrest\n")
    assert "| RunOnArrival |" in text and "| toy-west (Xinjiang), 0.200 |" in text


def test_what_cannot_be_explained_is_told(checkpoint: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Title\n", encoding="utf-8")
    for arguments, message in (
        (("PeakOffset", "--scenario", "toy"), "PeakOffset: is no checkpoint"),
        ((checkpoint, "--scenario", "toy", "--page", page), "must hold <!-- explain:toy:begin -->"),
        ((checkpoint, "--scenario", "toy", "--page", tmp_path / "none.md"), "none.md: cannot be read"),
        ((checkpoint, "--scenario", "random-2"), "an explanation needs one scenario"),
        ((checkpoint, "--scenario", "toy", "--episodes", 1), "2"),
    ):
        done = wattward("study", "explain", *arguments, "--out", tmp_path / "pictures")
        assert done.exit_code == 2, done.output
        assert message in done.output
    assert not (tmp_path / "pictures").exists()
    with pytest.raises(ConfigError, match="--episodes 1: must be 2 or more"):
        explain.explain([str(checkpoint)], "toy", 1, 1)
