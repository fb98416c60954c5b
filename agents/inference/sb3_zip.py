"""Policies out of Stable-Baselines3 zips made elsewhere, whose pickles run whatever code their maker put in them."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from wattward.agents.inference.checkpoint import Manifest, Tensors
from wattward.configs.digests import sha256_of_json
from wattward.configs.schema.base import ConfigError
from wattward.envs.decisions.action import N_MODES

if TYPE_CHECKING:
    from stable_baselines3 import DQN, PPO

WHY = (
    "a Stable-Baselines3 zip holds Python pickles, and reading a pickle runs whatever code its maker put in it; "
    "say trust_pickle=True (--trust-pickle) only for a file whose maker you trust"
)


def load_zip(path: Path, *, trust_pickle: bool) -> tuple[Manifest, Tensors]:
    """A manifest and the tensors of a PPO or DQN zip.

    Raises:
        ConfigError: `trust_pickle` is False, or the zip is not one of PPO or DQN with a plain multilayer perceptron.
    """
    if not trust_pickle:
        raise ConfigError(f"{path}: not opened: {WHY}")
    if not zipfile.is_zipfile(path):
        raise ConfigError(f"{path}: not a zip file")
    algorithm = _algorithm(path)
    model = _open(path, algorithm)
    tensors: Tensors = {name: tensor.detach().cpu().numpy() for name, tensor in model.policy.state_dict().items()}
    return _manifest(path, algorithm, model), tensors


def _algorithm(path: Path) -> Literal["ppo", "dqn"]:
    try:
        with zipfile.ZipFile(path) as archive:
            maker = json.loads(archive.read("data"))["policy_class"]["__module__"]
    except (KeyError, TypeError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ConfigError(f"{path}: not a Stable-Baselines3 zip: {error}") from error
    if maker == "stable_baselines3.dqn.policies":
        return "dqn"
    if maker == "stable_baselines3.common.policies":
        return "ppo"
    raise ConfigError(f"{path}: policy of {maker}: must be Stable-Baselines3's PPO or DQN with MlpPolicy")


def _open(path: Path, algorithm: str) -> PPO | DQN:
    from stable_baselines3 import DQN, PPO

    return DQN.load(path, device="cpu") if algorithm == "dqn" else PPO.load(path, device="cpu")


def _manifest(path: Path, algorithm: Literal["ppo", "dqn"], model: Any) -> Manifest:  # noqa: ANN401 - PPO or DQN
    space, joint = model.action_space, algorithm == "dqn"
    n_regions = _n_regions(path, int(space.n) if joint else N_MODES ** len(getattr(space, "nvec", ())))
    activation = getattr(model.policy, "activation_fn", None)
    name = getattr(activation, "__name__", "")
    if name not in {"ReLU", "Tanh"}:
        raise ConfigError(f"{path}: activation {name!r}: must be ReLU or Tanh")
    return Manifest(
        agent=path.stem,
        algorithm=algorithm,
        scenario="unknown",
        seed=-1,
        steps_done=int(model.num_timesteps),
        updates_done=int(model._n_updates),
        settings={},
        settings_sha256=sha256_of_json({}),
        activation="relu" if name == "ReLU" else "tanh",
        observation_size=int(model.observation_space.shape[0]),
        observation_sha256="unknown",
        n_regions=n_regions,
        action_layout="joint" if joint else "modes",
        packages={},
    )


def _n_regions(path: Path, actions: int) -> int:
    n_regions = 1
    while N_MODES**n_regions < actions:
        n_regions += 1
    if N_MODES**n_regions != actions:
        raise ConfigError(
            f"{path}: {actions} joint actions: must be a power of {N_MODES}, one mode a region "
            "(for PPO a MultiDiscrete)"
        )
    return n_regions
