"""Networks for inference, built from a checkpoint's tensors and computed with NumPy only; torch is not loaded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from wattward.agents.inference.checkpoint import Manifest, Tensors
from wattward.configs.schema.base import ConfigError
from wattward.envs.decisions.action import N_MODES

Numbers = NDArray[np.float32]
Layer = tuple[Numbers, Numbers]
"""Weights (out, in) and biases (out,)."""
Activation = Literal["relu", "tanh"]
Requirements = tuple[tuple[str, int, int], ...]
"""For each requirement: what is counted, the number that the network was made for, and the actual number."""


class Seen(NamedTuple):
    """Sizes of the world that a policy acts in."""

    size: int
    """Length of an observation."""
    n_regions: int
    n_orders: int
    """Number of stores that actions control."""


class LayerNames(NamedTuple):
    """Names of a network's layers among a checkpoint's tensors."""

    prefix: str
    """Prefix of the numbered layers."""
    last: tuple[str, ...] = ()
    """Full names of the layers that follow the numbered ones."""


class ActingNetwork(Protocol):
    """A network that maps observations to outputs."""

    remembers: bool
    """Whether outputs depend on earlier inputs since the last `reset`."""

    def __call__(self, x: Numbers, /) -> Numbers:
        """Returns outputs (..., out) for inputs (..., in)."""
        ...

    def reset(self) -> None:
        """Clears the memory of earlier inputs."""
        ...

    def requirements(self, manifest: Manifest, seen: Seen) -> Requirements:
        """Returns the numbers that must agree before the network may act in a world."""
        ...


class FlatNetwork:
    """Base of networks without memory that need the same number of regions as in training."""

    remembers = False

    def reset(self) -> None:
        """Does nothing, because the network has no memory."""

    def requirements(self, manifest: Manifest, seen: Seen) -> Requirements:
        """Requires the same length of action and of observation as in training."""
        entries = ("regions and stores to order", manifest.n_regions, seen.n_regions + seen.n_orders)
        return entries, ("observed numbers", manifest.observation_size, seen.size)


class Perceptron(FlatNetwork):
    """A multilayer perceptron.

    Each layer has weights (out, in) and biases (out,). The activation follows every layer except the last one. If
    `encodes`, it also follows the last layer.
    """

    def __init__(self, layers: Sequence[Layer], activation: Activation, *, encodes: bool = False) -> None:
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

    def __call__(self, x: Numbers) -> Numbers:
        """Returns outputs (..., out) for inputs (..., in)."""
        for number, (weight, bias) in enumerate(self._layers):
            x = x @ weight + bias
            if number < self._activated:
                x = np.maximum(x, 0.0, out=x) if self._relu else np.tanh(x, out=x)
        return x


class RegionNetwork(FlatNetwork):
    """Computes logits in the same way as `wattward.agents.networks.region_network`, for any number of regions."""

    def __init__(self, encoder: Perceptron, head: Perceptron, n_clock: int) -> None:
        """Joins an encoder and a head.

        Args:
            encoder: Maps the clock and a region's observations to a code. The activation follows its last layer.
            head: Maps a region's own code, the mean of all codes and their maximum to the region's logits.
            n_clock: Number of clock values at the start of an observation.
        """
        self._encoder, self._head, self._n_clock = encoder, head, n_clock
        self.width = encoder.n_inputs - n_clock
        """Length of the observation of one region."""

    def requirements(self, manifest: Manifest, seen: Seen) -> Requirements:  # noqa: ARG002 - any number of regions
        """Requires that no stores are controlled, and the same length of each region's observation."""
        width = self.width_in(seen.size, seen.n_regions)
        return ("stores to order", 0, seen.n_orders), ("observed numbers a region", self.width, width)

    def width_in(self, size: int, n_regions: int) -> int:
        """Returns the length of one region's part in an observation of length `size` with `n_regions` regions."""
        return (size - self._n_clock) // n_regions

    def __call__(self, x: Numbers) -> Numbers:
        """Returns logits (..., R * 4) for observations (..., size); R follows from the size."""
        lead = x.shape[:-1]
        regions = x[..., self._n_clock :].reshape(*lead, -1, self.width)
        each = regions.shape[:-1]
        clock = np.broadcast_to(x[..., None, : self._n_clock], (*each, self._n_clock))
        own = self._encoder(np.concatenate([clock, regions], axis=-1))
        pooled = np.concatenate([own.mean(axis=-2, keepdims=True), own.max(axis=-2, keepdims=True)], axis=-1)
        around = np.broadcast_to(pooled, (*each, pooled.shape[-1]))
        return self._head(np.concatenate([own, around], axis=-1)).reshape(*lead, -1)


class LstmCell:
    """One LSTM layer as torch computes it: the order of the gates is input, forget, cell, output."""

    def __init__(self, of_input: Numbers, of_hidden: Numbers, bias: Numbers) -> None:
        """Takes the weights of the input (4 H, in) and the hidden state (4 H, H), and the sum of both biases (4 H,)."""
        self._of_input = np.ascontiguousarray(of_input.T)
        self._of_hidden = np.ascontiguousarray(of_hidden.T)
        self._bias = bias

    @property
    def n_inputs(self) -> int:
        """Length of an input."""
        return int(self._of_input.shape[0])

    @property
    def size(self) -> int:
        """Length H of the hidden state and of the cell state."""
        return int(self._of_hidden.shape[0])

    def __call__(self, x: Numbers, hidden: Numbers, cell: Numbers) -> tuple[Numbers, Numbers]:
        """Returns the hidden state and the cell state (..., H) after inputs (..., in)."""
        gates = x @ self._of_input + hidden @ self._of_hidden + self._bias
        entered, kept, new, shown = np.split(gates, 4, axis=-1)
        cell = _sigmoid(kept) * cell + _sigmoid(entered) * np.tanh(new)
        return _sigmoid(shown) * np.tanh(cell), cell


def _sigmoid(x: Numbers) -> Numbers:
    # computed with tanh, which does not overflow
    half: Numbers = np.tanh(np.float32(0.5) * x)
    half *= np.float32(0.5)
    half += np.float32(0.5)
    return half


class RecurrentNetwork(FlatNetwork):
    """An LSTM cell followed by a network. The state of the cell is kept from one input to the next."""

    remembers = True

    def __init__(self, cell: LstmCell, head: Callable[[Numbers], Numbers]) -> None:
        """`head` maps hidden states (..., H) to outputs (..., out)."""
        self._cell, self._head = cell, head
        self._state: tuple[Numbers, Numbers] | None = None

    @property
    def n_inputs(self) -> int:
        """Length of an input."""
        return self._cell.n_inputs

    def reset(self) -> None:
        """Clears the state of the cell."""
        self._state = None

    def __call__(self, x: Numbers) -> Numbers:
        """Returns outputs (..., out) for inputs (..., in), the next input of each sequence.

        Raises:
            ValueError: the number of sequences changed without a `reset`.
        """
        lead = x.shape[:-1]
        if self._state is None:
            self._state = np.zeros((*lead, self._cell.size), np.float32), np.zeros((*lead, self._cell.size), np.float32)
        if self._state[0].shape[:-1] != lead:
            raise ValueError(f"inputs of shape {x.shape}: the state is of {self._state[0].shape[:-1]}; reset it first")
        self._state = self._cell(x, *self._state)
        return self._head(self._state[0])


def n_outputs(manifest: Manifest) -> int:
    """Returns the number of outputs that the manifest's action layout needs."""
    entries = manifest.n_regions
    each: dict[str, int] = {
        "joint": N_MODES**entries,
        "modes": N_MODES * entries,
        "region": N_MODES,
        "shares": 2 * entries,
    }
    return each[manifest.action_layout]


def read_layers(names: LayerNames, tensors: Tensors, path: Path) -> list[Layer]:
    """Reads layers in their order; `path` is used in error messages.

    Raises:
        ConfigError: a tensor is missing, or its shape does not fit those of the layers beside it.
    """
    own = [key.removeprefix(names.prefix).split(".")[0] for key in tensors if key.startswith(names.prefix)]
    hidden = sorted({int(key) for key in own if key.isdecimal()})
    if not hidden:
        raise ConfigError(f"{path}: holds no tensor whose name begins with {names.prefix!r} and a number")
    layers: list[Layer] = []
    for name in [*(f"{names.prefix}{number}" for number in hidden), *names.last]:
        weight, bias = _named([f"{name}.weight", f"{name}.bias"], tensors, path)
        n_inputs = layers[-1][1].size if layers else (weight.shape or (0,))[-1]
        width = weight.shape[0] if weight.ndim else 0
        _must_have_shape(path, f"{name}.weight", weight, (width, n_inputs))
        _must_have_shape(path, f"{name}.bias", bias, (width,))
        layers.append((weight, bias))
    return layers


def read_lstm(prefix: str, tensors: Tensors, path: Path) -> LstmCell:
    """Reads an LSTM layer whose tensor names begin with `prefix`; `path` is used in error messages.

    Raises:
        ConfigError: a tensor is missing, or its shape does not fit those of the others.
    """
    names = [prefix + name for name in ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")]
    of_input, of_hidden, *biases = _named(names, tensors, path)
    size = (of_hidden.shape or (0,))[-1]
    shapes = ((4 * size, (of_input.shape or (0,))[-1]), (4 * size, size), (4 * size,), (4 * size,))
    for name, tensor, shape in zip(names, (of_input, of_hidden, *biases), shapes, strict=True):
        _must_have_shape(path, name, tensor, shape)
    return LstmCell(of_input, of_hidden, biases[0] + biases[1])


def read_region_network(manifest: Manifest, tensors: Tensors, path: Path) -> RegionNetwork:
    """Reads a network that shares its weights between regions; `path` is used in error messages.

    Raises:
        ConfigError: layers are missing or do not fit the manifest.
    """
    from wattward.envs.model.observation import N_CLOCK

    encoding = read_layers(LayerNames("mlp_extractor.encoder."), tensors, path)
    deciding = read_layers(LayerNames("mlp_extractor.policy_net.", ("action_net",)), tensors, path)
    encoder = Perceptron(encoding, manifest.activation, encodes=True)
    head = Perceptron(deciding, manifest.activation)
    network = RegionNetwork(encoder, head, N_CLOCK)
    inputs = ("inputs a region", network.width, network.width_in(manifest.observation_size, manifest.n_regions))
    outputs = ("outputs of its head", head.n_outputs, N_MODES)
    _must_agree(path, (inputs, outputs, ("inputs of its head", head.n_inputs, 3 * encoder.n_outputs)))
    return network


def check_fit(path: Path, manifest: Manifest, inputs: int, outputs: int) -> None:
    """Checks that a network has the numbers of inputs and outputs that its manifest needs.

    Args:
        path: Path of the checkpoint, used in error messages.
        manifest: Manifest of the checkpoint.
        inputs: Number of inputs of the network.
        outputs: Number of outputs of the network.

    Raises:
        ConfigError: the network does not fit the manifest.
    """
    needed = n_outputs(manifest)
    _must_agree(path, (("inputs", inputs, manifest.observation_size), ("outputs", outputs, needed)))


def _named(names: Sequence[str], tensors: Tensors, path: Path) -> list[Numbers]:
    missing = [name for name in names if name not in tensors]
    if missing:
        raise ConfigError(f"{path}: tensor {missing[0]!r} is missing")
    return [tensors[name].astype(np.float32) for name in names]


def _must_have_shape(path: Path, name: str, tensor: Numbers, shape: tuple[int, ...]) -> None:
    if tensor.shape != shape:
        raise ConfigError(f"{path}: tensor {name!r} has shape {tensor.shape}, must have {shape}")
    if tensor.size == 0:
        raise ConfigError(f"{path}: tensor {name!r} has shape {tensor.shape}, must hold numbers")


def _must_agree(path: Path, numbers: Requirements) -> None:
    for what, found, needed in numbers:
        if found != needed:
            raise ConfigError(f"{path}: the network has {found} {what}, the manifest needs {needed}")
