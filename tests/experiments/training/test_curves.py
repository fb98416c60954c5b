"""Learning curves: what is read from a run, and when it reaches what a rule saves."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from wattward.configs import ConfigError
from wattward.envs.interfaces.cluster_env import ClusterEnv
from wattward.envs.interfaces.sb3_env import FleetVecEnv
from wattward.experiments.cli.main import app
from wattward.experiments.training.curves import Curve, Level, gathered, level, publish, read_runs, rows
from wattward.experiments.training.train import train_agent

KNOWN = Level("toy", "Threshold-0.5", 0.10, 0.20, [1])


def curve(seed: int, saving: list[float]) -> Curve:
    return Curve("toy", "ppo", seed, 4, [100, 200, 300], [1.0, 2.0, 3.0], saving)


def test_a_curve_reaches_a_saving_at_the_first_validation_that_has_it() -> None:
    assert curve(0, [0.05, 0.12, 0.11]).reached(0.10) == 1
    assert curve(0, [0.05, 0.06, 0.07]).reached(0.10) is None


def test_rows_say_ranges_over_seeds_and_who_never_got_there() -> None:
    (row,) = rows(
        [curve(0, [0.05, 0.12, 0.11]), curve(1, [0.11, 0.10, 0.19]), curve(2, [0.0, 0.0, 0.09])], {"toy": KNOWN}
    )
    assert (row["seeds"], row["best"]) == (3, "9.0% to 19.0%")
    assert row["decisions_to_rule"] == "100 to 200, 1 never"
    assert row["frames_to_rule"] == "400 to 800, 1 never"
    assert row["decisions_to_near"] == "300, 2 never"


def test_levels_are_of_the_episodes_that_runs_validate_on() -> None:
    known = level("toy", "Threshold-0.5", 3)
    fleet, env = FleetVecEnv("toy", 3, seed=0, split="validation"), ClusterEnv("toy")
    first = fleet.reset()
    for b, episode in enumerate(known.episodes):
        observation, _ = env.reset(options={"split": "validation", "episode": episode})
        assert (observation == first[b]).all()
    assert known.rule_saving <= known.bound_saving


def test_the_command_reads_runs_and_draws_them(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="holds no finished run"):
        read_runs(tmp_path)
    train_agent("ppo", "toy", 0, out=tmp_path / "runs", total_steps=1536, progress=False)
    (made,) = read_runs(tmp_path / "runs")
    assert made.decisions == sorted(made.decisions) and made.decisions[-1] >= 1536
    result = CliRunner().invoke(app, ["study", "curves", str(tmp_path / "runs"), "--out", str(tmp_path / "out")])
    assert result.exit_code == 0, result.output
    assert "| toy | ppo | 1 |" in (tmp_path / "out" / "curves.md").read_text(encoding="utf-8")
    with Image.open(tmp_path / "out" / "curves.png") as picture:
        assert picture.size == (660, 480)
        inked = np.asarray(picture.convert("L")) < 200
    assert inked[:, :330].any() and inked[:, 330:].any(), "axes, curve and legend are drawn"


def test_runs_that_are_gone_are_read_from_what_was_published(tmp_path: Path) -> None:
    old = [curve(0, [0.0, 0.1, 0.2]), replace(curve(0, [0.3, 0.3, 0.3]), agent="dqn")]
    publish(old, {"toy": KNOWN}, tmp_path)
    train_agent("ppo", "toy", 3, out=tmp_path / "runs", total_steps=768, progress=False)
    curves, levels = gathered([tmp_path / "runs", tmp_path / "curves.json"])
    assert [(one.agent, one.seed) for one in curves] == [("dqn", 0), ("ppo", 3)], "the first source that has it"
    assert curves[0] == old[1] and levels == {"toy": KNOWN}
    (tmp_path / "other.json").write_text('{"curves": []}', encoding="utf-8")
    with pytest.raises(ConfigError, match=r"other.json: must be a curves.json"):
        gathered([tmp_path / "other.json"])
