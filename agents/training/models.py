"""Makes Stable-Baselines3 models from settings, reads their tensors and restores them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.vec_env import VecEnv

from wattward.agents.inference.checkpoint import Tensors
from wattward.agents.learners.schedules import linear
from wattward.agents.networks.modes_policy import ReLU
from wattward.agents.registry import algorithm_of
from wattward.configs.schema.agent import AgentSettings
from wattward.configs.schema.base import ConfigError

FUSED_ADAM = {"optimizer_kwargs": {"fused": True}}
"""Adam updates all weights in one pass instead of one pass for each term, which saves 5 % of a gradient step."""
ACTIVATIONS: dict[str, type[torch.nn.Module]] = {"relu": ReLU, "tanh": torch.nn.Tanh}


def make_model(
    settings: AgentSettings, env: VecEnv, seed: int, *, episode_steps: int, threads: int = 1
) -> BaseAlgorithm:
    """Makes an untrained model. The same seed gives the same model and, on the same machine, the same training.

    Args:
        settings: Settings of the agent.
        env: Result of `make_env` with the same settings.
        seed: Seed of everything random in the model.
        episode_steps: Number of simulator steps in an episode.
        threads: Number of PyTorch threads.

    Raises:
        ConfigError: the settings contradict each other, or the algorithm needs a package that is not installed.
    """
    torch.set_num_threads(threads)
    arguments = model_arguments(settings, env.num_envs, episode_steps)
    arguments["policy_kwargs"] |= FUSED_ADAM
    try:
        return algorithm_of(settings).model(settings, env, seed, arguments)
    except ModuleNotFoundError as error:
        package = str(error.name).partition(".")[0].replace("_", "-")
        raise ConfigError(
            f"algorithm = {settings.algorithm!r} needs {package}: pip install 'wattward[more]'"
        ) from error


def model_arguments(settings: AgentSettings, num_envs: int, episode_steps: int) -> dict[str, Any]:
    """Returns the arguments of the algorithm's stock class for these settings, except policy, environments and seed.

    Raises:
        ConfigError: the settings contradict each other.
    """
    end = settings.learning_rate if settings.learning_rate_end is None else settings.learning_rate_end
    return {
        **algorithm_of(settings).arguments(settings, num_envs, episode_steps),
        "learning_rate": linear(settings.learning_rate, end),
        "gamma": settings.gamma,
        "policy_kwargs": {"net_arch": list(settings.net_arch), "activation_fn": ACTIVATIONS[settings.activation]},
        "device": "cpu",
        "verbose": 0,
    }


def policy_tensors(model: BaseAlgorithm) -> Tensors:
    """Returns all weights of the policy, by their names in Stable-Baselines3."""
    return {name: tensor.detach().numpy().copy() for name, tensor in model.policy.state_dict().items()}


def optimizer_tensors(settings: AgentSettings, model: BaseAlgorithm) -> Tensors:
    """Returns Adam's moments and the learned numbers that are not part of the policy.

    A moment's name is the optimizer's prefix followed by `PARAMETER.MOMENT`.
    """
    algorithm = algorithm_of(settings)
    tensors = {
        f"{prefix}{number}.{key}": np.asarray(value)
        for prefix, optimizer in algorithm.optimizers(model).items()
        for number, moments in optimizer.state_dict()["state"].items()
        for key, value in moments.items()
    }
    numbers = {name: tensor.detach().numpy().copy() for name, tensor in algorithm.learned_numbers(model).items()}
    return tensors | numbers


def restore(
    settings: AgentSettings,
    model: BaseAlgorithm,
    policy: Tensors,
    optimizer: Tensors,
    *,
    steps_done: int = 0,
    updates_done: int = 0,
) -> None:
    """Loads the weights, moments and counters of a checkpoint into a new model with the same settings.

    Args:
        settings: Settings of the agent.
        model: Result of `make_model` with the same settings.
        policy: Result of `policy_tensors`.
        optimizer: Result of `optimizer_tensors`; may be empty if training does not continue.
        steps_done: Number of decisions so far.
        updates_done: Number of weight updates so far, as Stable-Baselines3 counts them.
    """
    algorithm = algorithm_of(settings)
    model.policy.load_state_dict({name: _tensor(array) for name, array in policy.items()})
    numbers = algorithm.learned_numbers(model)
    for prefix, adam in algorithm.optimizers(model).items():
        moments: dict[int, dict[str, torch.Tensor]] = {}
        for key, array in optimizer.items():
            if key.startswith(prefix) and key not in numbers:
                number, name = key.removeprefix(prefix).split(".", 1)
                moments.setdefault(int(number), {})[name] = _tensor(array)
        adam.load_state_dict({**adam.state_dict(), "state": moments})
    for name, tensor in numbers.items():
        if name in optimizer:
            tensor.data.copy_(_tensor(optimizer[name]))
    model.num_timesteps = steps_done
    model._n_updates = updates_done


def _tensor(array: np.ndarray[Any, Any]) -> torch.Tensor:
    return torch.from_numpy(np.array(array))
