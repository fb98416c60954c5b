from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import wattward.agents
from wattward.agents import load_policy
from wattward.agents.inference.checkpoint import Tensors, read_policy, write
from wattward.agents.inference.networks import LayerNames, Numbers, read_layers, read_lstm
from wattward.configs import ConfigError

ZOO = Path(wattward.agents.__file__).parent / "zoo"
SHIPPED = ("zhejiang-xinjiang/ppo/seed-0", "zhejiang-xinjiang/dqn/seed-0", "eight-hubs/dqn-regions/seed-0")
CHANGES: tuple[Callable[[Numbers], Numbers], ...] = (
    lambda tensor: tensor[:-1],
    lambda tensor: tensor[..., :-1],
    lambda tensor: np.concatenate([tensor, tensor]),
    lambda tensor: tensor[None],
    lambda tensor: tensor.reshape(-1)[:0],
    lambda tensor: tensor.reshape(-1)[0],
)


def tensor_of(*shape: int) -> Numbers:
    return np.ones(shape, np.float32)


@pytest.mark.parametrize("shipped", SHIPPED)
def test_a_tensor_of_another_shape_is_refused_by_its_name_or_by_the_manifest(shipped: str, tmp_path: Path) -> None:
    manifest, tensors = read_policy(ZOO / shipped)
    for name, tensor in tensors.items():
        for number, change in enumerate(CHANGES):
            folder = write(
                tmp_path / f"{name}-{number}", manifest, {**tensors, name: np.ascontiguousarray(change(tensor))}
            )
            with pytest.raises(ConfigError, match=r"has shape|the network has|whose name begins"):
                load_policy(folder)


def test_layers_fit_each_other() -> None:
    names, path = LayerNames("net.", ("last",)), Path("somewhere")
    good = {"net.0.weight": tensor_of(3, 5), "net.0.bias": tensor_of(3), "last.weight": tensor_of(2, 3)}
    good["last.bias"] = tensor_of(2)
    assert [weight.shape for weight, _ in read_layers(names, good, path)] == [(3, 5), (2, 3)]
    with pytest.raises(ConfigError, match=r"somewhere: tensor 'last\.weight' has shape \(2, 4\), must have \(2, 3\)"):
        read_layers(names, {**good, "last.weight": tensor_of(2, 4)}, path)
    with pytest.raises(ConfigError, match=r"tensor 'net\.0\.bias' has shape \(2,\), must have \(3,\)"):
        read_layers(names, {**good, "net.0.bias": tensor_of(2)}, path)


def test_layers_without_a_number_are_no_layers() -> None:
    tensors = {"net.x.weight": tensor_of(3, 5), "net.x.bias": tensor_of(3)}
    with pytest.raises(ConfigError, match=r"no tensor whose name begins with 'net\.' and a number"):
        read_layers(LayerNames("net."), tensors, Path("somewhere"))


@pytest.mark.parametrize("name", ["weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"])
def test_an_lstm_has_four_gates_of_one_size(name: str) -> None:
    good: Tensors = {
        "lstm.weight_ih_l0": tensor_of(8, 3),
        "lstm.weight_hh_l0": tensor_of(8, 2),
        "lstm.bias_ih_l0": tensor_of(8),
        "lstm.bias_hh_l0": tensor_of(8),
    }
    assert read_lstm("lstm.", good, Path("somewhere")).size == 2
    key = f"lstm.{name}"
    for change in (good[key][:-1], good[key][None], good[key].reshape(-1)[:0]):
        with pytest.raises(ConfigError, match="has shape"):
            read_lstm("lstm.", {**good, key: change}, Path("somewhere"))
