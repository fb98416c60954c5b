"""PPO that masks modes without effect in a step; `wattward.agents.networks.masking` checks where masks are known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from wattward.agents.algorithms.ppo import ClippedPolicyGradient, ClippedSettings
from wattward.agents.inference.checkpoint import Manifest
from wattward.agents.inference.choosers import Chooser, ModeChooser
from wattward.agents.inference.networks import ActingNetwork
from wattward.agents.registry import register
from wattward.configs.schema.agent import is_flat
from wattward.configs.schema.scenario import Scenario

if TYPE_CHECKING:
    from stable_baselines3.common.base_class import BaseAlgorithm
    from stable_baselines3.common.vec_env import VecEnv


class MaskablePPOSettings(ClippedSettings):
    """Settings of PPO without warm start and without other networks.

    Masks need the observations of all regions, and a teacher's decisions do not respect masks.
    """

    algorithm: Literal["maskable-ppo"]
    layout: Annotated[Literal["flat"], Field(exclude_if=is_flat)] = "flat"


@register
class MaskablePPO(ClippedPolicyGradient[MaskablePPOSettings]):
    """PPO on modes; a masked mode has zero probability."""

    name = "maskable-ppo"
    settings = MaskablePPOSettings

    def check(self, settings: MaskablePPOSettings, scenario: Scenario) -> None:  # noqa: ARG002 - settings do not matter
        """Rejects scenarios for which no mask is known; masks are known for plain regions only.

        Raises:
            ConfigError: the scenario has other regions.
        """
        from wattward.agents.networks.masking import check_maskable

        check_maskable(scenario)

    def policy(self, settings: MaskablePPOSettings) -> Any:  # noqa: ANN401, ARG002 - a class of Stable-Baselines3
        """Returns the policy class that computes the mask from the observation itself."""
        from wattward.agents.networks.modes_policy import MaskedModesPolicy

        return MaskedModesPolicy

    def model(self, settings: MaskablePPOSettings, env: VecEnv, seed: int, arguments: dict[str, Any]) -> BaseAlgorithm:
        """Makes an untrained PPO model whose buffer gathers batches directly into tensors."""
        from wattward.agents.learners.buffers import FlatRolloutBuffer

        return super().model(settings, env, seed, {**arguments, "rollout_buffer_class": FlatRolloutBuffer})

    def chooser(self, manifest: Manifest, network: ActingNetwork) -> Chooser:
        """Returns the rule that picks the most probable mode that is not masked."""
        return ModeChooser(network, manifest.n_regions, joint=False, masked=True)
