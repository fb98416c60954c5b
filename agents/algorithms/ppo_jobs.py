"""PPO that decides per job: each job waits or runs in a region; ratios are clipped per job."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from wattward.agents.algorithms.ppo import ClippedPolicyGradient, ClippedSettings
from wattward.agents.inference.checkpoint import ActionLayout, Manifest, Tensors
from wattward.agents.inference.choosers import Chooser
from wattward.agents.inference.job_index import PREFIX
from wattward.agents.inference.networks import ActingNetwork, LayerNames
from wattward.agents.registry import register
from wattward.configs.schema.agent import Count, is_flat
from wattward.configs.schema.base import ConfigError, NonNegative, Share
from wattward.configs.schema.scenario import Scenario

if TYPE_CHECKING:
    from stable_baselines3.common.base_class import BaseAlgorithm
    from stable_baselines3.common.vec_env import VecEnv


class PPOJobsSettings(ClippedSettings):
    """Settings of PPO on jobs. `net_arch` holds the widths of the two layers over jobs and options."""

    algorithm: Literal["ppo-jobs"]
    layout: Annotated[Literal["flat"], Field(exclude_if=is_flat)] = "flat"
    action_repeat: Literal[1] = 1
    net_arch: tuple[Count, Count] = (32, 32)
    activation: Literal["relu"] = "relu"
    rows: Count = 64
    """Jobs that are decided for in training; those with later deadlines run where they are. A policy that acts decides
    for all jobs."""
    run_logit: Literal[0] = 0
    own_weight: NonNegative = 0.0
    """Weight of a job's own advantage beside that of the whole; both have the standard deviation 1."""
    own_lambda: Share = 0.95
    """Lambda of a job's own advantage."""
    critic_steps: Annotated[int, Field(ge=0)] = 0
    """Decisions at the start in which only the critics learn."""


@register
class PPOJobs(ClippedPolicyGradient[PPOJobsSettings]):
    """PPO with one network for all jobs and all regions in which they may run."""

    name = "ppo-jobs"
    settings = PPOJobsSettings
    flat_layout: ClassVar[ActionLayout] = "jobs"

    def check(self, settings: PPOJobsSettings, scenario: Scenario) -> None:  # noqa: ARG002 - settings do not matter
        """Rejects scenarios whose actions order stores, because the network orders jobs only.

        Raises:
            ConfigError: the scenario's actions order stores.
        """
        if scenario.n_stores:
            raise ConfigError(
                f"scenario {scenario.name}: algorithm = 'ppo-jobs': orders no stores, this scenario's actions order "
                f"{scenario.n_stores}; set storage_control: rule"
            )

    def stock(self) -> type[BaseAlgorithm]:
        """Returns PPO whose ratios are those of single jobs."""
        from wattward.agents.learners.job_ppo import JobPPO

        return JobPPO

    def policy(self, settings: PPOJobsSettings) -> Any:  # noqa: ANN401, ARG002 - a class of Stable-Baselines3
        """Returns the policy class with the shared network."""
        from wattward.agents.networks.job_network import JobsPolicy

        return JobsPolicy

    def model(self, settings: PPOJobsSettings, env: VecEnv, seed: int, arguments: dict[str, Any]) -> BaseAlgorithm:
        """Makes an untrained model, which decides by the index."""
        from wattward.agents.learners.job_ppo import JobRolloutBuffer

        own = {**arguments, "rollout_buffer_class": JobRolloutBuffer}
        model: Any = self.stock()(self.policy(settings), env, seed=seed, **own)
        model.own_weight, model.own_lambda = settings.own_weight, settings.own_lambda
        model.critic_steps = settings.critic_steps
        return model  # type: ignore[no-any-return]

    def acting_layers(self, manifest: Manifest) -> LayerNames:  # noqa: ARG002 - the same for all
        """Returns the prefix of all tensors of the acting network."""
        return LayerNames(PREFIX)

    def network(self, manifest: Manifest, tensors: Tensors, path: Path) -> ActingNetwork:
        """Builds the network that scores jobs and regions."""
        from wattward.agents.inference.job_network import read_job_network

        return read_job_network(manifest, tensors, path)

    def chooser(self, manifest: Manifest, network: ActingNetwork) -> Chooser:  # noqa: ARG002 - the same for all
        """Returns the rule that gives each job the choice with the highest score."""
        from wattward.agents.inference.job_chooser import JobChooser
        from wattward.agents.inference.job_network import JobNetwork

        assert isinstance(network, JobNetwork)
        return JobChooser(network)
