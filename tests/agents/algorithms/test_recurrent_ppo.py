from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sb3_contrib import RecurrentPPO
from sb3_contrib.ppo_recurrent.policies import MlpLstmPolicy

from wattward.agents import load_policy
from wattward.agents.algorithms.recurrent_ppo import RecurrentPPOSettings
from wattward.agents.inference.checkpoint import Manifest, Tensors, read_policy, write
from wattward.agents.inference.networks import LstmCell, RecurrentNetwork
from wattward.agents.inference.policy import LearnedPolicy, acting_network
from wattward.agents.networks.lstm_policy import LstmPolicy
from wattward.agents.registry import load_agent
from wattward.agents.training import environments, models
from wattward.agents.training.callbacks import Validation, greedy
from wattward.configs import ConfigError, load_scenario
from wattward.envs.decisions.action import Mode
from wattward.envs.interfaces.cluster_env import ClusterEnv
from wattward.envs.model.params import make_params
from wattward.envs.policy.protocol import Modes
from wattward.experiments.training.train import train_agent

TOY = load_scenario("toy")
WARM = ("episodes", "epochs", "batch_size", "learning_rate")


def settings_of(**changes: Any) -> RecurrentPPOSettings:
    return RecurrentPPOSettings.model_validate({**load_agent("recurrent-ppo", "toy").model_dump(), **changes})


def model_of(**changes: Any) -> RecurrentPPO:
    settings = settings_of(**{"num_envs": 4, "batch_size": 96, **changes})
    model = models.make_model(settings, environments.make_env(TOY, settings, 0), 0, episode_steps=TOY.n_steps)
    assert isinstance(model, RecurrentPPO)
    return model


def restored(tensors: Tensors) -> RecurrentPPO:
    model = model_of()
    models.restore(settings_of(), model, tensors, {})
    return model


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_agent("recurrent-ppo", "toy", 0, out=tmp_path_factory.mktemp("runs"), total_steps=1536)


def memorable(folder: Path) -> tuple[Manifest, Tensors]:
    """The checkpoint with drawn weights instead of the actor's own, so that modes hang on what came before."""
    manifest, tensors = read_policy(folder)
    rng, actors = np.random.default_rng(0), ("lstm_actor.", "mlp_extractor.policy_net.", "action_net.")
    spread = {name: 0.2 if "_ih_" in name else 0.5 for name in sorted(tensors) if name.startswith(actors)}
    made = {name: rng.normal(0.0, by, tensors[name].shape).astype(np.float32) for name, by in spread.items()}
    return manifest, tensors | made


def drawn(manifest: Manifest, n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, manifest.observation_size)).astype(np.float32)


class Moment:
    """As much of an outlook as a learned policy reads."""

    n_regions = 2
    params = make_params(TOY)

    def __init__(self, step: int, observation: np.ndarray) -> None:
        self.step, self.observation = step, observation


def played(policy: LearnedPolicy, observations: np.ndarray, first: int = 0) -> Modes:
    """Modes (T, R) of consecutive steps."""
    moments: Any = [Moment(first + step, row) for step, row in enumerate(observations)]
    return np.array([policy.act(moment) for moment in moments])


def begun(policy: LearnedPolicy) -> LearnedPolicy:
    moment: Any = Moment(0, drawn(policy.manifest, 1)[0])
    policy.reset(moment, np.random.default_rng(0))
    return policy


def test_a_cell_is_torchs() -> None:
    torch.manual_seed(0)
    lstm, rows = torch.nn.LSTM(7, 5), torch.randn(672, 3, 7) * 4
    of_input, of_hidden, *biases = (parameter.detach().numpy() for parameter in lstm.parameters())
    cell = LstmCell(of_input, of_hidden, biases[0] + biases[1])
    network = RecurrentNetwork(cell, lambda hidden: hidden)
    with torch.no_grad():
        expected, (_, last) = lstm(rows)
    for _ in range(2):
        network.reset()
        found = np.array([network(row) for row in rows.numpy()])
        np.testing.assert_allclose(found, expected, atol=1e-5)
    assert network._state is not None
    np.testing.assert_allclose(network._state[1], last[0], atol=1e-5)
    assert found.dtype == np.float32 and (network.n_inputs, cell.size) == (7, 5)


def test_large_inputs_do_not_overflow() -> None:
    cell = LstmCell(np.full((4, 1), 1e4, np.float32), np.zeros((4, 1), np.float32), np.zeros(4, np.float32))
    for x in (-1e4, 1e4):
        with np.errstate(all="raise"):
            hidden, _ = cell(np.array([x], np.float32), np.zeros(1, np.float32), np.ones(1, np.float32))
        assert np.isfinite(hidden).all()


def test_another_number_of_sequences_needs_a_reset() -> None:
    cell = LstmCell(np.ones((4, 2), np.float32), np.ones((4, 1), np.float32), np.zeros(4, np.float32))
    network = RecurrentNetwork(cell, lambda hidden: hidden)
    network(np.zeros((3, 2), np.float32))
    with pytest.raises(ValueError, match=r"the state is of \(3,\); reset it first"):
        network(np.zeros(2, np.float32))
    network.reset()
    assert network(np.zeros(2, np.float32)).shape == (1,)


def test_it_acts_as_the_model_does_through_an_episode(folder: Path) -> None:
    manifest, tensors = memorable(folder)
    policy = LearnedPolicy(manifest, acting_network(manifest, tensors, folder))
    model, env = restored(tensors), ClusterEnv("toy", split="validation")
    for episode in range(3):
        env.reset(options={"split": "validation", "episode": episode})
        policy.reset(env.outlook(), np.random.default_rng(0))
        act, chosen, ended = greedy(model), list[Modes](), False
        while not ended:
            modes = policy.act(env.outlook())
            np.testing.assert_array_equal(modes, act(env.outlook().observation[None])[0])
            ended = env.step(modes)[2]
            chosen.append(modes)
        assert len(chosen) == TOY.n_steps
        assert len(np.unique(chosen, axis=0)) > 1


def test_its_outputs_are_the_models_logits(folder: Path) -> None:
    manifest, tensors = read_policy(folder)
    network, policy = acting_network(manifest, tensors, folder), restored(tensors).policy
    rows = drawn(manifest, 168)
    with torch.no_grad():
        hidden, _ = policy.lstm_actor(torch.from_numpy(rows)[:, None])
        expected = policy.action_net(policy.mlp_extractor.forward_actor(hidden[:, 0]))
    np.testing.assert_allclose(np.array([network(row) for row in rows]), expected, rtol=1e-5, atol=1e-5)


def test_what_it_saw_before_matters_until_its_reset(folder: Path) -> None:
    manifest, tensors = memorable(folder)
    policy = LearnedPolicy(manifest, acting_network(manifest, tensors, folder))
    first, rows = drawn(manifest, 12, seed=1), drawn(manifest, 12, seed=2)
    alone = played(begun(policy), rows)
    played(begun(policy), first)
    assert not np.array_equal(played(policy, rows, first=12), alone)
    np.testing.assert_array_equal(played(begun(policy), rows), alone)


def test_its_memory_moves_on_once_a_decision(folder: Path) -> None:
    manifest, tensors = memorable(folder)
    held = manifest.model_copy(update={"action_repeat": 4})
    single, slow = (LearnedPolicy(made, acting_network(made, tensors, folder)) for made in (manifest, held))
    rows = drawn(manifest, 64)
    expected = played(begun(single), rows[::4])
    assert len(np.unique(expected, axis=0)) > 3
    begun(slow)
    for step, row in enumerate(rows):
        moment: Any = Moment(step, row)
        for _ in range(3):
            modes = slow.act(moment)
            np.testing.assert_array_equal(modes, expected[step // 4])
            modes[:] = 9


@pytest.mark.parametrize("twin_of", [copy.deepcopy, lambda policy: pickle.loads(pickle.dumps(policy))])
def test_a_copy_goes_on_by_itself_from_where_it_was_made(folder: Path, twin_of: Any) -> None:
    manifest, tensors = memorable(folder)
    policy = LearnedPolicy(manifest, acting_network(manifest, tensors, folder))
    before, rows = drawn(manifest, 12, seed=1), drawn(manifest, 12, seed=2)
    played(begun(policy), before)
    twin = twin_of(policy)
    played(begun(twin_of(policy)), before[::-1])
    np.testing.assert_array_equal(played(policy, rows, first=12), played(twin, rows, first=12))


def test_loading_and_acting_need_no_torch(folder: Path) -> None:
    code = (
        "import sys; from pathlib import Path; import numpy as np; from wattward.agents import load_policy;"
        f"made = load_policy(Path({str(folder)!r}));"
        "made._choose(np.zeros(made.manifest.observation_size, np.float32));"
        "print(made.name, 'torch' in sys.modules)"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "RECURRENT-PPO False\n"


class Counter:
    """A model that runs everything; its state is how often it was asked."""

    def __init__(self) -> None:
        self.before: list[Any] = []

    def predict(self, observations: np.ndarray, state: Any = None, deterministic: bool = False) -> tuple[Any, Any]:
        assert deterministic
        counts = np.zeros(len(observations)) if state is None else state[0]
        self.before.append(counts.tolist())
        return np.full((len(observations), 2), int(Mode.RUN)), (counts + 1,)


def test_validation_carries_the_state_through_its_episodes() -> None:
    make_env = partial(environments.make_env, TOY, settings_of(), 0, split="validation", num_envs=3)
    validation, model = Validation(make_env, np.full(2, int(Mode.RUN))), Counter()
    for _ in range(2):
        assert validation.saving(model) == pytest.approx(0.0)  # type: ignore[arg-type]
    assert model.before == [[step] * 3 for step in range(TOY.n_steps)] * 2


@pytest.mark.parametrize("starts", [[], [(0, 0)], [(0, 0), (2, 0)], [(1, 4)], [(0, 0), (1, 4)]])
def test_sequences_at_once_are_sb3_contribs(starts: list[tuple[int, int]]) -> None:
    torch.manual_seed(1)
    lstm, features = torch.nn.LSTM(6, 4), torch.randn(3 * 9, 6)
    states = (torch.randn(1, 3, 4), torch.randn(1, 3, 4))
    marks = torch.zeros(3, 9)
    for sequence, step in starts:
        marks[sequence, step] = 1.0
    with torch.no_grad():
        ours, *our_states = LstmPolicy._process_sequence(features, states, marks.flatten(), lstm)
        theirs, *their_states = MlpLstmPolicy._process_sequence(features, states, marks.flatten(), lstm)
    torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(our_states, their_states)


def test_it_has_an_lstm_for_each_of_actor_and_critic_as_large_as_asked() -> None:
    shapes = {name: array.shape for name, array in models.policy_tensors(model_of(lstm_size=12)).items()}
    assert shapes["lstm_actor.weight_hh_l0"] == shapes["lstm_critic.weight_hh_l0"] == (48, 12)
    assert shapes["mlp_extractor.policy_net.0.weight"] == (32, 12)


def test_it_sets_out_from_running_work() -> None:
    model = model_of(run_logit=5.0, num_envs=16, batch_size=192)
    env = model.get_env()
    assert env is not None
    modes = model.predict(np.asarray(env.reset()), deterministic=False)[0]
    assert np.mean(modes >= int(Mode.RUN)) > 0.8


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"network": "regions"}, "network\n.*not permitted"),
        ({"layout": "region"}, "should be 'flat'"),
        ({"action": "shares"}, "action\n.*not permitted"),
        ({"warm_start": {"teacher": "Planner", **dict.fromkeys(WARM, 1)}}, "warm_start\n.*not permitted"),
        ({"lstm_size": 0}, "greater than 0"),
        ({"lstm_layers": 2}, "lstm_layers"),
    ],
)
def test_settings_that_it_cannot_have_are_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        settings_of(**change)


def test_plain_ppo_has_no_lstm_size(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    plain = load_agent("ppo", "toy").model_dump(mode="json")
    path.write_text(f"default: { ({**plain, 'lstm_size': 8}) }".replace("None", "null"), encoding="utf-8")
    with pytest.raises(ConfigError, match="unknown key 'lstm_size'"):
        load_agent(path, "toy")


def test_a_checkpoint_without_its_lstm_is_refused(folder: Path, tmp_path: Path) -> None:
    manifest, tensors = read_policy(folder)
    name = "lstm_actor.bias_hh_l0"
    write(tmp_path / "bare", manifest, {key: tensor for key, tensor in tensors.items() if key != name})
    with pytest.raises(ConfigError, match=f"tensor '{name}' is missing"):
        load_policy(tmp_path / "bare")


@pytest.mark.parametrize(
    ("name", "shape", "words"),
    [
        ("mlp_extractor.policy_net.0.weight", (32, 5), "have 5 inputs, it has 32 outputs"),
        ("lstm_actor.weight_ih_l0", (128, 3), "has 3 inputs, the manifest needs"),
    ],
)
def test_layers_that_do_not_fit_are_refused(
    folder: Path, tmp_path: Path, name: str, shape: tuple[int, int], words: str
) -> None:
    manifest, tensors = read_policy(folder)
    write(tmp_path / "odd", manifest, tensors | {name: np.zeros(shape, np.float32)})
    with pytest.raises(ConfigError, match=words):
        load_policy(tmp_path / "odd")


def test_its_zip_is_refused_as_that_of_no_plain_perceptron(tmp_path: Path) -> None:
    model_of().save(tmp_path / "mine.zip")
    with pytest.raises(ConfigError, match="must be Stable-Baselines3's DQN or PPO with MlpPolicy"):
        load_policy(tmp_path / "mine.zip", trust_pickle=True)


def test_without_sb3_contrib_it_says_what_to_install(without: Callable[[str, str], None]) -> None:
    without("wattward.agents.networks.lstm_policy", "sb3_contrib")
    with pytest.raises(ConfigError, match=r"'recurrent-ppo' needs sb3-contrib: pip install 'wattward\[more\]'"):
        model_of()
