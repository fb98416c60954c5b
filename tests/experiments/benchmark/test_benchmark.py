"""Every section gives its figures, finite and positive; ratios, fits and targets are what they say."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from wattward.configs import ConfigError
from wattward.configs.generate.scale import Size
from wattward.experiments.benchmark import processes as throughput_processes
from wattward.experiments.benchmark import report as throughput_report
from wattward.experiments.benchmark import run as throughput
from wattward.experiments.benchmark import timing as throughput_timing
from wattward.experiments.benchmark import training_speed
from wattward.experiments.benchmark.scale import World
from wattward.experiments.benchmark.stepping import make_batch
from wattward.experiments.benchmark.timing import QUICK, Measured, Meter, Sample
from wattward.experiments.cli import main as cli
from wattward.experiments.cli.options import BAD_INPUT, INTERRUPTED

TINY = replace(QUICK, env_id="wattward/Toy-v1", block_s=0.01, num_envs=3, held_envs=8, jobs=(100, 200))
RANGED = {
    "single": {key.removeprefix("single.") for key in throughput_report.MEANINGS if key.startswith("single.")},
    "vector": {
        *("steps_per_s", "steps_per_cpu_s", "ratio_to_cartpole", "two_thread_scaling", "steps_per_cpu_s_drawing"),
        *("sb3_steps_per_s", "sb3_steps_per_cpu_s"),
    },
    "profile": {"us_random", "us_hold", "us_run", "us_pull", "us_empty"},
    "reset": {"draw_ms_per_region", "load_ms", "reset_ms"},
    "scale": {"exponent_regions", "exponent_jobs"},
}


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(cli.app, ["benchmark", *arguments])


def figures(name: str, measured: Measured) -> dict[str, float]:
    return {row["key"]: row["value"] for row in throughput_report.figure_rows({name: measured})}


@pytest.mark.parametrize("name", ["single", "vector", "profile", "reset", "scale"])
def test_a_section_gives_finite_positive_medians_within_their_ranges(name: str) -> None:
    measured = throughput.section(name, TINY, Meter())
    found = figures(name, measured)
    assert all(math.isfinite(value) for value in found.values())
    assert all(value > 0 for key, value in found.items() if "exponent" not in key and key != "vector.load_average")
    for key in RANGED[name]:
        low, high = measured[f"{key}_range"]
        assert low <= measured[key] <= high
    assert set(found) >= {key for key in throughput_report.MEANINGS if key.startswith(f"{name}.")}


def test_a_first_use_is_measured_without_the_kernels_of_the_package(tmp_path: Path) -> None:
    variables = throughput_processes.without_kernels(tmp_path)
    found = subprocess.run(
        [sys.executable, "-c", "import wattward; print(wattward.__file__)"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **variables},
        cwd=tmp_path,
    )
    assert Path(found.stdout.strip()).is_relative_to(tmp_path)
    assert not list(tmp_path.rglob("*.nbi"))


def test_memory_is_that_of_processes_that_hold_environments() -> None:
    measured = throughput.section("memory", TINY, Meter())
    assert set(figures("memory", measured)) == {k for k in throughput_report.MEANINGS if k.startswith("memory.")}
    for suffix in ("", "_bank"):
        assert 20 < measured["base_mb"] < measured[f"rss{suffix}_mb"] <= measured[f"peak{suffix}_mb"] < 4_000


def test_start_times_a_first_step_help_and_every_rule() -> None:
    from wattward import baselines

    measured = throughput.section("start", TINY, Meter())
    assert set(measured["decision_us"]) == {*baselines.names(), "PPO"}
    assert min(figures("start", measured).values()) > 0


def test_a_process_that_fails_is_no_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throughput_processes, "FIRST_STEP", "raise SystemExit('no kernels')")
    with pytest.raises(RuntimeError, match="no kernels"):
        throughput.section("start", TINY, Meter())


def test_training_sets_each_agent_beside_cartpole(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(frames_per_s: float) -> Any:
        return lambda agent, frames: {
            "frames_per_s": frames_per_s * (2 if agent == "ppo" else 1),
            "env_share": 0.1 if frames == TINY.ppo_frames else 0.3,
            "parts": {"env": 0.1, "gradient": 0.9},
        }

    monkeypatch.setattr(training_speed, "measure", run(30.0))
    monkeypatch.setattr(training_speed, "measure_cartpole", run(20.0))
    measured = throughput.section("training", replace(TINY, training_repeats=3), Meter())
    assert measured["ppo"]["frames_per_s"] == 60.0
    assert measured["ppo"]["ratio_to_cartpole"] == measured["dqn"]["ratio_to_cartpole"] == 1.5
    assert (measured["ppo"]["env_share"], measured["dqn"]["env_share"]) == (0.1, 0.3)
    expected = {key for key in throughput_report.MEANINGS if key.startswith("training.")}
    assert set(figures("training", measured)) == {
        *expected,
        *(f"training.{agent}.parts.{part}" for agent in ("ppo", "dqn") for part in ("env", "gradient")),
    }


def test_blocks_take_turns_and_the_first_round_is_thrown_away() -> None:
    order: list[str] = []

    def block(name: str) -> int:
        order.append(name)
        return len(order)

    done = throughput_timing.interleaved({n: lambda n=n: block(n) for n in "abc"}, 3, Meter(), "")  # type: ignore[misc]
    assert "".join(order) == "cab" + "abc" + "bca" + "cab"
    assert done == {"a": [4, 9, 11], "b": [5, 7, 12], "c": [6, 8, 10]}


@pytest.mark.parametrize("k", [0.0, 0.93, 1.1, 2.0])
def test_the_fit_recovers_an_exponent(k: float) -> None:
    sizes = np.array([100.0, 1e3, 1e4, 5e4])
    assert throughput_timing.exponent(list(sizes), list(3.7 * sizes**k)) == pytest.approx(k, abs=1e-12)


def test_rates_are_steps_over_time() -> None:
    sample = Sample(100, 2.0, 4.0).plus(Sample(50, 1.0, 1.0))
    assert (sample.per_s, sample.per_cpu_s) == (50.0, 30.0)
    assert Sample(10, 2.0, 0.0).per_cpu_s == 5.0
    assert throughput_timing.spread("x", [3.0, 1.0, 2.5]) == {"x": 2.5, "x_range": [1.0, 3.0]}
    assert throughput_timing.ratios([1.0, 9.0], [2.0, 3.0]) == [0.5, 3.0]


def test_a_timed_world_is_full_and_is_timed_from_the_same_state() -> None:
    world = World(Size(2, 500), block_s=0.0001)
    assert world.active_jobs == pytest.approx(500, rel=0.4)
    assert world.us_per_step() > 0
    world._env.restore(world._full)
    assert world._count() == world.active_jobs


def test_a_vector_environment_has_its_bank_and_threads() -> None:
    shared, drawing = make_batch(TINY, 16, 2), make_batch(TINY, None, 1, num_envs=5)
    assert (shared.num_envs, shared._simulator._threads, len(shared._episodes.bank)) == (3, 2, 16)
    assert (drawing.num_envs, drawing._simulator._threads) == (5, 1)
    assert not isinstance(drawing._episodes.bank, type(shared._episodes.bank))


def test_targets_are_met_or_not() -> None:
    sections = {"single": {"ratio_to_cartpole": 1.0}, "scale": {"exponent_jobs": 1.2}}
    rows = throughput_report.target_rows(sections)
    assert [(row["key"], row["target"], row["met"]) for row in rows] == [
        ("single.ratio_to_cartpole", "≥ 1", True),
        ("scale.exponent_jobs", "≤ 1.1", False),
    ]


def test_every_target_is_a_figure() -> None:
    assert {target.key for target in throughput_report.TARGETS} <= set(throughput_report.MEANINGS)


def test_the_command_shows_tables_of_100_columns_and_keeps_every_figure(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "t.json"
    result = invoke("--quick", "--only", "single", "--only", "reset", "--json", str(path))
    assert result.exit_code == 0, result.output
    assert max(len(line) for line in result.stdout.splitlines()) <= 100
    assert "single.steps_per_s_with_resets" in result.stdout
    kept = json.loads(path.read_text(encoding="utf-8"))
    assert set(kept) == {"single", "reset", "targets", "quick", "host", "provenance"}
    assert kept["quick"] is True
    assert kept["host"]["cores"] >= 1
    assert [row["key"] for row in kept["targets"]] == ["single.ratio_to_cartpole", "reset.draw_ms_per_region"]
    assert len(throughput_report.figure_rows(throughput.sections_of(kept))) == 9
    assert [file.name for file in path.parent.iterdir()] == ["t.json"]


def test_an_interrupt_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> Measured:
        raise KeyboardInterrupt

    monkeypatch.setattr(throughput, "section", interrupted)
    result = invoke("--only", "single", "--json", str(tmp_path / "t.json"))
    assert result.exit_code == INTERRUPTED
    assert "interrupted; nothing was written" in result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--only", "signle"], "--only 'signle': no such section; did you mean single? (sections: single, vector,"),
        (["--json", "t.txt"], "--json t.txt: suffix '.txt': must be .json"),
        (["--json", "pyproject.toml/t.json"], "--json pyproject.toml/t.json: cannot be written"),
    ],
)
def test_bad_input_is_found_before_anything_is_measured(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pyproject.toml").touch()
    result = invoke(*arguments)
    assert result.exit_code == BAD_INPUT
    assert message in result.stderr


def test_sections_run_in_their_order_whatever_was_asked_first() -> None:
    assert throughput.wanted(["scale", "single"]) == ["single", "scale"]
    assert throughput.wanted([]) == list(throughput.SECTIONS)
    with pytest.raises(ConfigError):
        throughput.wanted(["speed"])


def test_a_shown_meter_yields_what_a_silent_one_does() -> None:
    with throughput_timing.metered(show=True) as meter:
        assert list(meter.each("abc", "letters")) == list(Meter().each("abc", "letters"))
