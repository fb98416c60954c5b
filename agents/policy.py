"""A trained network as a Policy, in NumPy alone: a decision costs microseconds and torch is not loaded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from wattward.agents.checkpoint import Manifest, Tensors, observation_sha256, read_policy
from wattward.configs import ConfigError
from wattward.envs.action import Mode
from wattward.envs.outlook import Outlook
from wattward.envs.policy import Modes
from wattward.envs.region_views import n_regions_of, observation_size, region_views

N_MODES = len(Mode)
Layers = list[tuple[NDArray[np.float32], NDArray[np.float32]]]
Activation = Literal["relu", "tanh"]


class Network:
    """A multilayer perceptron of layers (weights (out, in), biases (out,)), the activation between them."""

    def __init__(self, layers: Layers, activation: Activation) -> None:
        self._layers = [(np.ascontiguousarray(weight.T), bias) for weight, bias in layers]
        self._relu = activation == "relu"

    @property
    def n_inputs(self) -> int:
        """Length of an input."""
        return int(self._layers[0][0].shape[0])

    @property
    def n_outputs(self) -> int:
        """Length of an output."""
        return int(self._layers[-1][0].shape[1])

    def __call__(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Outputs (..., out) of inputs (..., in)."""
        for weight, bias in self._layers[:-1]:
            x = x @ weight + bias
            x = np.maximum(x, 0.0, out=x) if self._relu else np.tanh(x, out=x)
        weight, bias = self._layers[-1]
        return x @ weight + bias


class ModeChooser:
    """Observations to modes by the largest output: a group of outputs a region, or one output a joint action."""

    def __init__(self, network: Network, n_regions: int, joint: bool) -> None:
        self._network, self._n_regions, self._joint = network, n_regions, joint
        self._place = N_MODES ** np.arange(n_regions - 1, -1, -1)

    def __call__(self, observation: NDArray[np.float32]) -> Modes:
        """Modes (..., R) of observations (..., size)."""
        values = self._network(observation)
        if self._joint:
            joint: Modes = values.argmax(axis=-1)[..., None]
            return joint // self._place % N_MODES
        modes: Modes = values.reshape(*values.shape[:-1], self._n_regions, N_MODES).argmax(axis=-1)
        return modes


class RegionChooser:
    """Observations to modes by the largest output for each region's view; any number of regions."""

    def __init__(self, network: Network) -> None:
        self._network = network

    def __call__(self, observation: NDArray[np.float32]) -> Modes:
        """Modes (..., R) of observations (..., size)."""
        n_regions = n_regions_of(observation.shape[-1], self._network.n_inputs)
        modes: Modes = self._network(region_views(observation, n_regions)).argmax(axis=-1)
        return modes


class LearnedPolicy:
    """An agent's network as an entrant, without exploration."""

    def __init__(self, manifest: Manifest, network: Network) -> None:
        self._manifest = manifest
        self._choose: Callable[[NDArray[np.float32]], Modes] = (
            RegionChooser(network)
            if manifest.action_layout == "region"
            else ModeChooser(network, manifest.n_regions, joint=manifest.action_layout == "joint")
        )
        self._held: Modes | None = None

    @property
    def name(self) -> str:
        """The agent's name in capitals: PPO, DQN."""
        return self._manifest.agent.upper()

    @property
    def manifest(self) -> Manifest:
        """Where the network comes from."""
        return self._manifest

    def reset(self, outlook: Outlook, rng: np.random.Generator) -> None:  # noqa: ARG002 - the protocol's; chance plays no part
        """Forgets the held modes and checks that the network was made for such a world.

        Raises:
            ConfigError: another number of regions, or another observation.
        """
        self._held = None
        made = self._manifest
        if made.action_layout == "region":
            made = made.model_copy(
                update={
                    "n_regions": outlook.n_regions,
                    "observation_size": observation_size(outlook.n_regions, made.observation_size),
                }
            )
        for what, trained, given in (
            ("regions", made.n_regions, outlook.n_regions),
            ("observed numbers", made.observation_size, outlook.observation.size),
        ):
            if trained != given:
                raise ConfigError(
                    f"{self.name} was trained on scenario {made.scenario!r} with {trained} {what}, "
                    f"this one has {given}; train it on this scenario"
                )

    def act(self, outlook: Outlook) -> Modes:
        """Modes of the highest value or probability, shape (R,); held as long as in training."""
        if outlook.step % self._manifest.hold_steps == 0 or self._held is None:
            self._held = self._choose(outlook.observation)
        return self._held.copy()


def load_policy(path: Path, *, trust_pickle: bool = False) -> LearnedPolicy:
    """The policy in a checkpoint folder, or in a Stable-Baselines3 zip if `trust_pickle` says so.

    Raises:
        ConfigError: the checkpoint cannot be used, or a zip came without `trust_pickle`.
    """
    if path.suffix == ".zip":
        from wattward.agents.foreign import load_zip

        return LearnedPolicy(*load_zip(path, trust_pickle=trust_pickle))
    manifest, tensors = read_policy(path)
    if manifest.observation_sha256 != observation_sha256():
        raise ConfigError(f"{path}: trained on observations laid out otherwise than this version's; train it again")
    return LearnedPolicy(manifest, acting_network(manifest, tensors, path))


def acting_network(manifest: Manifest, tensors: Tensors, path: Path) -> Network:
    """The network that acts, out of a checkpoint's tensors; `path` is for messages.

    Raises:
        ConfigError: layers are missing or do not fit the manifest.
    """
    network = Network(_layers(_acting_prefix(manifest), tensors, path), manifest.activation)
    entries = manifest.n_regions
    outputs = {"joint": N_MODES**entries, "modes": N_MODES * entries, "region": N_MODES}[manifest.action_layout]
    for what, found, needed in (
        ("inputs", network.n_inputs, manifest.observation_size),
        ("outputs", network.n_outputs, outputs),
    ):
        if found != needed:
            raise ConfigError(f"{path}: the network has {found} {what}, the manifest needs {needed}")
    return network


def _acting_prefix(manifest: Manifest) -> str:
    if manifest.algorithm == "ppo":
        return "mlp_extractor.policy_net."
    averaged = manifest.settings.get("tau", 1.0) < 1.0
    return "q_net_target.q_net." if averaged else "q_net.q_net."


def _layers(prefix: str, tensors: Tensors, path: Path) -> Layers:
    own = [key.removeprefix(prefix) for key in tensors if key.startswith(prefix)]
    hidden = sorted({int(key.split(".")[0]) for key in own})
    if not hidden:
        raise ConfigError(f"{path}: holds no tensor whose name begins with {prefix!r}")
    names = [f"{prefix}{number}" for number in hidden] + (["action_net"] if prefix.startswith("mlp_extractor.") else [])
    try:
        pairs = [(tensors[f"{name}.weight"], tensors[f"{name}.bias"]) for name in names]
    except KeyError as error:
        raise ConfigError(f"{path}: tensor {error.args[0]!r} is missing") from error
    return [(weight.astype(np.float32), bias.astype(np.float32)) for weight, bias in pairs]
