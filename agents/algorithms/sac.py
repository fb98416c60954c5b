"""Soft actor-critic (Haarnoja et al. 2018, arXiv 1801.01290). Actions are shares, as in PPO with `action: shares`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from wattward.agents.algorithms.base import OffPolicy, OffPolicySettings
from wattward.agents.inference.checkpoint import Manifest
from wattward.agents.inference.choosers import Chooser, ShareChooser
from wattward.agents.inference.networks import ActingNetwork, LayerNames
from wattward.agents.registry import register
from wattward.configs.schema.agent import is_flat
from wattward.configs.schema.base import Positive

if TYPE_CHECKING:
    import torch
    from stable_baselines3.common.base_class import BaseAlgorithm


class SACSettings(OffPolicySettings):
    """SAC's settings."""

    algorithm: Literal["sac"]
    layout: Annotated[Literal["flat"], Field(exclude_if=is_flat)] = "flat"
    tau: Annotated[float, Field(gt=0, le=1)]
    ent_coef: Literal["auto"] | Positive = "auto"
    """Weight of the policy's entropy; `auto` learns it."""


@register
class SAC(OffPolicy[SACSettings]):
    """Stable-Baselines3's SAC."""

    name = "sac"
    settings = SACSettings
    flat_layout = "shares"

    def stock(self) -> type[BaseAlgorithm]:
        """Returns Stable-Baselines3's SAC."""
        from stable_baselines3 import SAC

        return SAC

    def arguments(self, settings: SACSettings, num_envs: int, episode_steps: int) -> dict[str, Any]:  # noqa: ARG002
        """Returns SAC's own arguments and those of the buffer."""
        return {**self.buffer_arguments(settings), "tau": settings.tau, "ent_coef": settings.ent_coef}

    def optimizers(self, model: Any) -> dict[str, torch.optim.Optimizer]:  # noqa: ANN401 - SB3's SAC
        """Returns the optimizers of the actor, the critics, and the entropy weight if it is learned."""
        found = {
            "actor.": model.actor.optimizer,
            "critic.": model.critic.optimizer,
            "entropy.": model.ent_coef_optimizer,
        }
        return {name: optimizer for name, optimizer in found.items() if optimizer is not None}

    def learned_numbers(self, model: Any) -> dict[str, torch.Tensor]:  # noqa: ANN401 - SB3's SAC
        """Returns the logarithm of the entropy weight if it is learned."""
        return {} if model.log_ent_coef is None else {"log_ent_coef": model.log_ent_coef}

    def acting_layers(self, manifest: Manifest) -> LayerNames:  # noqa: ARG002 - always the same
        """Returns the actor's layers up to the mean of its distribution."""
        return LayerNames("actor.latent_pi.", ("actor.mu",))

    def chooser(self, manifest: Manifest, network: ActingNetwork) -> Chooser:  # noqa: ARG002 - always shares
        """Returns the rule that squashes the outputs to shares."""
        return ShareChooser(network, squashed=True)
