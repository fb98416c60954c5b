"""Deep Q-learning (Mnih et al. 2015) with n-step returns, over joint modes or as a sum over regions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from pydantic import Field, model_validator

from wattward.agents.algorithms.base import OffPolicy, OffPolicySettings
from wattward.agents.inference.checkpoint import Manifest
from wattward.agents.inference.networks import LayerNames
from wattward.agents.registry import register
from wattward.configs.schema.agent import Count
from wattward.configs.schema.base import Positive, Share

if TYPE_CHECKING:
    from stable_baselines3.common.base_class import BaseAlgorithm
    from stable_baselines3.common.vec_env import VecEnv


class ValueSettings(OffPolicySettings):
    """Settings that all variants of DQN share."""

    target_update_interval: Count
    """Steps between two updates of the target network, counted in the same way as `total_steps`."""
    tau: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Weight of the learning network in each update of the target network. Below 1 the target network is a running
    average, which is less noisy if actions are almost equally good. The target network then chooses the actions."""
    return_steps: Count = 1
    """Number of rewards in an n-step return, before the estimate of the Q-network is added."""
    mixing: Annotated[Literal["none", "sum"], Field(exclude_if=lambda mixing: mixing == "none")] = "none"
    """Only with `layout: region`. `none`: each region's value estimates the whole return. `sum`: the sum of the
    regions' values estimates it."""
    exploration_fraction: Share
    exploration_start: Share = 1.0
    exploration_end: Share
    max_grad_norm: Positive

    @model_validator(mode="after")
    def _sum_of_regions(self) -> ValueSettings:
        if self.mixing == "sum" and self.layout != "region":
            raise ValueError(f"mixing {self.mixing!r} needs layout 'region', got {self.layout!r}")
        return self


OfValues = TypeVar("OfValues", bound=ValueSettings)


class ValueLearning(OffPolicy[OfValues]):
    """Base of all variants of DQN."""

    flat_layout = "joint"

    def arguments(self, settings: OfValues, num_envs: int, episode_steps: int) -> dict[str, Any]:  # noqa: ARG002
        """Returns the arguments that all variants of DQN take."""
        return {
            **self.buffer_arguments(settings),
            "target_update_interval": max(settings.target_update_interval, num_envs),
            "tau": settings.tau,
            "n_steps": settings.return_steps,
            "exploration_fraction": settings.exploration_fraction,
            "exploration_initial_eps": settings.exploration_start,
            "exploration_final_eps": settings.exploration_end,
            "max_grad_norm": settings.max_grad_norm,
        }

    def with_buffer(self, arguments: dict[str, Any], kind: type, **of_buffer: Any) -> dict[str, Any]:  # noqa: ANN401
        """Replaces the replay buffer in the arguments by an n-step buffer of class `kind`.

        The number of steps moves from the arguments of the algorithm to those of the buffer.
        """
        own = dict(arguments)
        returns = {"n_steps": own.pop("n_steps"), "gamma": own["gamma"]}
        return {**own, "replay_buffer_class": kind, "replay_buffer_kwargs": {**returns, **of_buffer}}


class DQNSettings(ValueSettings):
    """DQN's settings."""

    algorithm: Literal["dqn"]


@register
class DQN(ValueLearning[DQNSettings]):
    """DQN with double targets; the values of regions may be summed."""

    name = "dqn"
    settings = DQNSettings
    zip_policy = "stable_baselines3.dqn.policies"

    def stock(self) -> type[BaseAlgorithm]:
        """Returns Stable-Baselines3's DQN."""
        from stable_baselines3 import DQN

        return DQN

    def model(self, settings: DQNSettings, env: VecEnv, seed: int, arguments: dict[str, Any]) -> BaseAlgorithm:
        """Makes `SummedDQN` or `DoubleDQN`, depending on `mixing`; both extend Stable-Baselines3's DQN."""
        from wattward.agents.learners.buffers import BatchReplayBuffer, RegionReplayBuffer
        from wattward.agents.learners.region_env import regions_in
        from wattward.agents.learners.value_learners import DoubleDQN, SummedDQN

        if settings.mixing == "sum":
            given = self.with_buffer(arguments, RegionReplayBuffer, n_regions=regions_in(env))
            return SummedDQN("MlpPolicy", env, seed=seed, **given)
        return DoubleDQN("MlpPolicy", env, seed=seed, **self.with_buffer(arguments, BatchReplayBuffer))

    def acting_layers(self, manifest: Manifest) -> LayerNames:
        """Returns the target network's layers if it is a running average, or else the learning network's layers."""
        averaged = manifest.settings.get("tau", 1.0) < 1.0
        return LayerNames("q_net_target.q_net." if averaged else "q_net.q_net.")
