"""Several training seeds side by side: the same weights as alone, nothing repeated, nothing half-written."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from wattward.agents.inference.checkpoint import read_policy
from wattward.configs import ConfigError
from wattward.experiments.cli.main import app
from wattward.experiments.evaluation.executor import Means
from wattward.experiments.training import seeds as module
from wattward.experiments.training.seeds import parse_seeds, train_seeds
from wattward.experiments.training.train import planned_run, train_agent, train_run

STEPS = 1200


def trained(out: Path, seeds: list[int], means: Means, steps: int = STEPS) -> list[Path]:
    return train_seeds(
        [planned_run("ppo", "toy", seed, out=out, total_steps=steps) for seed in seeds], train_run, means=means
    )


def weights(folder: Path) -> dict[str, bytes]:
    return {name: tensor.tobytes() for name, tensor in read_policy(folder)[1].items()}


@pytest.mark.parametrize(
    ("text", "seeds"), [("0-4", [0, 1, 2, 3, 4]), ("3", [3]), ("0, 2,5-6", [0, 2, 5, 6]), ("1,0-1", [1, 0])]
)
def test_seeds_are_numbers_and_ranges(text: str, seeds: list[int]) -> None:
    assert parse_seeds(text) == seeds


@pytest.mark.parametrize("text", ["", "a", "4-0", "-1", "0-", "1-2-3", "0-5000", "1.5"])
def test_wrong_seeds_are_named(text: str) -> None:
    with pytest.raises(ConfigError, match=r"--seeds .*: "):
        parse_seeds(text)


def test_processes_side_by_side_train_the_same_weights_as_one_alone(tmp_path: Path) -> None:
    together = trained(tmp_path / "two", [0, 1], Means("local", 2, False))
    alone = [train_agent("ppo", "toy", seed, out=tmp_path / "one", total_steps=STEPS) for seed in (0, 1)]
    assert [weights(folder) for folder in together] == [weights(folder) for folder in alone]
    assert weights(alone[0]) != weights(alone[1])


def test_a_run_that_was_trained_elsewhere_comes_back_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def here(work, items, keep, *rest, **options):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN002, ANN003, ANN202
        for item in items:
            keep(item, work(item))

    monkeypatch.setattr(module, "drain", here)
    away = trained(tmp_path / "away", [1], Means("ray", 1, False))[0]
    alone = train_agent("ppo", "toy", 1, out=tmp_path / "one", total_steps=STEPS)
    assert weights(away) == weights(alone)
    names = [{str(path.relative_to(run.parent)) for path in run.parent.rglob("*.json")} for run in (away, alone)]
    assert names[0] == names[1]
    assert list(away.parent.glob("tensorboard/*"))


def test_a_folder_with_another_run_stops_all_before_anything_is_written(tmp_path: Path) -> None:
    train_agent("ppo", "toy", 1, out=tmp_path, total_steps=STEPS)
    with pytest.raises(ConfigError, match=r"settings\.total_steps 1200 -> 1300"):
        trained(tmp_path, [0, 1], Means("local", 1, False), STEPS + 100)
    assert not (tmp_path / "toy" / "ppo" / "seed-0").exists()


def test_the_command_says_where_each_seed_is_and_repeats_none(tmp_path: Path) -> None:
    asked = ["train", "ppo", "--scenario", "toy", "--seeds", "2,3", "--jobs", "1", "--steps", str(STEPS)]
    first = CliRunner().invoke(app, [*asked, "--out", str(tmp_path)])
    assert first.exit_code == 0, first.output
    assert first.stdout.count("checkpoint: ") == 2
    made = [path.stat().st_mtime_ns for path in sorted(tmp_path.rglob("final/checkpoint.json"))]
    assert CliRunner().invoke(app, [*asked, "--out", str(tmp_path)]).exit_code == 0
    assert made == [path.stat().st_mtime_ns for path in sorted(tmp_path.rglob("final/checkpoint.json"))]


def test_one_seed_and_several_are_not_both_allowed() -> None:
    told = CliRunner().invoke(app, ["train", "ppo", "--seed", "1", "--seeds", "0-2"])
    assert told.exit_code == 2
    assert "only one of them is allowed" in told.output
