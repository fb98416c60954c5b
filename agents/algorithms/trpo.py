"""Trust region policy optimisation (Schulman et al. 2015, arXiv 1502.05477), of sb3-contrib."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from wattward.agents.algorithms.base import OnPolicy, OnPolicySettings
from wattward.agents.registry import register
from wattward.configs.schema.agent import Count
from wattward.configs.schema.base import Positive

if TYPE_CHECKING:
    from stable_baselines3.common.base_class import BaseAlgorithm


class TRPOSettings(OnPolicySettings):
    """TRPO's settings; `learning_rate` is the critic's, the actor's step follows from `target_kl`."""

    algorithm: Literal["trpo"]
    batch_size: Count
    """Of the critic's gradient steps."""
    target_kl: Positive = 0.01
    """Largest mean divergence of the new policy from the old one."""
    n_critic_updates: Count = 10
    """Passes over a rollout."""
    cg_max_steps: Count = 15
    """Of the conjugate gradient that finds the actor's direction."""


@register
class TRPO(OnPolicy[TRPOSettings]):
    """TRPO on modes of each region, or of one."""

    name = "trpo"
    settings = TRPOSettings

    def stock(self) -> type[BaseAlgorithm]:
        """sb3-contrib's TRPO."""
        from sb3_contrib import TRPO

        return TRPO

    def arguments(self, settings: TRPOSettings, num_envs: int, episode_steps: int) -> dict[str, Any]:
        """TRPO's own.

        Raises:
            ConfigError: a rollout is not a whole number of batches.
        """
        names = ("batch_size", "target_kl", "n_critic_updates", "cg_max_steps")
        own = {name: getattr(settings, name) for name in names}
        return {**self.rollout_arguments(settings, num_envs, episode_steps, settings.batch_size), **own}
