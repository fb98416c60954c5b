"""Proximal policy optimisation (Schulman et al. 2017, arXiv 1707.06347), on modes or on shares."""

from __future__ import annotations

import operator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from pydantic import Field, model_validator

from wattward.agents.algorithms.base import OnPolicy, OnPolicySettings, actor_bias
from wattward.agents.inference.checkpoint import ActionLayout, Manifest, Tensors
from wattward.agents.inference.choosers import Chooser, ShareChooser
from wattward.agents.inference.networks import ActingNetwork, read_region_network
from wattward.agents.registry import register
from wattward.configs.schema.agent import Count, WarmStart, is_flat
from wattward.configs.schema.base import ConfigError, NonNegative, Positive, Share
from wattward.configs.schema.scenario import Scenario

if TYPE_CHECKING:
    from stable_baselines3.common.base_class import BaseAlgorithm
    from stable_baselines3.common.vec_env import VecEnv


class ClippedSettings(OnPolicySettings):
    """Settings that all variants of PPO share."""

    batch_size: Count
    n_epochs: Count
    clip_range: Positive = 0.2
    ent_coef: NonNegative = 0.0
    vf_coef: NonNegative = 0.5
    target_kl: Positive | None = None
    max_grad_norm: Positive


Clipped = TypeVar("Clipped", bound=ClippedSettings)


class ClippedPolicyGradient(OnPolicy[Clipped]):
    """Base of all variants of PPO."""

    def stock(self) -> type[BaseAlgorithm]:
        """Returns Stable-Baselines3's PPO."""
        from stable_baselines3 import PPO

        return PPO

    def arguments(self, settings: Clipped, num_envs: int, episode_steps: int) -> dict[str, Any]:
        """Returns PPO's own arguments and those of rollouts.

        Raises:
            ConfigError: a rollout is not a whole number of batches.
        """
        names = ("batch_size", "n_epochs", "clip_range", "ent_coef", "vf_coef", "target_kl", "max_grad_norm")
        own = {name: getattr(settings, name) for name in names}
        return {**self.rollout_arguments(settings, num_envs, episode_steps, settings.batch_size), **own}


class PPOSettings(ClippedSettings):
    """PPO's settings."""

    algorithm: Literal["ppo"]
    network: Annotated[Literal["flat", "regions"], Field(exclude_if=is_flat)] = "flat"
    """`regions` shares its weights between regions and works for any number of them; `flat` has separate weights for
    each region."""
    warm_start: Annotated[WarmStart | None, Field(exclude_if=operator.not_)] = None
    action: Annotated[Literal["modes", "shares"], Field(exclude_if=lambda action: action == "modes")] = "modes"
    """`shares` means two numbers for each region: the share of its free GPUs for its own queue, and the share of the
    remaining free GPUs for work of other regions."""
    log_std_init: Annotated[float, Field(exclude_if=operator.not_)] = 0.0
    """Logarithm of the initial standard deviation of shares."""
    run_share: Annotated[Share, Field(exclude_if=operator.not_)] = 0.0
    """Initial value of both shares. A high value lets the untrained policy finish most work in time."""

    @model_validator(mode="after")
    def _shares_are_plain(self) -> PPOSettings:
        plain = self.network == self.layout == "flat" and self.warm_start is None
        if self.action == "shares" and not plain:
            raise ValueError("action: 'shares' needs layout and network flat, and no warm_start")
        return self


@register
class PPO(ClippedPolicyGradient[PPOSettings]):
    """PPO on modes or on shares, with a network for all regions, for any number of regions, or for one region."""

    name = "ppo"
    settings = PPOSettings
    zip_policy = "stable_baselines3.common.policies"

    def action_layout(self, settings: PPOSettings) -> ActionLayout:
        """Returns `shares` if the settings ask for them."""
        return "shares" if settings.action == "shares" else super().action_layout(settings)

    def check(self, settings: PPOSettings, scenario: Scenario) -> None:
        """Rejects a network of regions if actions control stores, because such a network cannot control them.

        Raises:
            ConfigError: the scenario's actions control stores and the settings ask for a network of regions.
        """
        if settings.network == "regions" and scenario.n_stores:
            raise ConfigError(
                f"scenario {scenario.name}: network = 'regions': orders no stores, this scenario's actions order "
                f"{scenario.n_stores}; choose network: flat, or storage_control: rule"
            )

    def warm_start(self, settings: PPOSettings) -> WarmStart | None:
        """Returns the warm start of the settings, or None."""
        return settings.warm_start

    def policy(self, settings: PPOSettings) -> Any:  # noqa: ANN401 - a name or a class of Stable-Baselines3
        """Returns the network in the settings if actions are modes of each region, or else `MlpPolicy`."""
        if self.action_layout(settings) != "modes":
            return "MlpPolicy"
        from wattward.agents.networks.modes_policy import ModesPolicy
        from wattward.agents.networks.region_network import RegionsPolicy

        return {"flat": ModesPolicy, "regions": RegionsPolicy}[settings.network]

    def model(self, settings: PPOSettings, env: VecEnv, seed: int, arguments: dict[str, Any]) -> BaseAlgorithm:
        """Makes an untrained PPO model whose buffer gathers batches directly into tensors."""
        from wattward.agents.learners.buffers import FlatRolloutBuffer

        own: dict[str, Any] = {"rollout_buffer_class": FlatRolloutBuffer}
        if settings.action == "shares":
            own["policy_kwargs"] = {**arguments["policy_kwargs"], "log_std_init": settings.log_std_init}
        return super().model(settings, env, seed, {**arguments, **own})

    def set_out(self, settings: PPOSettings, model: BaseAlgorithm) -> None:
        """Sets the initial shares to `run_share`, or makes RUN and PULL more probable at the start."""
        if settings.action != "shares":
            super().set_out(settings, model)
            return
        actor_bias(model).add_(settings.run_share)

    def acting_prefixes(self, manifest: Manifest) -> tuple[str, ...]:
        """Adds the prefix of the encoder if the network is a network of regions."""
        encoder = ("mlp_extractor.encoder.",) if manifest.network == "regions" else ()
        return (*super().acting_prefixes(manifest), *encoder)

    def network(self, manifest: Manifest, tensors: Tensors, path: Path) -> ActingNetwork:
        """Builds the kind of network that the manifest names."""
        if manifest.network == "regions":
            return read_region_network(manifest, tensors, path)
        return super().network(manifest, tensors, path)

    def chooser(self, manifest: Manifest, network: ActingNetwork) -> Chooser:
        """Returns the rule for decisions; outputs are used as shares without squashing."""
        if manifest.action_layout == "shares":
            return ShareChooser(network, squashed=False)
        return super().chooser(manifest, network)
