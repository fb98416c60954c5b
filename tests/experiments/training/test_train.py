from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console

from wattward.agents import load_policy
from wattward.agents.inference.checkpoint import read_manifest, read_policy
from wattward.configs import ConfigError
from wattward.envs.world.splits import WORLDS_VERSION
from wattward.experiments.training import train
from wattward.experiments.training.train import train_agent

STEPS = 1200


def stop_after(monkeypatch: pytest.MonkeyPatch, steps: int) -> None:
    """Interrupts training at the first checkpoint after so many steps."""
    write = train.Session._checkpoint

    def write_and_stop(session: train.Session) -> None:
        write(session)
        if session._model.num_timesteps >= steps:
            raise KeyboardInterrupt

    monkeypatch.setattr(train.Session, "_checkpoint", write_and_stop)


@pytest.fixture(scope="module", params=["ppo", "dqn"])
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs")
    return train_agent(request.param, "toy", 3, out=out, total_steps=STEPS).parent


def test_a_run_leaves_a_policy_checkpoints_and_curves(run: Path) -> None:
    manifest = read_manifest(run / "final")
    assert run.parts[-3:] == ("toy", manifest.agent, "seed-3")
    assert (manifest.seed, manifest.scenario) == (3, "toy")
    assert manifest.steps_done > 0 and manifest.validation_saving is not None
    assert not (run / "final" / "optimizer.safetensors").exists()
    steps = sorted(run.glob("step-*"))
    assert len(steps) >= 2
    assert all((folder / "optimizer.safetensors").is_file() for folder in steps)
    assert not [path for path in run.rglob("*") if path.suffix in {".pkl", ".pt", ".pth", ".zip"}]
    assert load_policy(run / "final").name in {"PPO", "DQN"}


def test_tensorboard_has_yuan_beside_reward(run: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    curves = EventAccumulator(str(run / "tensorboard"))
    curves.Reload()
    tags = set(curves.Tags()["scalars"])
    kpis = {f"episode/{name}" for name in ("total_cost", "green_share", "in_band", "late_gpu_h", "moved_gb", "saving")}
    assert kpis | {"rollout/ep_rew_mean", "validation/saving"} <= tags
    assert all(np.isfinite(event.value) for event in curves.Scalars("episode/total_cost"))


def test_a_finished_run_is_not_repeated(run: Path) -> None:
    before = (run / "final" / "checkpoint.json").stat().st_mtime_ns
    agent, out = run.parent.name, run.parents[2]
    for resume in (False, True):
        assert train_agent(agent, "toy", 3, out=out, total_steps=STEPS, resume=resume) == run / "final"
    assert (run / "final" / "checkpoint.json").stat().st_mtime_ns == before


def test_another_config_does_not_overwrite(run: Path) -> None:
    agent, out = run.parent.name, run.parents[2]
    with pytest.raises(ConfigError, match=r"settings\.total_steps 1200 -> 1300.*--overwrite"):
        train_agent(agent, "toy", 3, out=out, total_steps=1300)
    assert read_manifest(run / "final").settings["total_steps"] == STEPS


def test_a_run_in_other_worlds_is_not_gone_on_with(run: Path, tmp_path: Path) -> None:
    assert read_manifest(run / "final").worlds == WORLDS_VERSION
    older = Path(shutil.copytree(run.parents[2], tmp_path / "runs"))
    record = older / run.relative_to(run.parents[2]) / "run.json"
    facts = json.loads(record.read_text(encoding="utf-8"))
    del facts["worlds"]
    record.write_text(json.dumps(facts), encoding="utf-8")
    with pytest.raises(ConfigError, match=rf"worlds None -> '{WORLDS_VERSION}'.*--overwrite"):
        train_agent(run.parent.name, "toy", 3, out=older, total_steps=STEPS, resume=True)


@pytest.mark.parametrize("agent", ["ppo", "recurrent-ppo", "dqn"])
def test_an_interrupted_run_goes_on(agent: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        stop_after(patch, 600)
        train_agent(agent, "toy", 0, out=tmp_path, total_steps=STEPS)
    run = tmp_path / "toy" / agent / "seed-0"
    done = read_manifest(max(run.glob("step-*"))).steps_done
    assert 600 <= done < STEPS and not (run / "final").exists()
    with pytest.raises(ConfigError, match="--resume"):
        train_agent(agent, "toy", 0, out=tmp_path, total_steps=STEPS)
    heard = io.StringIO()
    final = train_agent(agent, "toy", 0, out=tmp_path, total_steps=STEPS, resume=True, console=Console(file=heard))
    assert f"resuming after {done:,} of 1,200 steps" in heard.getvalue()
    assert read_manifest(max(run.glob("step-*"))).steps_done > done
    assert read_policy(final)[0].agent == agent


def test_a_broken_checkpoint_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        stop_after(patch, 900)
        train_agent("ppo", "toy", 0, out=tmp_path, total_steps=STEPS * 2)
    *_, earlier, last = sorted((tmp_path / "toy" / "ppo" / "seed-0").glob("step-*"))
    tensors = last / "optimizer.safetensors"
    tensors.write_bytes(tensors.read_bytes()[:100])
    heard = io.StringIO()
    console = Console(file=heard, width=1000)
    train_agent("ppo", "toy", 0, out=tmp_path, total_steps=STEPS * 2, resume=True, console=console)
    assert "passing over a broken checkpoint" in heard.getvalue() and "truncated" in heard.getvalue()
    assert f"resuming after {read_manifest(earlier).steps_done:,}" in heard.getvalue()


def test_overwriting_starts_again(tmp_path: Path) -> None:
    final = train_agent("dqn", "toy", 0, out=tmp_path, total_steps=300)
    leftover = final.parent / "step-0000000001"
    leftover.mkdir()
    (final.parent / "notes.txt").write_text("mine", encoding="utf-8")
    train_agent("dqn", "toy", 0, out=tmp_path, total_steps=400, overwrite=True)
    assert read_manifest(final).settings["total_steps"] == 400
    assert json.loads((final.parent / "run.json").read_text(encoding="utf-8"))["settings"]["total_steps"] == 400
    assert not leftover.exists() and (final.parent / "notes.txt").exists()


def test_without_validation_the_last_policy_is_the_result(tmp_path: Path) -> None:
    settings = tmp_path / "brief.yaml"
    settings.write_text(
        "default: {algorithm: ppo, total_steps: 96, num_envs: 2, gamma: 0.9, learning_rate: 0.001, batch_size: 48,"
        " max_grad_norm: 1, n_epochs: 1, net_arch: [8], validations: 0}",
        encoding="utf-8",
    )
    final = train_agent(str(settings), "toy", 0, out=tmp_path)
    manifest = read_manifest(final)
    assert (manifest.agent, manifest.steps_done, manifest.validation_saving) == ("brief", 96, None)
    assert load_policy(final).name == "BRIEF"


def test_one_torch_thread_unless_asked_otherwise(tmp_path: Path) -> None:
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        train_agent("ppo", "toy", 0, out=tmp_path / "one", total_steps=16)
        assert torch.get_num_threads() == 1
        train_agent("ppo", "toy", 0, out=tmp_path / "two", total_steps=16, torch_threads=2)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    with pytest.raises(ConfigError, match=r"torch_threads = 0: must be at least 1"):
        train_agent("ppo", "toy", 0, out=tmp_path / "none", total_steps=16, torch_threads=0)


@pytest.mark.parametrize(
    ("agent", "scenario", "steps", "words"),
    [
        ("pppo", "toy", 10, "did you mean ppo"),
        ("ppo", "tooy", 10, "did you mean toy"),
        ("ppo", "toy", 0, "total_steps = 0"),
        ("maskable-ppo", "qingyang-direct", 10, "has stores, contracts"),
    ],
)
def test_bad_input_leaves_nothing_behind(agent: str, scenario: str, steps: int, words: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=words):
        train_agent(agent, scenario, 0, out=tmp_path, total_steps=steps)
    assert not list(tmp_path.iterdir())
