"""The same world reckoned in another currency: policies do and save the same, only the unit of money changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from wattward.baselines import registry
from wattward.baselines.bound.bound import bound
from wattward.configs import load_scenario
from wattward.configs.loading.reading import find
from wattward.configs.schema.scenario import Scenario
from wattward.envs.interfaces.cluster_env import ClusterEnv
from wattward.envs.model.types import COST_TERMS
from wattward.envs.policy.episode import play_episode
from wattward.experiments.cli.main import app
from wattward.experiments.describe.cards import card
from wattward.experiments.describe.typical_day import play_day
from wattward.experiments.evaluation import scores

CNY_PER_USD = 7.1
SAYS_MONEY = ("price", "cost", "charge", "premium", "cap_per", "floor_per")
"""Words in the names of amounts of money; each also says what the amount is per."""
RULES = ("RunOnArrival", "Threshold-pull-0.5", "CheapestNow")


def converted(value: Any, key: str = "") -> Any:
    """A scenario's content with every amount of money in US dollars."""
    if isinstance(value, dict):
        return {name: converted(each, name) for name, each in value.items()}
    if key == "price_by_latent":
        return [(latent, price / CNY_PER_USD) for latent, price in value]
    if isinstance(value, list | tuple):
        return [converted(each, key) for each in value]
    is_money = "_per_" in key and any(word in key for word in SAYS_MONEY) and isinstance(value, int | float)
    return value / CNY_PER_USD if is_money else value


@pytest.fixture(scope="module")
def in_cny() -> Scenario:
    """Two days of follow-the-sun as it is shipped."""
    return load_scenario("follow-the-sun").model_copy(update={"episode_days": 2.0})


@pytest.fixture(scope="module")
def in_usd(in_cny: Scenario) -> Scenario:
    """The same in US dollars."""
    return Scenario.model_validate(converted(in_cny.model_dump()) | {"currency": "USD"})


def played(scenario: Scenario) -> tuple[dict[str, dict[str, Any]], float]:
    """What each rule's episode came to, and the bound on it."""
    env = ClusterEnv(scenario)
    rules = {}
    for name in RULES:
        did = play_episode(registry.make(name), env, split="test", episode=0, rng=np.random.default_rng(0))
        rules[name] = {**did.kpis, **did.costs}
    return rules, bound(env.params, env.world).total_cost


def test_costs_are_converted_and_savings_and_scores_stay(in_cny: Scenario, in_usd: Scenario) -> None:
    (cny, bound_cny), (usd, bound_usd) = played(in_cny), played(in_usd)
    assert bound_cny == pytest.approx(bound_usd * CNY_PER_USD, rel=1e-6)
    for name in RULES:
        for term in ("total_cost", *COST_TERMS):
            assert cny[name][term] == pytest.approx(usd[name][term] * CNY_PER_USD, rel=1e-9, abs=1e-9), (name, term)
        for fact in ("green_share", "late_gpu_h", "moved_gb", "work_gpu_h", "grid_kwh"):
            assert cny[name][fact] == pytest.approx(usd[name][fact], rel=1e-12)
        found = [
            float(
                scores.score(
                    *(np.asarray(cost) for cost in (rules[name]["total_cost"], rules[RULES[0]]["total_cost"], least))
                )
            )
            for rules, least in ((cny, bound_cny), (usd, bound_usd))
        ]
        assert found[0] == pytest.approx(found[1], abs=1e-5)


def test_the_code_of_the_currency_is_printed(in_cny: Scenario, in_usd: Scenario) -> None:
    pages = [card(each, play_day(each, "0")) for each in (in_cny, in_usd)]
    assert [("CNY/kWh" in page, "USD/kWh" in page) for page in pages] == [(True, False), (False, True)]
    env = ClusterEnv(in_usd, render_mode="ansi")
    env.reset(seed=0)
    assert "0 USD" in str(env.render())


def test_commands_print_the_scenarios_currency_and_clock(tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    text = find("scenarios", "toy").read_text(encoding="utf-8")
    mine.write_text(f"{text}\ncurrency: EUR\ntimezone: Etc/GMT-8\n", encoding="utf-8")
    told = CliRunner().invoke(
        app,
        [
            *("evaluate", "RunOnArrival", "--scenario", str(mine), "--episodes", "1", "--jobs", "1"),
            *("--cache", str(tmp_path / "cache")),
        ],
        catch_exceptions=False,
    )
    assert told.exit_code == 0 and "EUR" in told.output and "CNY" not in told.output
    described = CliRunner().invoke(app, ["describe", str(mine)], catch_exceptions=False).output
    assert "EUR/kWh" in described and "(Etc/GMT-8)" in described and "CNY" not in described
