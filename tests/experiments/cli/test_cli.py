"""The command line: help at once, results where they were asked for, bad input in one clear message."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import typer
import yaml
from typer.testing import CliRunner, Result

from wattward import __version__
from wattward.agents.inference.checkpoint import Manifest, Tensors, observation_sha256, write
from wattward.baselines import registry
from wattward.configs import load_scenario, names
from wattward.configs.digests import sha256_of_json
from wattward.envs.interfaces.cluster_env import ClusterEnv
from wattward.experiments.cli import main as cli
from wattward.experiments.cli import study
from wattward.experiments.common.provenance import PACKAGE

COMMANDS = tuple(cli.COMMANDS)
STUDIES = tuple(typer.main.get_command(study.commands).commands)
TOY_SUITE = "name: mine\ntitle: Mine\nscenarios: [toy]\nepisodes: 2\nrules: [RunOnArrival, Random]\n"
Spoil = Callable[[Path], list[str]]


def wattward(*arguments: str) -> Result:
    return CliRunner().invoke(cli.app, list(arguments))


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def own_configs(tmp_path: Path) -> Path:
    """The shipped configurations, copied, for tests to spoil: paths in them still name shipped files."""
    folder = tmp_path / "configs"
    for kind in ("scenarios", "regions", "tariffs"):
        shutil.copytree(PACKAGE / "configs" / kind, folder / kind)
    return folder


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    """A checkpoint of a network that always answers mode 2, RUN, everywhere on the toy."""
    env = ClusterEnv("toy")
    size = len(env.reset(seed=0)[0])
    settings: dict[str, Any] = {"algorithm": "ppo"}
    manifest = Manifest(
        agent="ppo",
        algorithm="ppo",
        scenario="toy",
        seed=4,
        steps_done=1,
        updates_done=1,
        settings=settings,
        settings_sha256=sha256_of_json(settings),
        activation="relu",
        observation_size=size,
        observation_sha256=observation_sha256(),
        n_regions=2,
        action_layout="modes",
        packages={},
    )
    tensors: Tensors = {
        "mlp_extractor.policy_net.0.weight": np.zeros((3, size), np.float32),
        "mlp_extractor.policy_net.0.bias": np.zeros(3, np.float32),
        "action_net.weight": np.zeros((8, 3), np.float32),
        "action_net.bias": np.array([0, 0, 1, 0] * 2, np.float32),
    }
    return write(tmp_path / "seed-4", manifest, tensors)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str) -> None:
    result = wattward(command, "--help")
    assert result.exit_code == 0
    assert "Usage:" in result.stdout
    assert command in wattward("--help").stdout


def test_help_names_each_command_once_in_its_section() -> None:
    shown = wattward("--help").stdout
    firsts = [line.split()[0] for line in shown.splitlines() if re.match(r"  \w", line)]
    assert [first for first in firsts if first in COMMANDS] == list(COMMANDS)
    assert [title for title in cli.SECTIONS if f"\n{title}:\n" not in shown] == []
    assert [line for line in shown.splitlines() if line.startswith("  ") and line.endswith("...")] == []
    assert max(map(len, shown.splitlines())) <= 80


@pytest.mark.parametrize("study", STUDIES)
def test_every_study_explains_itself(study: str) -> None:
    result = wattward("study", study, "--help")
    assert result.exit_code == 0
    assert f"  {study} " in wattward("study", "--help").stdout


@pytest.mark.parametrize("old", ["scenarios", "methods", "throughput", "sandwich", "version", "zoo", "year"])
def test_old_names_are_gone(old: str) -> None:
    assert wattward(old).exit_code == 2


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from wattward.experiments.cli import main as cli\n"
        "try: cli.app(['evaluate', '--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'stable_baselines3', 'pandas', 'scipy', 'numba', 'matplotlib', 'joblib', 'rich', 'yaml',\n"
        "'plotly', 'selenium'}\n"
        "sys.exit(', '.join(heavy & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_the_version_is_an_option() -> None:
    assert wattward("--version").stdout == f"wattward {__version__}\n"


def test_lists_say_what_there_is_within_80_columns() -> None:
    whole = wattward("list").stdout
    assert max(map(len, whole.splitlines())) <= 80
    for name in (
        *("zhejiang-xinjiang-2024", "scale-REGIONSxJOBS", "PeakOffset", "MPC-24", "Planner"),
        *("zoo/zhejiang-xinjiang/ppo/seed-N", "ppo-regions", "standard", "+heat-wave"),
    ):
        assert f"  {name}" in whole
    assert "PeakOffset" not in wattward("list", "scenarios").stdout
    assert wattward("list", "rules").exit_code == 2


def test_lists_as_json_name_what_commands_take() -> None:
    entries = json.loads(wattward("list", "--json").stdout)
    assert {entry["kind"] for entry in entries} == {"scenarios", "methods", "agents", "suites", "presets"}
    assert [entry for entry in entries if not entry["summary"] or "\n" in entry["summary"]] == []
    methods = json.loads(wattward("list", "methods", "--json").stdout)
    assert methods == [entry for entry in entries if entry["kind"] == "methods"]
    assert {entry["name"] for entry in methods} >= {*registry.RULES, *registry.VARIANTS}
    assert {f"+{name}" for name in names("disturbances")} <= {entry["name"] for entry in entries}


def test_a_disturbed_scenario_is_evaluated_by_its_name() -> None:
    wanted = ("evaluate", "RunOnArrival", "--episodes", "1", "--jobs", "1", "--out", "e.json", "--scenario")
    for name in ("toy", "toy+price-spike"):
        result = wattward(*wanted, name)
        assert result.exit_code == 0, result.output
        assert f"1 test episodes of {name}" in result.stdout
    wrong = wattward(*wanted, "toy+price-spikes")
    assert "unknown disturbance 'price-spikes'; did you mean price-spike" in " ".join(wrong.output.split())


def test_evaluate_shows_a_table_and_keeps_every_episode(empty_folder: Path, trained: Path) -> None:
    result = wattward(
        *("evaluate", "Random", str(trained), "--scenario", "toy", "--episodes", "2", "--jobs", "1", "--out", "e.json")
    )
    assert result.exit_code == 0, result.output
    assert "2 test episodes of toy" in result.stdout
    episodes = pd.read_json(empty_folder / "e.json")
    assert episodes["method"].tolist() == ["Random", "Random", "PPO", "PPO"]
    assert episodes["train_seed"].tolist()[2:] == [4, 4]
    ppo = episodes[episodes["method"] == "PPO"]
    np.testing.assert_allclose(ppo["total_cost"], ppo["run_on_arrival_cost"])


def test_leaderboard_writes_its_folder_and_names_the_picture(empty_folder: Path, trained: Path) -> None:
    text = f"{TOY_SUITE}checkpoints: [{{method: Agent, folders: [{trained}]}}]\n"
    (empty_folder / "mine.yaml").write_text(text, encoding="utf-8")
    result = wattward("leaderboard", "mine.yaml", "--jobs", "1")
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[-1] == "picture: results/mine/leaderboard.png"
    rows = json.loads((empty_folder / "results/mine/leaderboard.json").read_text(encoding="utf-8"))
    assert {row["method"]: row["train_seeds"] for row in rows} == {
        "bound": [],
        "RunOnArrival": [],
        "Random": [],
        "Agent": [4],
    }
    without = wattward("leaderboard", "mine.yaml", "--jobs", "1", "--without-learned", "--out", "other")
    assert without.exit_code == 0
    assert "Agent" not in (empty_folder / "other/leaderboard.md").read_text(encoding="utf-8")


def test_leaderboard_sets_methods_beside_one_of_them(empty_folder: Path) -> None:
    (empty_folder / "mine.yaml").write_text(TOY_SUITE, encoding="utf-8")
    result = wattward("leaderboard", "mine.yaml", "--jobs", "1", "--versus", "Random")
    assert result.exit_code == 0, result.output
    assert "score less that of Random (rule) · toy" in result.stdout
    (row,) = json.loads((empty_folder / "results/mine/versus-Random.json").read_text(encoding="utf-8"))
    assert (row["method"], row["versus"], row["scenario"]) == ("RunOnArrival", "Random", "toy")
    assert row["difference_low"] <= row["difference"] <= row["difference_high"]
    wrong = wattward("leaderboard", "mine.yaml", "--versus", "MPC", "--out", "other")
    assert (wrong.exit_code, (empty_folder / "other").exists()) == (2, False)
    assert wrong.stderr == "error: --versus MPC: must be one of Random, RunOnArrival\n"


def test_leaderboard_shows_the_best_known_schedule_when_asked(empty_folder: Path) -> None:
    (empty_folder / "mine.yaml").write_text(TOY_SUITE, encoding="utf-8")
    result = wattward("leaderboard", "mine.yaml", "--jobs", "1", "--best-known")
    assert result.exit_code == 0, result.output
    rows = json.loads((empty_folder / "results/mine/leaderboard.json").read_text(encoding="utf-8"))
    by_name = {row["method"]: row for row in rows}
    assert by_name["RunOnArrival"]["score_iqm"] < by_name["best known schedule"]["score_iqm"] <= 1.0
    episodes = pd.read_parquet(empty_folder / "results/mine/episodes.parquet")
    assert (episodes["best_known_cost"] >= episodes["bound_cost"]).all()
    again = wattward("reproduce", "results/mine", "--jobs", "1")
    assert again.exit_code == 0, again.output


FAILS = """\
import numpy as np


class Fails:
    name = "Fails"

    def reset(self, outlook, rng):
        self.step = 0

    def act(self, outlook):
        self.step += 1
        return outlook.n_regions / (self.step - 3) if self.step == 3 else np.full(outlook.n_regions, 2)
"""


@pytest.mark.parametrize(
    "command", [("leaderboard", "mine.yaml", "--method", "fails:Fails"), ("evaluate", "fails:Fails")]
)
def test_a_method_that_fails_stands_in_the_table_and_ends_the_command_with_the_reason(
    empty_folder: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    (empty_folder / "mine.yaml").write_text(TOY_SUITE, encoding="utf-8")
    (empty_folder / "fails.py").write_text(FAILS, encoding="utf-8")
    monkeypatch.syspath_prepend(str(empty_folder))
    monkeypatch.delitem(sys.modules, "fails", raising=False)
    more = ("Random", "--scenario", "toy", "--episodes", "2") if command[0] == "evaluate" else ()
    result = wattward(*command, *more, "--jobs", "1")
    assert result.exit_code == 2, result.output
    shown = {
        line.split()[0]: line.split()[1] for line in result.stdout.splitlines() if line.startswith(("Fails", "Random"))
    }
    assert shown["Fails"] == "failed" and float(shown["Random"]) < 1.0
    reason = "failed in 2 of 2 episodes; episode 0, step 2: it raised ZeroDivisionError: division by zero"
    assert result.stderr.splitlines()[-1] == f"failed: Fails on toy: {reason}"
    if command[0] == "leaderboard":
        rows = json.loads((empty_folder / "results/mine/leaderboard.json").read_text(encoding="utf-8"))
        marks = {row["method"]: (row["mark"], row["reason"]) for row in rows}
        assert marks == {
            "bound": (None, None),
            "RunOnArrival": (None, None),
            "Random": (None, None),
            "Fails": ("failed", reason),
        }


def test_the_installed_command_works_in_a_process_of_its_own(empty_folder: Path) -> None:
    command = [sys.executable, "-m", "wattward.experiments.cli.main", "evaluate", "RunOnArrival", "--scenario", "toy"]
    done = subprocess.run([*command, "--episodes", "2"], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "RunOnArrival" in done.stdout
    wrong = subprocess.run([*command, "--split", "tset", "--cache", "x"], capture_output=True, text=True, timeout=300)
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert wrong.stderr == "error: split 'tset': must be one of train, validation, test\n"
    assert not (empty_folder / "x").exists()


def spoil_key(configs: Path) -> list[str]:
    edit(configs / "scenarios" / "toy.yaml", lambda data: data["forecast"].update(skil=0.5))
    return ["toy.yaml", "forecast.skil", "did you mean 'skill'"]


def spoil_hour(configs: Path) -> list[str]:
    tariff = configs / "tariffs" / "toy-east.yaml"
    edit(tariff, lambda data: data["seasons"][0]["hours_by_band"].update(day=[[8, 17], [18, 24]]))
    return ["toy-east.yaml", "hour 17", "must be in one"]


def spoil_capacity(configs: Path) -> list[str]:
    edit(configs / "regions" / "toy-east.yaml", lambda data: data["sun"].update(capacity_kw=-5.0))
    return ["toy-east.yaml", "sun.capacity_kw = -5.0", "greater than or equal to 0"]


def edit(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    data = yaml.safe_load(path.read_text(encoding="utf-8"))
    change(data)
    path.write_text(yaml.safe_dump(data), encoding="utf-8")


@pytest.mark.parametrize("spoil", [spoil_key, spoil_hour, spoil_capacity])
def test_a_wrong_file_is_named_with_its_key(empty_folder: Path, own_configs: Path, spoil: Spoil) -> None:
    wanted = spoil(own_configs)
    edit(
        own_configs / "regions" / "toy-east.yaml",
        lambda data: data.update(tariff=str(own_configs / "tariffs/toy-east.yaml")),
    )
    east = {"region": str(own_configs / "regions" / "toy-east.yaml")}
    scenario = own_configs / "scenarios" / "toy.yaml"
    edit(scenario, lambda data: data.update(regions=[east, {"region": "toy-west"}]))
    told = refusal(empty_folder, "evaluate", "Random", "--scenario", str(scenario))
    assert [part for part in wanted if part not in told] == []


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (("evaluate", "PeakOfset", "--scenario", "toy"), ["unknown policy 'PeakOfset'", "did you mean PeakOffset"]),
        (("evaluate", "Random", "--scenario", "toi"), ["unknown scenario 'toi'", "did you mean toy"]),
        (("evaluate", "Random", "--scenario", "no/toy.yaml"), ["no/toy.yaml: no such file"]),
        (("evaluate", "Random", "--scenario", "toy", "--out", "x.csv"), ["x.csv", ".parquet or .json"]),
        (("evaluate", "Random", "--scenario", "toy", "--recording", "none"), ["--recording none: no such folder"]),
        (("evaluate", "zoo/none", "--scenario", "toy"), ["zoo/none: no such checkpoint folder"]),
        (("train", "pop", "--scenario", "toy"), ["unknown agent 'pop'", "did you mean ppo"]),
        (("train", "ppo", "--scenario", "toi"), ["unknown scenario 'toi'"]),
        (("leaderboard", "quik"), ["unknown suite 'quik'", "did you mean quick"]),
        (("study", "case", "qingyang"), ["unknown case 'qingyang'", "known: zhejiang-xinjiang"]),
    ],
)
def test_an_unknown_name_is_answered_with_known_ones(
    empty_folder: Path, arguments: tuple[str, ...], wanted: list[str]
) -> None:
    told = refusal(empty_folder, *arguments)
    assert [part for part in wanted if part not in told] == []


def cut(folder: Path) -> list[str]:
    weights = folder / "policy.safetensors"
    weights.write_bytes(weights.read_bytes()[:-40])
    return ["policy.safetensors", "truncated"]


def empty(folder: Path) -> list[str]:
    (folder / "checkpoint.json").write_text("", encoding="utf-8")
    return ["checkpoint.json", "not readable as JSON"]


@pytest.mark.parametrize("spoil", [cut, empty])
def test_a_truncated_checkpoint_is_refused(empty_folder: Path, trained: Path, spoil: Spoil) -> None:
    wanted = spoil(trained)
    told = refusal(empty_folder, "evaluate", str(trained), "--scenario", "toy")
    assert [part for part in wanted if part not in told] == []
    suite = f"{TOY_SUITE}checkpoints: [{{method: PPO, folders: [{trained}]}}]\n"
    (empty_folder.parent / "mine.yaml").write_text(suite, encoding="utf-8")
    told = refusal(empty_folder, "leaderboard", "../mine.yaml")
    assert [part for part in wanted if part not in told] == []


def test_a_checkpoint_of_another_world_is_refused(empty_folder: Path, trained: Path) -> None:
    told = refusal(empty_folder, "evaluate", str(trained), "--scenario", "zhejiang-xinjiang")
    assert "PPO was trained on scenario 'toy'" in told


def test_a_recording_with_a_gap_is_refused(empty_folder: Path, tmp_path: Path) -> None:
    hours = pd.date_range("2021-01-01", periods=8760, freq="h")
    weather = pd.DataFrame({"time": hours, **{region.site.province: 0.5 for region in load_scenario("toy").regions}})
    seconds = np.arange(0, 86400 * 2, 600)
    folder = tmp_path / "recorded"
    folder.mkdir()
    weather.to_csv(folder / "wind.csv", index=False)
    weather.drop(index=100).to_csv(folder / "sun.csv", index=False)
    pd.DataFrame({"t_s": seconds, "req_per_s": 1.0}).to_csv(folder / "requests.csv", index=False)
    layout = {"name": "made", "title": "Made up", "source": "a test", "requests": {"paths": ["requests.csv"]}}
    text = yaml.safe_dump({**layout, "sun": {"path": "sun.csv"}, "wind": {"path": "wind.csv"}})
    (folder / "recording.yaml").write_text(text, encoding="utf-8")
    command = ("evaluate", "Random", "--scenario", "toy", "--recording", str(folder), "--episodes", "1", "--jobs", "1")
    told = refusal(empty_folder, *command)
    assert [part for part in ("sun.csv", "line 102") if part not in told] == []
    weather.to_csv(folder / "sun.csv", index=False)
    assert wattward(*command).exit_code == 0


def test_imported_requests_play_in_an_evaluation(empty_folder: Path, tmp_path: Path) -> None:
    times = pd.date_range("2024-05-06", periods=48 * 4, freq="15min")
    times = times.union(times + pd.Timedelta(minutes=14, seconds=30))
    pd.DataFrame({"timestamp": times, "tokens": 500}).to_csv(tmp_path / "trace.csv", index=False)
    out, told = tmp_path / "recorded", ("--zone", "Europe/Berlin", "--tokens-per-gpu-hour", "1000")
    command = ("import", "requests", str(tmp_path / "trace.csv"), "--out", str(out))
    assert "--zone = 'Mars'" in refusal(empty_folder, *command, "--region", "x", "--zone", "Mars", *told[2:])
    assert "--tilt: import requests does not" in refusal(empty_folder, *command, "--region", "x", "--tilt", "3", *told)
    assert not out.exists()
    for region in load_scenario("toy").regions:
        done = wattward(*command, "--region", region.name, *told)
        assert done.exit_code == 0, done.output
        assert "interactive_gpus: 48 values, 2024-05-05T22:00:00+00:00" in done.stdout and "mean 4 GPU" in done.stdout
    shown = ("evaluate", "Random", "--scenario", "toy", "--recording", str(out), "--episodes", "1", "--jobs", "1")
    assert wattward(*shown).exit_code == 0


def test_an_imported_log_plays_in_an_evaluation(empty_folder: Path, tmp_path: Path) -> None:
    job = "{} {} 5 3600 {} -1 -1 8 7200 -1 1 3 1 1 1 1 -1 -1\n"
    lines = [job.format(i, 1800 * i, 8 if i else -1) for i in range(40)]
    (tmp_path / "log.swf").write_text(f"; UnixStartTime: 1704067200\n{''.join(lines)}", encoding="utf-8")
    out = tmp_path / "recorded"
    command = ("import", "jobs", str(tmp_path / "log.swf"), "--out", str(out), "--class", "batch")
    assert "of 40 jobs 1 without processors; --missing drop" in refusal(empty_folder, *command)
    assert "--region: import jobs does not take it" in refusal(empty_folder, *command, "--region", "x")
    assert "--region: must name the region" in refusal(
        empty_folder, "import", "air", str(tmp_path / "log.swf"), "--out", "x"
    )
    assert not out.exists()
    done = wattward(*command, "--missing", "drop")
    assert done.exit_code == 0, done.output
    assert "batch: 39 jobs, 2024-01-01 00:30" in done.stdout and "1 jobs left out" in done.stdout
    assert "holds no dated series" in refusal(empty_folder, "study", "year", "toy", "--recording", str(out))
    shown = ("evaluate", "Random", "--scenario", "toy", "--recording", str(out), "--episodes", "1", "--jobs", "1")
    assert wattward(*shown).exit_code == 0


def refusal(folder: Path, *command: str) -> str:
    """What a refused command says: exit code 2, a line a problem on stderr, nothing on stdout, nothing written."""
    result = wattward(*command)
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert all(line.startswith("error: ") for line in result.stderr.splitlines())
    assert not list(folder.iterdir())
    return result.stderr


def test_wrong_usage_is_told_apart_from_wrong_files() -> None:
    assert wattward("evaluate", "Random", "--episodes", "0").exit_code == 2
    assert wattward("evaluate", "Random", "--episode", "3").exit_code == 2


def interrupted(run: subprocess.Popen[str]) -> str:
    """What it says on stderr after one Ctrl-C, which reaches its children too."""
    os.killpg(run.pid, signal.SIGINT)
    return run.communicate(timeout=60)[1]


@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX")
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_an_interruption_ends_quietly(empty_folder: Path, jobs: str) -> None:
    command = [
        sys.executable,
        "-m",
        "wattward.experiments.cli.main",
        "evaluate",
        "Random",
        "--scenario",
        "toy",
        "--jobs",
        jobs,
    ]
    with subprocess.Popen(
        [*command, "--episodes", "4000"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as run:
        references = empty_folder / "results/cache/references"
        while run.poll() is None and not (references.is_dir() and any(references.iterdir())):
            time.sleep(0.05)
        stderr = interrupted(run)
    assert run.returncode == 130
    assert "interrupted" in stderr
    assert "Traceback" not in stderr
    assert not [path for path in references.iterdir() if path.name.startswith(".")]


def stopped() -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("where", "arguments", "told"),
    [
        ("experiments.training.train.train_agent", ("train", "ppo", "--scenario", "toy"), "with --resume goes on"),
        (
            "experiments.leaderboard.run.run_methods",
            ("evaluate", "Random", "--scenario", "toy"),
            "the same command goes on",
        ),
        ("experiments.leaderboard.run.run_suite", ("leaderboard", "quick"), "the same command goes on"),
        ("experiments.leaderboard.reproduce.reproduce", ("reproduce", "."), "nothing was written"),
        ("experiments.describe.typical_day.play_day", ("describe", "toy"), "nothing was written"),
        ("experiments.benchmark.run.measure", ("benchmark", "--quick"), "nothing was written"),
        ("experiments.training.zoo.train_missing", ("study", "zoo"), "the same command goes on"),
        ("experiments.training.zoo.trained_again", ("study", "zoo", "--again", "a/b/seed-0"), "nothing was written"),
    ],
)
def test_every_command_says_what_an_interruption_leaves(
    monkeypatch: pytest.MonkeyPatch, where: str, arguments: tuple[str, ...], told: str
) -> None:
    monkeypatch.setattr(f"wattward.{where}", lambda *_, **__: stopped())
    result = wattward(*arguments)
    assert result.exit_code == 130
    assert result.stderr.startswith("interrupted; ") and told in result.stderr


def test_no_command_is_silent_about_interruptions() -> None:
    for name in {where.partition(":")[0] for where in cli.COMMANDS.values()}:
        source = (PACKAGE / "experiments" / "cli" / f"{name}.py").read_text(encoding="utf-8")
        assert source.count("\n@interruptible(") == len(re.findall(r"^def (?!_)", source, re.MULTILINE)) > 0, name
