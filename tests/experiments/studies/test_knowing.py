"""What methods would gain by knowing what they cannot know."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from wattward.baselines import registry
from wattward.envs.interfaces.cluster_env import ClusterEnv
from wattward.envs.policy.episode import play_episode
from wattward.envs.policy.outlook import Outlook
from wattward.envs.policy.protocol import Policy
from wattward.experiments.cli.main import app
from wattward.experiments.studies.gap.knowing import SETS, TRUTHS, Knowing, means


class Watching:
    """Runs all work on arrival, and keeps what it was shown."""

    name = "Watching"

    def reset(self, outlook: Outlook, rng: np.random.Generator) -> None:
        self.policy, self.shown = registry.make("RunOnArrival"), list[Outlook]()

    def act(self, outlook: Outlook) -> Any:
        self.shown.append(outlook)
        return self.policy.act(outlook)


def shown_to(env: ClusterEnv, policy: Policy) -> None:
    play_episode(policy, env, split="train", episode=0, rng=np.random.default_rng(0))


@pytest.fixture(scope="module")
def outlooks() -> dict[str, list[Outlook]]:
    """The first outlooks of one episode, by what is known of it."""
    env, told = ClusterEnv("zhejiang-xinjiang"), {}
    for name, truths in SETS.items():
        watching = Watching()
        shown_to(env, Knowing(watching, truths))
        told[name] = watching.shown[:200]
    honest = Watching()
    shown_to(env, honest)
    return told | {"honest": honest.shown[:200]}


def test_without_a_truth_a_method_sees_what_every_policy_sees(outlooks: dict[str, list[Outlook]]) -> None:
    for plain, honest in zip(outlooks["none"], outlooks["honest"], strict=True):
        assert not plain.is_perfect
        np.testing.assert_array_equal(plain.interactive_forecast_gpus, honest.interactive_forecast_gpus)
        np.testing.assert_array_equal(plain.green_forecast_kw, honest.green_forecast_kw)
        np.testing.assert_array_equal(plain.jobs.expected_gpu_h, honest.jobs.expected_gpu_h)


def test_each_truth_shows_one_thing_alone(outlooks: dict[str, list[Outlook]]) -> None:
    def differs(name: str) -> set[str]:
        at, honest = outlooks[name][150], outlooks["honest"][150]
        changed = {
            "forecasts": not np.array_equal(at.interactive_forecast_gpus, honest.interactive_forecast_gpus),
            "lengths": not np.array_equal(at.jobs.expected_gpu_h, honest.jobs.expected_gpu_h),
            "arrivals": at.truth is not None,
        }
        return {what for what, has_changed in changed.items() if has_changed}

    assert {name: differs(name) for name in TRUTHS} == {name: {name} for name in TRUTHS}
    assert differs("all") == set(TRUTHS)


def test_it_needs_a_perfect_outlook() -> None:
    env = ClusterEnv("toy")
    env.reset(options={"split": "train", "episode": 0})
    with pytest.raises(ValueError, match="not perfect"):
        Knowing(registry.make("RunOnArrival"), frozenset()).reset(env.outlook(), np.random.default_rng(0))


def test_means_are_by_scenario_and_method() -> None:
    rows = [{"scenario": "toy", "method": "A", "best_known": 1.0, **dict.fromkeys(SETS, score)} for score in (0.1, 0.3)]
    (row,) = means(rows)
    assert (row["episodes"], row["all"]) == (2, pytest.approx(0.2))


def test_the_command_writes_what_truths_are_worth(tmp_path: Path) -> None:
    arguments = ["study", "gap", "--scenario", "toy", "--episodes", "1", "--jobs", "1", "--out", str(tmp_path)]
    result = CliRunner().invoke(app, [*arguments, "--method", "MPC-24", "--method", "RunOnArrival"])
    assert result.exit_code == 0, result.output
    rows = json.loads((tmp_path / "truths.json").read_text(encoding="utf-8"))["rows"]
    by_name = {row["method"]: row for row in rows}
    assert all(by_name["RunOnArrival"][name] == 0.0 for name in SETS)
    assert by_name["MPC-24"]["all"] <= by_name["MPC-24"]["best_known"] <= 1.0
    assert "| toy | MPC-24 | 1 |" in (tmp_path / "truths.md").read_text(encoding="utf-8")
    unknown = CliRunner().invoke(app, [*arguments, "--method", "MPD-24"])
    assert unknown.exit_code == 2
    assert "unknown policy 'MPD-24'" in unknown.output
