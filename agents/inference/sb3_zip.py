"""Loads policies from Stable-Baselines3 zips made elsewhere. Loading their pickles can run arbitrary code."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wattward.agents.inference.checkpoint import Manifest, Tensors, check_tensors
from wattward.agents.inference.networks import ActingNetwork
from wattward.agents.registry import algorithms
from wattward.configs.digests import sha256_of_json
from wattward.configs.schema.base import ConfigError
from wattward.envs.decisions.action import N_MODES

if TYPE_CHECKING:
    from wattward.agents.algorithms.base import Algorithm

WHY = (
    "a Stable-Baselines3 zip holds Python pickles, and reading a pickle runs whatever code its maker put in it; "
    "say trust_pickle=True (--trust-pickle) only for a file whose maker you trust"
)


def load_zip(path: Path, *, trust_pickle: bool) -> tuple[Manifest, ActingNetwork]:
    """Reads a manifest and the acting network from the zip of a supported algorithm.

    Raises:
        ConfigError: `trust_pickle` is False, or the zip does not hold a plain perceptron of such an algorithm, or
            a weight is not a finite number.
    """
    if not trust_pickle:
        raise ConfigError(f"{path}: not opened: {WHY}")
    if not zipfile.is_zipfile(path):
        raise ConfigError(f"{path}: not a zip file")
    algorithm = _algorithm(path)
    model = algorithm.stock().load(path, device="cpu")
    tensors: Tensors = {name: tensor.detach().cpu().numpy() for name, tensor in model.policy.state_dict().items()}
    check_tensors(tensors, path)
    manifest = _manifest(path, algorithm, model)
    return manifest, algorithm.network(manifest, tensors, path)


def _algorithm(path: Path) -> Algorithm[Any]:
    try:
        with zipfile.ZipFile(path) as archive:
            maker = json.loads(archive.read("data"))["policy_class"]["__module__"]
    except (KeyError, TypeError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ConfigError(f"{path}: not a Stable-Baselines3 zip: {error}") from error
    readable = {known.zip_policy: known for known in algorithms().values() if known.zip_policy is not None}
    if maker not in readable:
        names = " or ".join(known.name.upper() for known in readable.values())
        raise ConfigError(f"{path}: policy of {maker}: must be Stable-Baselines3's {names} with MlpPolicy")
    return readable[maker]


def _manifest(path: Path, algorithm: Algorithm[Any], model: Any) -> Manifest:  # noqa: ANN401 - any model of SB3
    space, joint = model.action_space, algorithm.flat_layout == "joint"
    n_regions = _n_regions(path, int(space.n) if joint else N_MODES ** len(getattr(space, "nvec", ())))
    activation = getattr(model.policy, "activation_fn", None)
    name = getattr(activation, "__name__", "")
    if name not in {"ReLU", "Tanh"}:
        raise ConfigError(f"{path}: activation {name!r}: must be ReLU or Tanh")
    return Manifest(
        agent=path.stem,
        algorithm=algorithm.name,
        scenario="unknown",
        worlds="unknown",
        seed=-1,
        steps_done=int(model.num_timesteps),
        updates_done=int(model._n_updates),
        settings={},
        settings_sha256=sha256_of_json({}),
        activation="relu" if name == "ReLU" else "tanh",
        observation_size=int(model.observation_space.shape[0]),
        observation_sha256="unknown",
        n_regions=n_regions,
        action_layout=algorithm.flat_layout,
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
