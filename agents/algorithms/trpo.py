"""Trust region policy optimisation (Schulman et al. 2015, arXiv 1502.05477) from sb3-contrib."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from wattward.agents.algorithms.base import OnPolicy, OnPolicySettings
from wattward.agents.registry import register
from wattward.configs.schema.agent import Count
from wattward.configs.schema.base import Positive

if TYPE_CHECKING:
    from stable_baselines3.common.base_class import BaseAlgorithm


class TRPOSettings(OnPolicySettings):
    """TRPO's settings. `learning_rate` is for the critic; `target_kl` determines the actor's step."""

    algorithm: Literal["trpo"]
    batch_size: Count
    """Batch size of the critic's gradient steps."""
    target_kl: Positive = 0.01
    """Largest mean KL divergence between the old and the new policy."""
    n_critic_updates: Count = 10
    """Number of the critic's passes over a rollout in each update."""
    cg_max_steps: Count = 15
    """Largest number of conjugate gradient steps that find the direction of the actor's update."""


@register
class TRPO(OnPolicy[TRPOSettings]):
    """TRPO on the modes of all regions, or of one region at a time."""

    name = "trpo"
    settings = TRPOSettings

    def stock(self) -> type[BaseAlgorithm]:
        """Returns sb3-contrib's TRPO."""
        from sb3_contrib import TRPO

        return TRPO

    def arguments(self, settings: TRPOSettings, num_envs: int, episode_steps: int) -> dict[str, Any]:
        """Returns TRPO's own arguments and those of rollouts.

        Raises:
            ConfigError: a rollout is not a whole number of batches.
        """
        names = ("batch_size", "target_kl", "n_critic_updates", "cg_max_steps")
        own = {name: getattr(settings, name) for name in names}
        return {**self.rollout_arguments(settings, num_envs, episode_steps, settings.batch_size), **own}
