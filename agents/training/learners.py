"""Stable-Baselines3 models from settings, and their tensors out and in again."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3 import PPO, SAC
from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper
from stable_baselines3.common.vec_env.base_vec_env import VecEnvObs, VecEnvStepReturn

from wattward.agents.algorithms.buffers import FleetReplayBuffer, FleetRolloutBuffer
from wattward.agents.algorithms.double_dqn import DoubleDQN
from wattward.agents.algorithms.region_dqn import TeamDQN, TeamReplayBuffer
from wattward.agents.inference.checkpoint import Tensors
from wattward.agents.networks import modes_policy as networks
from wattward.agents.networks.masked_policy import MaskedModesPolicy
from wattward.agents.networks.masking import check_maskable
from wattward.agents.networks.modes_policy import ModesPolicy
from wattward.agents.networks.region_network import RegionsPolicy
from wattward.agents.training.region_env import RegionFleet
from wattward.configs.schema.agent import (
    AgentSettings,
    DQNSettings,
    PPOSettings,
    QRDQNSettings,
    RecurrentPPOSettings,
    SACSettings,
)
from wattward.configs.schema.base import ConfigError
from wattward.configs.schema.scenario import Scenario
from wattward.envs.decisions.action import Mode
from wattward.envs.simulator.source import EpisodeBank
from wattward.envs.world.family import family_of
from wattward.envs.world.splits import N_TRAINING_EPISODES

if TYPE_CHECKING:
    from wattward.agents.algorithms.quantile_dqn import QuantileDQN
    from wattward.agents.algorithms.recurrent_ppo import RecurrentPPO

Learner: TypeAlias = "PPO | RecurrentPPO | DoubleDQN | QuantileDQN | SAC"
BANK_KEY = 1
"""Keeps the choice of a run's episodes apart from all else that its seed decides."""
ENTROPY = "log_ent_coef"
"""Among the optimizer's tensors: the weight of the entropy where it is learned."""
FUSED_ADAM = {"optimizer_kwargs": {"fused": True}}
"""One pass over all weights instead of one for each term: 5 % of a gradient step."""
ACTIVATIONS: dict[str, type[torch.nn.Module]] = {"relu": networks.ReLU, "tanh": torch.nn.Tanh}


POLICIES: dict[str, type[ModesPolicy]] = {"flat": ModesPolicy, "regions": RegionsPolicy}


@runtime_checkable
class RepeatsActions(Protocol):
    """Environments that can repeat actions by themselves, and so encode only the last of the steps' observations."""

    def step_held(self, actions: NDArray[np.int64], action_repeat: int) -> VecEnvStepReturn:
        """Steps until `action_repeat` are done or an episode ends; rewards (num_envs,) are their sums."""
        ...


class RepeatedActions(VecEnvWrapper):
    """Decisions that hold for some steps of the environments; a decision's rewards are summed, then scaled.

    All environments must end their episodes at the same steps; a decision ends with the episode.
    """

    def __init__(self, venv: VecEnv, action_repeat: int, reward_scale: float) -> None:
        super().__init__(venv)
        self._action_repeat, self._reward_scale = action_repeat, reward_scale
        self._actions: NDArray[np.int64] = np.zeros(0, dtype=np.int64)
        # of its own, not one that a wrapper passes on past itself
        self._native = venv if hasattr(type(venv), "step_held") and isinstance(venv, RepeatsActions) else None

    def reset(self) -> VecEnvObs:
        """First observations (num_envs, size)."""
        return self.venv.reset()

    def step_async(self, actions: NDArray[np.int64]) -> None:
        """Takes the coming decision."""
        self._actions = actions

    def step_wait(self) -> VecEnvStepReturn:
        """Observations after the decision's last step, its summed rewards, and that step's dones and infos."""
        step = self._native.step_held if self._native else self._step_held
        observations, rewards, dones, infos = step(self._actions, self._action_repeat)
        return observations, (rewards * self._reward_scale).astype(np.float32), dones, infos

    def _step_held(self, actions: NDArray[np.int64], action_repeat: int) -> VecEnvStepReturn:
        total = np.zeros(self.num_envs, dtype=np.float64)
        for _ in range(action_repeat):
            observations, rewards, dones, infos = self.venv.step(actions)
            total += rewards
            if dones.any():
                break
        return observations, total, dones, infos


def make_env(
    scenario: Scenario,
    settings: AgentSettings,
    seed: int,
    *,
    split: str = "train",
    num_envs: int | None = None,
    bank: EpisodeBank | int | None = None,
) -> VecEnv:
    """Environments to learn in: a batch, its action joint for DQN; returns in `info["episode"]` are unscaled.

    With `layout: region` each region is an environment.

    Raises:
        ConfigError: masks are asked for where none are known, or a network of regions where actions order stores.
    """
    from wattward.envs.interfaces.sb3_env import FleetVecEnv

    if settings.algorithm == "maskable-ppo":
        check_maskable(scenario)
    if isinstance(settings, PPOSettings) and settings.network == "regions" and scenario.n_stores:
        raise ConfigError(
            f"scenario {scenario.name}: network = 'regions': orders no stores, this scenario's actions order "
            f"{scenario.n_stores}; choose network: flat, or storage_control: rule"
        )
    layout, many = action_layout(settings), num_envs or settings.num_envs
    kind: dict[str, Any] = {"joint": layout == "joint", "shares": layout == "shares"}
    if split == "train":
        kind["late_weight"] = settings.late_weight
    fleet = FleetVecEnv(scenario, many, seed=seed, reward=settings.reward, split=split, bank=bank, **kind)
    env = RegionFleet(fleet) if settings.layout == "region" else fleet
    return RepeatedActions(env, settings.action_repeat, settings.reward_scale)


def action_layout(settings: AgentSettings) -> Literal["modes", "joint", "region", "shares"]:
    """What outputs stand for: modes of each region, joint actions, modes of the one region it sees, shares of each."""
    if isinstance(settings, SACSettings) or (isinstance(settings, PPOSettings) and settings.action == "shares"):
        return "shares"
    if settings.layout == "region":
        return "region"
    return "joint" if isinstance(settings, DQNSettings) else "modes"


def make_bank(
    scenario: Scenario, settings: AgentSettings, seed: int, *, progress: bool = False
) -> EpisodeBank | int | None:
    """The training episodes of a run, another choice for every seed; none where the settings ask for fresh ones.

    Of a family it is only their number: each has a scenario of its own, and the environments draw them.
    """
    if settings.bank_episodes == 0:
        return None
    if family_of(scenario) is not None:
        return settings.bank_episodes
    numbers = np.random.default_rng([BANK_KEY, seed]).choice(N_TRAINING_EPISODES, settings.bank_episodes, replace=False)
    return EpisodeBank.drawn(scenario.with_lateness(settings.late_weight), numbers.tolist(), progress=progress)


def make_model(settings: AgentSettings, env: VecEnv, seed: int, *, episode_steps: int, threads: int = 1) -> Learner:
    """An untrained model. The same seed gives the same model and, on the same machine, the same training.

    Raises:
        ConfigError: a rollout is not a whole number of batches.
    """
    torch.set_num_threads(threads)
    given = algorithm_settings(settings, env.num_envs, episode_steps)
    given["policy_kwargs"] |= FUSED_ADAM
    if isinstance(settings, SACSettings):
        return SAC("MlpPolicy", env, seed=seed, **given)
    if isinstance(settings, DQNSettings):
        returns = {"n_steps": given.pop("n_steps"), "gamma": settings.gamma}
        buffer: dict[str, Any] = {"replay_buffer_class": FleetReplayBuffer, "replay_buffer_kwargs": returns}
        if isinstance(settings, QRDQNSettings):
            return _quantile_dqn(settings, env, seed, given | buffer)
        learner = DoubleDQN
        if settings.mixing == "sum":
            team = {**returns, "team": regions_in(env)}
            learner, buffer = TeamDQN, {"replay_buffer_class": TeamReplayBuffer, "replay_buffer_kwargs": team}
        return learner("MlpPolicy", env, seed=seed, **given, **buffer)
    if isinstance(settings, RecurrentPPOSettings):
        return _recurrent_ppo(settings, env, seed, given)
    if settings.action == "shares":
        given["policy_kwargs"] |= {"log_std_init": settings.log_std_init}
    policy = "MlpPolicy" if action_layout(settings) in ("region", "shares") else _modes_policy(settings)
    model = PPO(policy, env, seed=seed, **given, rollout_buffer_class=FleetRolloutBuffer)
    _set_out(model, settings)
    return model


def _modes_policy(settings: PPOSettings) -> type[ModesPolicy]:
    return MaskedModesPolicy if settings.algorithm == "maskable-ppo" else POLICIES[settings.network]


def _quantile_dqn(settings: QRDQNSettings, env: VecEnv, seed: int, given: dict[str, Any]) -> QuantileDQN:
    try:
        from wattward.agents.algorithms.quantile_dqn import QuantileDQN
    except ModuleNotFoundError as error:
        raise ConfigError("algorithm = 'qrdqn' needs sb3-contrib: pip install 'wattward[more]'") from error
    given["policy_kwargs"] |= {"n_quantiles": settings.n_quantiles, "optimizer_class": torch.optim.Adam}
    return QuantileDQN("MlpPolicy", env, seed=seed, **given)


def _recurrent_ppo(settings: RecurrentPPOSettings, env: VecEnv, seed: int, given: dict[str, Any]) -> RecurrentPPO:
    try:
        from wattward.agents.algorithms.recurrent_ppo import LstmPolicy, RecurrentPPO
    except ModuleNotFoundError as error:
        raise ConfigError("algorithm = 'recurrent-ppo' needs sb3-contrib: pip install 'wattward[more]'") from error
    given["policy_kwargs"] |= {"lstm_hidden_size": settings.lstm_size}
    model = RecurrentPPO(LstmPolicy, env, seed=seed, **given)
    _set_out(model, settings)
    return model


def regions_in(env: VecEnv) -> int:
    """Regions of an environment below wrappers, where each region is an environment; 1 where none is."""
    while isinstance(env, VecEnvWrapper) and not isinstance(env, RegionFleet):
        env = env.venv
    return env.n_regions if isinstance(env, RegionFleet) else 1


def algorithm_settings(settings: AgentSettings, num_envs: int, episode_steps: int) -> dict[str, Any]:
    """What Stable-Baselines3's own PPO, DQN or SAC is to be given for these settings.

    Raises:
        ConfigError: a rollout is not a whole number of batches.
    """
    end = settings.learning_rate if settings.learning_rate_end is None else settings.learning_rate_end
    if isinstance(settings, PPOSettings):
        own = _of_ppo(settings, num_envs, episode_steps)
    else:
        own = _of_sac(settings) if isinstance(settings, SACSettings) else _of_dqn(settings, num_envs)
    return {
        **own,
        "learning_rate": _linear(settings.learning_rate, end),
        "gamma": settings.gamma,
        "batch_size": settings.batch_size,
        "policy_kwargs": {"net_arch": list(settings.net_arch), "activation_fn": ACTIVATIONS[settings.activation]},
        "device": "cpu",
        "verbose": 0,
    }


def _linear(start: float, end: float) -> Callable[[float], float]:
    return lambda remaining: end + (start - end) * remaining


def _of_ppo(settings: PPOSettings, num_envs: int, episode_steps: int) -> dict[str, Any]:
    n_steps = -(-episode_steps // settings.action_repeat) if settings.n_steps == "episode" else settings.n_steps
    if (n_steps * num_envs) % settings.batch_size:
        raise ConfigError(
            f"batch_size = {settings.batch_size}: must divide the {n_steps * num_envs} decisions of a rollout "
            f"({n_steps} steps of {num_envs} environments)"
        )
    return {
        "n_steps": n_steps,
        "n_epochs": settings.n_epochs,
        "gae_lambda": settings.gae_lambda,
        "clip_range": settings.clip_range,
        "ent_coef": settings.ent_coef,
        "vf_coef": settings.vf_coef,
        "target_kl": settings.target_kl,
        "max_grad_norm": settings.max_grad_norm,
    }


def _of_dqn(settings: DQNSettings, num_envs: int) -> dict[str, Any]:
    return {
        "buffer_size": settings.buffer_size,
        "learning_starts": settings.learning_starts,
        "train_freq": settings.train_freq,
        "gradient_steps": settings.gradient_steps,
        "target_update_interval": max(settings.target_update_interval, num_envs),
        "tau": settings.tau,
        "n_steps": settings.return_steps,
        "exploration_fraction": settings.exploration_fraction,
        "exploration_initial_eps": settings.exploration_start,
        "exploration_final_eps": settings.exploration_end,
        "max_grad_norm": settings.max_grad_norm,
    }


def _of_sac(settings: SACSettings) -> dict[str, Any]:
    names = ("buffer_size", "learning_starts", "train_freq", "gradient_steps", "tau", "ent_coef")
    return {name: getattr(settings, name) for name in names}


def _set_out(model: PPO | RecurrentPPO, settings: PPOSettings) -> None:
    outputs = model.policy.action_net.bias
    assert isinstance(outputs, torch.Tensor)
    with torch.no_grad():
        if settings.action == "shares":
            outputs += settings.run_share
            return
        for mode in (Mode.RUN, Mode.PULL):
            outputs[int(mode) :: len(Mode)] += settings.run_logit


def policy_tensors(model: Learner) -> Tensors:
    """All weights of the policy, by their names in Stable-Baselines3."""
    return {name: tensor.detach().numpy().copy() for name, tensor in model.policy.state_dict().items()}


def optimizer_tensors(model: Learner) -> Tensors:
    """Adam's moments, as `PARAMETER.MOMENT`; of several optimizers, as `OPTIMIZER.PARAMETER.MOMENT`."""
    tensors = {
        f"{name}{number}.{key}": np.asarray(value)
        for name, optimizer in _optimizers(model).items()
        for number, moments in optimizer.state_dict()["state"].items()
        for key, value in moments.items()
    }
    weight = getattr(model, "log_ent_coef", None)
    return tensors if weight is None else tensors | {ENTROPY: weight.detach().numpy().copy()}


def _optimizers(model: Learner) -> dict[str, torch.optim.Optimizer]:
    if not isinstance(model, SAC):
        return {"": model.policy.optimizer}
    found = {"actor.": model.actor.optimizer, "critic.": model.critic.optimizer, "entropy.": model.ent_coef_optimizer}
    return {name: optimizer for name, optimizer in found.items() if optimizer is not None}


def restore(model: Learner, policy: Tensors, optimizer: Tensors, steps_done: int, updates_done: int) -> None:
    """Puts weights, moments and counters of a checkpoint into a fresh model of the same settings."""
    model.policy.load_state_dict({name: _tensor(array) for name, array in policy.items()})
    for prefix, adam in _optimizers(model).items():
        moments: dict[int, dict[str, torch.Tensor]] = {}
        for key, array in optimizer.items():
            if key.startswith(prefix) and key != ENTROPY:
                number, name = key.removeprefix(prefix).split(".", 1)
                moments.setdefault(int(number), {})[name] = _tensor(array)
        adam.load_state_dict({**adam.state_dict(), "state": moments})
    if isinstance(model, SAC) and model.log_ent_coef is not None:
        model.log_ent_coef.data.copy_(_tensor(optimizer[ENTROPY]))
    model.num_timesteps = steps_done
    model._n_updates = updates_done


def _tensor(array: np.ndarray[Any, Any]) -> torch.Tensor:
    return torch.from_numpy(np.array(array))
