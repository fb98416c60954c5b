"""Quantile-regression DQN (Dabney et al. 2018, arXiv 1710.10044): DQN that learns the distribution of returns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from wattward.agents.algorithms.dqn import ValueLearning, ValueSettings
from wattward.agents.inference.checkpoint import Manifest
from wattward.agents.inference.networks import Layer, LayerNames
from wattward.agents.registry import register
from wattward.configs.schema.agent import Count

if TYPE_CHECKING:
    from stable_baselines3.common.base_class import BaseAlgorithm
    from stable_baselines3.common.vec_env import VecEnv


class QRDQNSettings(ValueSettings):
    """DQN's settings and the number of quantiles."""

    algorithm: Literal["qrdqn"]
    n_quantiles: Count = 25
    """Number of quantiles of each joint action's return."""
    tau: Annotated[float, Field(ge=1, le=1)] = 1.0
    """Always 1: the learning network itself acts."""
    mixing: Annotated[Literal["none"], Field(exclude_if=lambda mixing: mixing == "none")] = "none"


@register
class QRDQN(ValueLearning[QRDQNSettings]):
    """sb3-contrib's QR-DQN with double targets."""

    name = "qrdqn"
    settings = QRDQNSettings

    def stock(self) -> type[BaseAlgorithm]:
        """Returns sb3-contrib's QRDQN."""
        from sb3_contrib import QRDQN

        return QRDQN

    def model(self, settings: QRDQNSettings, env: VecEnv, seed: int, arguments: dict[str, Any]) -> BaseAlgorithm:
        """Makes an untrained `QuantileDQN`, which extends sb3-contrib's QRDQN."""
        import torch

        from wattward.agents.learners.buffers import BatchReplayBuffer
        from wattward.agents.learners.quantile_dqn import QuantileDQN

        policy = {"n_quantiles": settings.n_quantiles, "optimizer_class": torch.optim.Adam}
        given = {**arguments, "policy_kwargs": {**arguments["policy_kwargs"], **policy}}
        return QuantileDQN("MlpPolicy", env, seed=seed, **self.with_buffer(given, BatchReplayBuffer))

    def acting_layers(self, manifest: Manifest) -> LayerNames:  # noqa: ARG002 - always the learning network's
        """Returns the layers of the learning network."""
        return LayerNames("quantile_net.quantile_net.")

    def outputs(self, layers: list[Layer], number: int) -> list[Layer]:
        """Replaces the last layer by one that computes the mean over quantiles."""
        if layers[-1][1].size % number:
            return layers
        return [*layers[:-1], mean_of_quantiles(layers[-1], number)]


def mean_of_quantiles(layer: Layer, n_actions: int) -> Layer:
    """Returns the layer whose outputs (n_actions) are the means of a quantile layer's (n_quantiles * n_actions)."""
    weight, bias = layer
    by_quantile = weight.reshape(-1, n_actions, weight.shape[1])
    return by_quantile.mean(axis=0), bias.reshape(-1, n_actions).mean(axis=0)
