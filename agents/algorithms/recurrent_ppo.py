"""PPO with memory: one LSTM before the actor and one before the critic (`RecurrentPPO` of sb3-contrib)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from wattward.agents.algorithms.ppo import ClippedPolicyGradient, ClippedSettings
from wattward.agents.inference.checkpoint import Manifest, Tensors
from wattward.agents.inference.networks import (
    ActingNetwork,
    Perceptron,
    RecurrentNetwork,
    check_fit,
    read_layers,
    read_lstm,
)
from wattward.agents.registry import register
from wattward.configs.schema.agent import Count, is_flat
from wattward.configs.schema.base import ConfigError

if TYPE_CHECKING:
    from stable_baselines3.common.base_class import BaseAlgorithm
    from stable_baselines3.common.vec_env import VecEnv

LSTM = "lstm_actor."


class RecurrentPPOSettings(ClippedSettings):
    """PPO's settings and the size of the memory."""

    algorithm: Literal["recurrent-ppo"]
    layout: Annotated[Literal["flat"], Field(exclude_if=is_flat)] = "flat"
    lstm_size: Count = 64
    """Width of each LSTM. The layers of `net_arch` follow it."""


@register
class RecurrentPPO(ClippedPolicyGradient[RecurrentPPOSettings]):
    """PPO on modes; a decision depends on all observations of the episode so far."""

    name = "recurrent-ppo"
    settings = RecurrentPPOSettings

    def stock(self) -> type[BaseAlgorithm]:
        """Returns sb3-contrib's RecurrentPPO."""
        from sb3_contrib import RecurrentPPO

        return RecurrentPPO

    def policy(self, settings: RecurrentPPOSettings) -> Any:  # noqa: ANN401, ARG002 - a class of sb3-contrib
        """Returns the policy class whose actor and critic each follow an LSTM."""
        from wattward.agents.networks.lstm_policy import LstmPolicy

        return LstmPolicy

    def model(self, settings: RecurrentPPOSettings, env: VecEnv, seed: int, arguments: dict[str, Any]) -> BaseAlgorithm:
        """Makes an untrained model with LSTMs of the size in the settings."""
        policy = {**arguments["policy_kwargs"], "lstm_hidden_size": settings.lstm_size}
        return super().model(settings, env, seed, {**arguments, "policy_kwargs": policy})

    def acting_prefixes(self, manifest: Manifest) -> tuple[str, ...]:
        """Adds the prefix of the actor's LSTM."""
        return (*super().acting_prefixes(manifest), LSTM)

    def network(self, manifest: Manifest, tensors: Tensors, path: Path) -> ActingNetwork:
        """Builds the LSTM and the layers that follow it.

        Raises:
            ConfigError: layers are missing or do not fit each other or the manifest.
        """
        head = Perceptron(read_layers(self.acting_layers(manifest), tensors, path), manifest.activation)
        cell = read_lstm(LSTM, tensors, path)
        if head.n_inputs != cell.size:
            raise ConfigError(
                f"{path}: the layers behind the LSTM have {head.n_inputs} inputs, it has {cell.size} outputs"
            )
        check_fit(path, manifest, cell.n_inputs, head.n_outputs)
        return RecurrentNetwork(cell, head)
