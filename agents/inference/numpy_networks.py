"""Networks that act, in NumPy alone, out of a checkpoint's tensors; torch is not loaded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from wattward.agents.inference.checkpoint import Manifest, Tensors
from wattward.agents.inference.numpy_lstm import LstmCell, RecurrentNetwork
from wattward.configs.schema.base import ConfigError
from wattward.envs.decisions.action import Mode
from wattward.envs.policy.protocol import Modes, Shares
from wattward.envs.policy.region_views import n_regions_of, region_views

N_MODES = len(Mode)
ACTOR_CRITICS = ("ppo", "maskable-ppo", "recurrent-ppo")
LAST = {algorithm: ["action_net"] for algorithm in ACTOR_CRITICS} | {"sac": ["actor.mu"]}
"""Layers behind those that the acting network's own name leads."""
Layer = tuple[NDArray[np.float32], NDArray[np.float32]]
Layers = list[Layer]
Activation = Literal["relu", "tanh"]
Chooser = Callable[[NDArray[np.float32]], Modes | Shares]


class Network:
    """A multilayer perceptron of layers (weights (out, in), biases (out,)), the activation between them.

    `encodes` says that the last layer is followed by the activation, too.
    """

    def __init__(self, layers: Layers, activation: Activation, *, encodes: bool = False) -> None:
        self._layers = [(np.ascontiguousarray(weight.T), bias) for weight, bias in layers]
        self._relu = activation == "relu"
        self._activated = len(layers) if encodes else len(layers) - 1

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
        for number, (weight, bias) in enumerate(self._layers):
            x = x @ weight + bias
            if number < self._activated:
                x = np.maximum(x, 0.0, out=x) if self._relu else np.tanh(x, out=x)
        return x


ActingNetwork: TypeAlias = "Network | RegionNetwork | RecurrentNetwork"
"""What a checkpoint may hold."""


class RegionNetwork:
    """As `wattward.agents.networks.region_network` computes a region's logits, for any number of regions."""

    def __init__(self, encoder: Network, head: Network, n_clock: int) -> None:
        """`encoder` (its last layer activated) of the clock and a region; `head` of own, mean and largest codes."""
        self._encoder, self._head, self._n_clock = encoder, head, n_clock
        self.width = encoder.n_inputs - n_clock
        """Numbers observed of a region."""

    def width_in(self, size: int, n_regions: int) -> int:
        """Numbers observed of each of so many regions in an observation of a size."""
        return (size - self._n_clock) // n_regions

    def __call__(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Logits (..., R * 4) of observations (..., size), R by their size."""
        lead = x.shape[:-1]
        regions = x[..., self._n_clock :].reshape(*lead, -1, self.width)
        each = regions.shape[:-1]
        clock = np.broadcast_to(x[..., None, : self._n_clock], (*each, self._n_clock))
        own = self._encoder(np.concatenate([clock, regions], axis=-1))
        pooled = np.concatenate([own.mean(axis=-2, keepdims=True), own.max(axis=-2, keepdims=True)], axis=-1)
        around = np.broadcast_to(pooled, (*each, pooled.shape[-1]))
        return self._head(np.concatenate([own, around], axis=-1)).reshape(*lead, -1)


class ModeChooser:
    """Observations to modes by the largest output: a group of outputs a region, or one output a joint action.

    If `masked`, only of modes that may matter, see `masking`.
    """

    def __init__(self, network: ActingNetwork, n_regions: int, joint: bool, masked: bool = False) -> None:
        self._network, self._joint, self._masked = network, joint, masked
        self._place = N_MODES ** np.arange(n_regions - 1, -1, -1)

    def __call__(self, observation: NDArray[np.float32]) -> Modes:
        """Modes (..., R) of observations (..., size)."""
        values = self._network(observation)
        if self._joint:
            joint: Modes = values.argmax(axis=-1)[..., None]
            return joint // self._place % N_MODES
        values = values.reshape(*values.shape[:-1], -1, N_MODES)
        if self._masked:
            from wattward.agents.networks.masking import allowed_modes

            values = np.where(allowed_modes(observation, values.shape[-2]), values, -np.inf)
        modes: Modes = values.argmax(axis=-1)
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


class ShareChooser:
    """Observations to shares: the outputs, squashed where the algorithm does so, cut to 0..1."""

    def __init__(self, network: Network, squashed: bool) -> None:
        self._network, self._squashed = network, squashed

    def __call__(self, observation: NDArray[np.float32]) -> Shares:
        """Shares (..., R, 2) of observations (..., size)."""
        mean = self._network(observation).astype(np.float64)
        shares = 0.5 * (np.tanh(mean) + 1.0) if self._squashed else mean
        return np.clip(shares, 0.0, 1.0).reshape(*mean.shape[:-1], -1, 2)


def chooser(manifest: Manifest, network: ActingNetwork) -> Chooser:
    """How observations (..., size) become modes (..., R) by a network of such a checkpoint."""
    if manifest.action_layout == "region":
        assert isinstance(network, Network)
        return RegionChooser(network)
    if manifest.action_layout == "shares":
        assert isinstance(network, Network)
        return ShareChooser(network, squashed=manifest.algorithm == "sac")
    joint, masked = manifest.action_layout == "joint", manifest.algorithm == "maskable-ppo"
    return ModeChooser(network, manifest.n_regions, joint, masked)


def acting_network(manifest: Manifest, tensors: Tensors, path: Path) -> ActingNetwork:
    """The network that acts, out of a checkpoint's tensors; `path` is for messages.

    Raises:
        ConfigError: layers are missing or do not fit the manifest.
    """
    if manifest.network == "regions":
        return _region_network(manifest, tensors, path)
    entries = manifest.n_regions
    each = {"joint": N_MODES**entries, "modes": N_MODES * entries, "region": N_MODES, "shares": 2 * entries}
    outputs = each[manifest.action_layout]
    layers = _layers(_acting_prefix(manifest), tensors, path, LAST.get(manifest.algorithm))
    if manifest.algorithm == "qrdqn" and layers[-1][1].size % outputs == 0:
        layers[-1] = _mean_of_quantiles(layers[-1], outputs)
    head = Network(layers, manifest.activation)
    network = _recurrent(head, tensors, path) if manifest.algorithm == "recurrent-ppo" else head
    _must_fit(path, (("inputs", network.n_inputs, manifest.observation_size), ("outputs", head.n_outputs, outputs)))
    return network


def acting_tensors(manifest: Manifest, tensors: Tensors) -> Tensors:
    """Of a checkpoint's tensors those that act: neither critics nor target networks."""
    prefixes = [_acting_prefix(manifest), *(f"{name}." for name in LAST.get(manifest.algorithm, ()))]
    prefixes += ["mlp_extractor.encoder."] if manifest.network == "regions" else []
    prefixes += ["lstm_actor."] if manifest.algorithm == "recurrent-ppo" else []
    return {name: tensor for name, tensor in tensors.items() if name.startswith(tuple(prefixes))}


def _recurrent(head: Network, tensors: Tensors, path: Path) -> RecurrentNetwork:
    names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
    try:
        of_input, of_hidden, *biases = (tensors[f"lstm_actor.{name}"].astype(np.float32) for name in names)
    except KeyError as error:
        raise ConfigError(f"{path}: tensor {error.args[0]!r} is missing") from error
    cell = LstmCell(of_input, of_hidden, biases[0] + biases[1])
    if head.n_inputs != cell.size:
        raise ConfigError(f"{path}: the layers behind the LSTM have {head.n_inputs} inputs, it has {cell.size} outputs")
    return RecurrentNetwork(cell, head)


def _region_network(manifest: Manifest, tensors: Tensors, path: Path) -> RegionNetwork:
    from wattward.envs.model.layout import N_CLOCK

    prefix = "mlp_extractor."
    encoder = Network(_layers(f"{prefix}encoder.", tensors, path), manifest.activation, encodes=True)
    head = Network(_layers(f"{prefix}policy_net.", tensors, path, ["action_net"]), manifest.activation)
    network = RegionNetwork(encoder, head, N_CLOCK)
    inputs = ("inputs a region", network.width, network.width_in(manifest.observation_size, manifest.n_regions))
    outputs = ("outputs of its head", head.n_outputs, N_MODES)
    _must_fit(path, (inputs, outputs, ("inputs of its head", head.n_inputs, 3 * encoder.n_outputs)))
    return network


def _must_fit(path: Path, numbers: tuple[tuple[str, int, int], ...]) -> None:
    for what, found, needed in numbers:
        if found != needed:
            raise ConfigError(f"{path}: the network has {found} {what}, the manifest needs {needed}")


def _acting_prefix(manifest: Manifest) -> str:
    if manifest.algorithm in ACTOR_CRITICS:
        return "mlp_extractor.policy_net."
    if manifest.algorithm == "sac":
        return "actor.latent_pi."
    if manifest.algorithm == "qrdqn":
        return "quantile_net.quantile_net."
    averaged = manifest.settings.get("tau", 1.0) < 1.0
    return "q_net_target.q_net." if averaged else "q_net.q_net."


def _mean_of_quantiles(layer: Layer, n_actions: int) -> Layer:
    """The layer that gives the mean of what a layer of quantiles (n_quantiles * n_actions) gives."""
    weight, bias = layer
    by_quantile = weight.reshape(-1, n_actions, weight.shape[1])
    return by_quantile.mean(axis=0), bias.reshape(-1, n_actions).mean(axis=0)


def _layers(prefix: str, tensors: Tensors, path: Path, last: list[str] | None = None) -> Layers:
    own = [key.removeprefix(prefix) for key in tensors if key.startswith(prefix)]
    hidden = sorted({int(key.split(".")[0]) for key in own})
    if not hidden:
        raise ConfigError(f"{path}: holds no tensor whose name begins with {prefix!r}")
    names = [f"{prefix}{number}" for number in hidden] + (last or [])
    try:
        pairs = [(tensors[f"{name}.weight"], tensors[f"{name}.bias"]) for name in names]
    except KeyError as error:
        raise ConfigError(f"{path}: tensor {error.args[0]!r} is missing") from error
    return [(weight.astype(np.float32), bias.astype(np.float32)) for weight, bias in pairs]
