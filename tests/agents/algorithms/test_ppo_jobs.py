"""PPO that decides per job: its network, its update, its credit of single jobs, and its checkpoints."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from wattward.agents import load_agent, load_policy
from wattward.agents.inference import job_index
from wattward.agents.inference.checkpoint import read_optimizer, read_policy
from wattward.agents.inference.job_features import JOB_FIELDS, OPTION_AT, JobInputs
from wattward.agents.inference.job_network import read_job_network
from wattward.agents.learners.job_credit import GONE
from wattward.agents.learners.job_ppo import OBSERVED, JobPPO, clipped_loss
from wattward.agents.networks.job_network import JobsPolicy
from wattward.agents.training import environments, models
from wattward.agents.training.callbacks import greedy
from wattward.configs import ConfigError, load_scenario
from wattward.envs.interfaces.cluster_env import ClusterEnv
from wattward.envs.policy.episode import play_batch, play_episode
from wattward.envs.simulator.source import EpisodeBank
from wattward.experiments.training.train import train_agent

TOY, PAIR = load_scenario("toy"), load_scenario("zhejiang-xinjiang")
Observed = dict[str, torch.Tensor]


def made_model(scenario: Any = TOY, seed: int = 0, **changed: Any) -> JobPPO:
    loaded = load_agent("ppo-jobs", scenario.name)
    settings = type(loaded)(**{**loaded.model_dump(), "bank_episodes": 4, "num_envs": 4, "batch_size": 24, **changed})
    env = environments.make_env(scenario, settings, seed, bank=environments.make_bank(scenario, settings, seed))
    model = models.make_model(settings, env, seed, episode_steps=scenario.n_steps)
    assert isinstance(model, JobPPO)
    return model


def played(model: JobPPO, steps: int) -> Observed:
    """The observations after some steps, with random weights in the last layer, so that the network matters."""
    env, rng = model.get_env(), np.random.default_rng(0)
    assert env is not None
    torch.nn.init.normal_(model.policy.scores.score.weight, std=0.5)
    seen: Any = env.reset()
    for _ in range(steps):
        seen = env.step(rng.integers(0, 2, (env.num_envs, seen["jobs"].shape[1])))[0]
    return {name: torch.from_numpy(np.array(seen[name])) for name in OBSERVED}


@pytest.fixture(scope="module")
def pair() -> tuple[JobPPO, Observed]:
    model = made_model(PAIR)
    return model, played(model, 60)


def log_probs(policy: JobsPolicy, seen: Observed) -> torch.Tensor:
    """Log-probabilities (B, K, R + 1) of all choices; 0 in rows without a job."""
    rows, of_rows = policy.log_probs(seen)
    shape = (*seen["jobs"].shape[:2], of_rows.shape[1])
    whole = torch.zeros(shape).flatten(0, 1)
    whole[rows] = of_rows.detach()
    return whole.view(shape)


def test_jobs_may_be_in_any_order(pair: tuple[JobPPO, Observed]) -> None:
    model, seen = pair
    order = torch.randperm(seen["jobs"].shape[1], generator=torch.Generator().manual_seed(0))
    mixed = seen | {"jobs": seen["jobs"][:, order], "options": seen["options"][:, order]}
    assert seen["jobs"][:, :, 0].sum() > 40
    torch.testing.assert_close(log_probs(model.policy, mixed), log_probs(model.policy, seen)[:, order])
    torch.testing.assert_close(model.policy.predict_values(mixed), model.policy.predict_values(seen))


def test_regions_may_be_in_any_order(pair: tuple[JobPPO, Observed]) -> None:
    model, seen = pair
    mixed = seen | {"regions": seen["regions"].flip(1), "options": seen["options"].flip(2)}
    wanted = log_probs(model.policy, seen)[:, :, [0, 2, 1]]
    torch.testing.assert_close(log_probs(model.policy, mixed), wanted, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(model.policy.predict_values(mixed), model.policy.predict_values(seen))


def test_empty_rows_and_masked_regions_change_nothing(pair: tuple[JobPPO, Observed]) -> None:
    model, seen = pair
    choices, _, of_jobs = model.policy.forward(seen)
    empty = seen["jobs"][:, :, 0] == 0.0
    assert empty.any() and not choices[empty].any() and not of_jobs[empty].any()
    longer = seen | {name: torch.nn.functional.pad(seen[name], pad) for name, pad in LONGER.items()}
    torch.testing.assert_close(log_probs(model.policy, longer)[:, : choices.shape[1]], log_probs(model.policy, seen))
    masked = seen["options"].clone()
    masked[:, :, 1, OPTION_AT.allowed] = 0.0
    assert (log_probs(model.policy, seen | {"options": masked})[~empty][:, 2] < -1e6).all()


LONGER = {"jobs": (0, 0, 0, 7), "options": (0, 0, 0, 0, 0, 7)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_agent("ppo-jobs", "toy", 0, out=tmp_path_factory.mktemp("runs"), total_steps=1500)


def test_numpy_scores_as_torch_does(pair: tuple[JobPPO, Observed], folder: Path) -> None:
    model, seen = pair
    numbers = seen["context"].shape[1] + seen["regions"].shape[1] * seen["regions"].shape[2]
    made = {"n_regions": 2, "observation_size": numbers, "settings": {"net_arch": [32, 32]}}
    manifest = read_policy(folder)[0].model_copy(update=made)
    network = read_job_network(manifest, models.policy_tensors(model), folder)
    for b in range(len(seen["jobs"])):
        one = {name: column[b : b + 1] for name, column in seen.items()}
        rows = one["jobs"][0, :, 0].nonzero().squeeze(1)
        inputs = JobInputs(*(one[name][0].numpy() for name in ("state", "jobs", "options")))
        scores = network.scores(one["context"][0].numpy(), one["regions"][0].numpy(), inputs)
        wanted = model.policy.scores(one, rows).detach()
        torch.testing.assert_close(torch.from_numpy(scores)[rows], wanted, atol=1e-3, rtol=1e-4)


def test_a_checkpoint_plays_by_outlooks_what_its_model_plays_in_the_batch(folder: Path) -> None:
    manifest, tensors = read_policy(folder)
    assert (manifest.algorithm, manifest.action_layout) == ("ppo-jobs", "jobs")
    bank = EpisodeBank.drawn(TOY, [5], split="validation")
    settings, model = load_agent("ppo-jobs", "toy"), made_model()
    batch = environments.make_env(TOY, settings, 0, split="validation", num_envs=1, bank=bank)
    models.restore(settings, model, tensors, {})
    wanted = play_batch(greedy(model), batch)[0]
    rng = np.random.default_rng(0)
    played = play_episode(load_policy(folder), ClusterEnv(TOY), split="validation", episode=5, rng=rng)
    assert played.kpis["total_cost"] == pytest.approx(wanted["total_cost"], rel=1e-6)
    assert played.kpis["work_gpu_h"] > 0.0


def test_training_improves_a_poor_start_on_the_toy(monkeypatch: pytest.MonkeyPatch) -> None:
    """With an index that runs everything on arrival, jobs learn to wait."""
    monkeypatch.setitem(job_index.INDEX, "level", 2.0)
    monkeypatch.setitem(job_index.INDEX, "sharpness", 2.0)
    model = made_model(TOY, num_envs=8, bank_episodes=32, batch_size=96)
    bank = EpisodeBank.drawn(TOY, list(range(8)), split="validation")

    def cost() -> float:
        settings = load_agent("ppo-jobs", "toy")
        batch = environments.make_env(TOY, settings, 0, split="validation", num_envs=8, bank=bank)
        return float(np.mean([kpis["total_cost"] for kpis in play_batch(greedy(model), batch)]))

    before = cost()
    model.learn(6000)
    assert cost() < before


def test_training_is_reproducible_and_goes_on(folder: Path, tmp_path: Path) -> None:
    again = train_agent("ppo-jobs", "toy", 0, out=tmp_path, total_steps=1500)
    first, second = read_policy(folder)[1], read_policy(again)[1]
    assert all((first[name] == second[name]).all() for name in first)
    settings, last = load_agent("ppo-jobs", "toy"), max(folder.parent.glob("step-*"))
    manifest, trained = read_policy(last)
    model, kept = made_model(TOY), read_optimizer(last)
    models.restore(settings, model, trained, kept, steps_done=manifest.steps_done, updates_done=manifest.updates_done)
    back = models.optimizer_tensors(settings, model)
    assert back.keys() == kept.keys() and all((back[name] == kept[name]).all() for name in kept)


def test_jobs_are_credited_along_their_own_rows() -> None:
    """Every job that may still be ordered is found in the row that it became, and work that ran earns what it saved."""
    model = made_model(PAIR, num_envs=2)
    env, rng = model.get_env(), np.random.default_rng(0)
    assert env is not None
    seen: Any = env.reset()
    queues, followed = [], 0
    for _ in range(40):
        before = seen
        seen = env.step(rng.integers(0, 3, (2, before["jobs"].shape[1])))[0]
        for b in range(2):
            rows = np.flatnonzero(before["jobs"][b, :, 0])
            became = seen["became"][b, rows]
            here = became != GONE
            followed += int(here.sum())
            gpus = JOB_FIELDS.index("gpus")
            np.testing.assert_allclose(seen["jobs"][b, became[here], gpus], before["jobs"][b, rows[here], gpus])
            assert not seen["earned"][b, before["jobs"][b, :, 0] == 0.0].any()
        queues.append(seen["earned"])
    assert followed > 200 and np.count_nonzero(np.stack(queues)) > 100


def test_loading_needs_no_torch(folder: Path, loads_without_torch: Callable[[Path], bool]) -> None:
    assert loads_without_torch(folder)


def test_scenarios_with_stores_to_order_are_refused() -> None:
    with pytest.raises(ConfigError, match="orders no stores"):
        train_agent("ppo-jobs", "jinshuitan-microgrid", 0)


def test_a_tensor_of_another_shape_is_named(folder: Path) -> None:
    manifest, tensors = read_policy(folder)
    with pytest.raises(ConfigError, match=r"'scores\.hidden\.bias' has shape \(3,\), the manifest needs \(32,\)"):
        read_job_network(manifest, tensors | {"scores.hidden.bias": np.zeros(3, np.float32)}, folder)


def test_clipping_is_per_job() -> None:
    change = torch.tensor([0.5, 0.0, -0.5], requires_grad=True)
    loss = clipped_loss(change, torch.tensor([1.0, 1.0, 1.0]), 0.2)
    loss.backward()  # type: ignore[no-untyped-call]
    assert change.grad is not None
    assert change.grad[0] == 0.0 and (change.grad[1:] < 0.0).all()
