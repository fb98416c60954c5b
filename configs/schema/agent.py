"""Settings of a learning agent: the algorithm, the length of training and the hyper-parameters."""

from __future__ import annotations

import operator
from typing import Annotated, Literal

from pydantic import Field, model_validator

from wattward.configs.schema.base import Config, NonNegative, Positive, Share, is_one

Count = Annotated[int, Field(gt=0)]
Discount = Annotated[float, Field(gt=0, le=1)]


def _is_flat(value: object) -> bool:
    return value == "flat"


def _is_absent(value: object) -> bool:
    return value is None


def _is_modes(value: object) -> bool:
    return value == "modes"


def _is_none(value: object) -> bool:
    return value == "none"


class Learner(Config):
    """Settings that all algorithms share. A step is a step of one environment; `num_envs` of them run at once."""

    total_steps: Count
    num_envs: Count
    action_repeat: Count = 1
    """Environment steps for which one decision is repeated; their rewards are summed."""
    bank_episodes: Annotated[int, Field(ge=0)] = 0
    """Number of training episodes that are drawn once and reused. 0: every episode is drawn anew."""
    layout: Annotated[Literal["flat", "region"], Field(exclude_if=_is_flat)] = "flat"
    """`flat`: one network sees all regions and decides for all of them. `region`: one network sees one region and
    decides for it. Each region then counts as an environment in steps and batches, but not in `num_envs`."""
    reward: Literal["shaped", "saving", "cost"] = "shaped"
    reward_scale: Positive = 1.0
    late_weight: Annotated[Positive, Field(exclude_if=is_one)] = 1.0
    """Factor on the scenario's price of lateness during training. Validation charges the scenario's own price."""
    net_arch: tuple[Count, ...] = (128, 128)
    activation: Literal["relu", "tanh"] = "relu"
    gamma: Discount
    learning_rate: Positive
    learning_rate_end: NonNegative | None = None
    """Final value, reached linearly at `total_steps`. Without it the value stays constant."""
    batch_size: Count
    max_grad_norm: Positive
    validations: Annotated[int, Field(ge=0)] = 10
    """How often a run measures its policy on validation episodes. The best policy is kept; with 0, the last one."""
    validation_episodes: Count = 24

    @model_validator(mode="after")
    def _schedule_falls(self) -> Learner:
        if self.learning_rate_end is not None and self.learning_rate_end > self.learning_rate:
            raise ValueError(f"learning_rate_end {self.learning_rate_end} exceeds learning_rate {self.learning_rate}")
        return self


class WarmStart(Config):
    """Behavioural cloning of a teacher before reinforcement learning starts (Pomerleau 1991)."""

    teacher: str
    """A method's name, or HindsightPlanner."""
    episodes: Count
    """Training episodes that the teacher plays."""
    epochs: Count
    batch_size: Count
    learning_rate: Positive
    ent_coef: NonNegative = 0.0
    """Weight of the actor's entropy, which keeps some exploration alive."""


class PPOSettings(Learner):
    """Proximal policy optimisation (Schulman et al. 2017, arXiv 1707.06347)."""

    algorithm: Literal["ppo", "maskable-ppo", "recurrent-ppo"]
    n_steps: Count | Literal["episode"] = "episode"
    """Decisions of each environment between two updates; `episode` means the whole episode."""
    n_epochs: Count
    gae_lambda: Share = 0.95
    gae_lambda_end: Annotated[Share | None, Field(exclude_if=_is_absent)] = None
    """Final value, reached linearly at `total_steps`. Without it the value stays constant."""
    clip_range: Positive = 0.2
    ent_coef: NonNegative = 0.0
    vf_coef: NonNegative = 0.5
    target_kl: Positive | None = None
    run_logit: float = 0.0
    """Added to the initial logits of RUN and PULL, so that the untrained policy finishes most work in time."""
    network: Annotated[Literal["flat", "regions"], Field(exclude_if=_is_flat)] = "flat"
    """`regions` shares its weights between regions and plays any number of them; `flat` has separate weights for each.

    The default `flat` is left out when settings are written, so that hashes of older settings stay.
    """
    warm_start: Annotated[WarmStart | None, Field(exclude_if=operator.not_)] = None
    action: Annotated[Literal["modes", "shares"], Field(exclude_if=_is_modes)] = "modes"
    """`shares`: two numbers for each region: the share of its free GPUs for its own queue, and the share of the
    rest for work of other regions."""
    log_std_init: Annotated[float, Field(exclude_if=operator.not_)] = 0.0
    """Logarithm of the initial standard deviation of shares."""
    run_share: Annotated[Share, Field(exclude_if=operator.not_)] = 0.0
    """Initial value of both shares. A high value lets the untrained policy finish most work in time."""

    @model_validator(mode="after")
    def _shares_are_plain(self) -> PPOSettings:
        plain = self.algorithm == "ppo" and self.network == self.layout == "flat" and self.warm_start is None
        if self.action == "shares" and not plain:
            raise ValueError("action: 'shares' needs algorithm ppo, layout and network flat, and no warm_start")
        return self

    @model_validator(mode="after")
    def _teacher_is_not_masked(self) -> PPOSettings:
        if self.warm_start and self.algorithm == "maskable-ppo":
            raise ValueError("warm_start: not with algorithm 'maskable-ppo', whose masks teachers do not keep")
        if self.network == "regions" and self.algorithm == "maskable-ppo":
            raise ValueError("network: 'regions' is not for algorithm 'maskable-ppo'; choose flat")
        return self


class RecurrentPPOSettings(PPOSettings):
    """PPO with memory: one LSTM before the actor and one before the critic (`RecurrentPPO` of sb3-contrib)."""

    algorithm: Literal["recurrent-ppo"]
    lstm_size: Count = 64
    """Width of each LSTM. The layers of `net_arch` follow it."""

    @model_validator(mode="after")
    def _remembers_the_whole(self) -> RecurrentPPOSettings:
        if self.network != "flat" or self.layout != "flat" or self.warm_start is not None:
            raise ValueError("algorithm: 'recurrent-ppo' needs layout and network flat, and no warm_start")
        return self


class DQNSettings(Learner):
    """Deep Q-learning (Mnih et al. 2015) with n-step returns, over joint modes or over the modes of each region."""

    algorithm: Literal["dqn", "qrdqn"]
    buffer_size: Count
    learning_starts: Annotated[int, Field(ge=0)]
    train_freq: Count
    """Decisions of each environment between two rounds of gradient steps."""
    gradient_steps: Count
    target_update_interval: Count
    """Capacity of the replay buffer, in steps as `total_steps`."""
    tau: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Weight of the learning network in each update of the target network. Below 1 the target network is a running
    average, which is less noisy where actions are almost equally good; the target network is then the one that acts."""
    return_steps: Count = 1
    """Number of rewards in an n-step return before the Q-network's estimate follows."""
    mixing: Annotated[Literal["none", "sum"], Field(exclude_if=_is_none)] = "none"
    """Only with `layout: region`. `none`: each region's value estimates the whole return. `sum`: the sum of the
    regions' values does."""
    exploration_fraction: Share
    exploration_start: Share = 1.0
    exploration_end: Share

    @model_validator(mode="after")
    def _buffer_holds_a_start(self) -> DQNSettings:
        if self.buffer_size < max(self.batch_size, self.num_envs):
            raise ValueError(
                f"buffer_size {self.buffer_size} must hold a batch ({self.batch_size}) and num_envs ({self.num_envs})"
            )
        return self

    @model_validator(mode="after")
    def _sum_of_regions(self) -> DQNSettings:
        if self.mixing == "sum" and self.layout != "region":
            raise ValueError(f"mixing {self.mixing!r} needs layout 'region', got {self.layout!r}")
        return self


class QRDQNSettings(DQNSettings):
    """Quantile-regression DQN (Dabney et al. 2018, arXiv 1710.10044): DQN that learns the distribution of returns."""

    algorithm: Literal["qrdqn"]
    n_quantiles: Count = 25
    """Number of quantiles of each joint action's return."""
    tau: Annotated[float, Field(ge=1, le=1)] = 1.0
    """Always 1: the learning network itself acts."""


class SACSettings(Learner):
    """Soft actor-critic (Haarnoja et al. 2018, arXiv 1801.01290) over shares, like PPO with `action: shares`."""

    algorithm: Literal["sac"]
    buffer_size: Count
    learning_starts: Annotated[int, Field(ge=0)]
    train_freq: Count
    """Decisions of each environment between two rounds of gradient steps."""
    gradient_steps: Count
    tau: Annotated[float, Field(gt=0, le=1)]
    ent_coef: Literal["auto"] | Positive = "auto"
    """Weight of the policy's entropy; `auto` learns it."""


AgentSettings = RecurrentPPOSettings | PPOSettings | QRDQNSettings | DQNSettings | SACSettings
"""Settings of any algorithm; the key `algorithm` selects which."""
