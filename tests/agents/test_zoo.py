"""The shipped checkpoints: what the shipped settings trained, whole, small, and without code."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import wattward.agents
from wattward.agents.inference.checkpoint import read_manifest, read_policy
from wattward.agents.inference.policy import load_policy
from wattward.agents.registry import load_agent
from wattward.configs.loading.experiments import load_zoo
from wattward.envs.interfaces.cluster_env import ClusterEnv

ZOO = Path(wattward.agents.__file__).parent / "zoo"
SHIPPED = sorted(path.parent for path in ZOO.glob("*/*/seed-*/checkpoint.json"))


def test_what_the_plan_asks_for_is_shipped_and_nothing_else() -> None:
    names = {str(folder.relative_to(ZOO)) for folder in SHIPPED}
    assert names == {f"{one.scenario}/{one.agent}/seed-{k}" for one in load_zoo().shipped for k in range(one.seeds)}
    assert names >= {f"zhejiang-xinjiang/{agent}/seed-{seed}" for agent in ("ppo", "dqn") for seed in range(5)}


def test_the_zoo_is_small_and_holds_no_pickles() -> None:
    files = [path for path in ZOO.rglob("*") if path.is_file()]
    assert {path.name for path in files} == {"policy.safetensors", "checkpoint.json", "README.md", "card.json"}
    assert sum(path.stat().st_size for path in files) < 20_000_000


@pytest.mark.parametrize("folder", SHIPPED, ids=lambda folder: str(folder.relative_to(ZOO)))
def test_the_shipped_settings_trained_it(folder: Path) -> None:
    manifest, tensors = read_policy(folder)
    scenario, agent, seed = folder.relative_to(ZOO).parts
    assert (manifest.scenario, manifest.agent, f"seed-{manifest.seed}") == (scenario, agent, seed)
    assert manifest.settings == load_agent(agent, scenario).model_dump(mode="json")
    full = scenario.startswith("qingyang")  # there, whoever waits loses
    assert read_manifest(folder).validation_saving > (-1e-9 if full else 0.01)
    assert all(np.isfinite(tensor).all() for tensor in tensors.values())


@pytest.mark.parametrize("folder", SHIPPED[::3], ids=lambda folder: str(folder.relative_to(ZOO)))
def test_it_plays_a_day(folder: Path) -> None:
    env = ClusterEnv(load_policy(folder).manifest.scenario)
    policy = load_policy(folder)
    env.reset(options={"split": "validation", "episode": 0})
    policy.reset(env.outlook(), np.random.default_rng(0))
    for _ in range(96):
        env.step(policy.act(env.outlook()))
    assert env.kpis()["work_gpu_h"] > 0.0
