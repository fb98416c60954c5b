"""A learning agent: which algorithm, for how long, with which hyper-parameters."""

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
    """What every learning agent says. A step is one decision in one environment; `num_envs` are made at once."""

    total_steps: Count
    num_envs: Count
    action_repeat: Count = 1
    """Steps of the environment that a decision holds for, its rewards summed."""
    bank_episodes: Annotated[int, Field(ge=0)] = 0
    """Training episodes that are drawn once and then played again and again; 0: every episode is a fresh one."""
    layout: Annotated[Literal["flat", "region"], Field(exclude_if=_is_flat)] = "flat"
    """`flat`: one network sees and decides all regions. `region`: one network decides any region by that region's
    view; it is then an environment of its own: steps and batches count regions' decisions, `num_envs` does not."""
    reward: Literal["shaped", "saving", "cost"] = "shaped"
    reward_scale: Positive = 1.0
    late_weight: Annotated[Positive, Field(exclude_if=is_one)] = 1.0
    """Times the scenario's price of lateness that training charges; validation charges the scenario's own."""
    net_arch: tuple[Count, ...] = (128, 128)
    activation: Literal["relu", "tanh"] = "relu"
    gamma: Discount
    learning_rate: Positive
    learning_rate_end: NonNegative | None = None
    """Reached linearly at `total_steps`; constant where absent."""
    batch_size: Count
    max_grad_norm: Positive
    validations: Annotated[int, Field(ge=0)] = 10
    """Times in a run that the policy is measured on validation episodes; the best is the result. 0: the last is."""
    validation_episodes: Count = 24

    @model_validator(mode="after")
    def _schedule_falls(self) -> Learner:
        if self.learning_rate_end is not None and self.learning_rate_end > self.learning_rate:
            raise ValueError(f"learning_rate_end {self.learning_rate_end} exceeds learning_rate {self.learning_rate}")
        return self


class WarmStart(Config):
    """Imitation of a teacher before an agent learns by itself (behavioural cloning, Pomerleau 1991)."""

    teacher: str
    """A method's name, or HindsightPlanner."""
    episodes: Count
    """Training episodes that the teacher plays."""
    epochs: Count
    batch_size: Count
    learning_rate: Positive
    ent_coef: NonNegative = 0.0
    """Weight of the actor's entropy, so that something is left to explore."""


class PPOSettings(Learner):
    """Proximal policy optimisation (Schulman et al. 2017, arXiv 1707.06347)."""

    algorithm: Literal["ppo", "maskable-ppo", "recurrent-ppo"]
    n_steps: Count | Literal["episode"] = "episode"
    """Decisions of each environment between two updates; `episode` is all of an episode."""
    n_epochs: Count
    gae_lambda: Share = 0.95
    gae_lambda_end: Annotated[Share | None, Field(exclude_if=_is_absent)] = None
    """Reached linearly at `total_steps`; constant where absent."""
    clip_range: Positive = 0.2
    ent_coef: NonNegative = 0.0
    vf_coef: NonNegative = 0.5
    target_kl: Positive | None = None
    run_logit: float = 0.0
    """Added at the start to the logits of RUN and PULL, so that learning sets out from where little is late."""
    network: Annotated[Literal["flat", "regions"], Field(exclude_if=_is_flat)] = "flat"
    """`regions` treats all regions alike and plays any number of them; `flat` has weights of its own for each.

    `flat` is not written down: hashes of settings stay.
    """
    warm_start: Annotated[WarmStart | None, Field(exclude_if=operator.not_)] = None
    action: Annotated[Literal["modes", "shares"], Field(exclude_if=_is_modes)] = "modes"
    """`shares`: two numbers a region, of its free GPUs for its own queue, then of the rest for others' work."""
    log_std_init: Annotated[float, Field(exclude_if=operator.not_)] = 0.0
    """Logarithm of the spread with which shares are explored at the start."""
    run_share: Annotated[Share, Field(exclude_if=operator.not_)] = 0.0
    """Both shares at the start, so that learning sets out from where little is late."""

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
    """PPO that remembers: one LSTM before the actor and one before the critic (`RecurrentPPO` of sb3-contrib)."""

    algorithm: Literal["recurrent-ppo"]
    lstm_size: Count = 64
    """Numbers that each LSTM hands on; `net_arch` stands behind it."""

    @model_validator(mode="after")
    def _remembers_the_whole(self) -> RecurrentPPOSettings:
        if self.network != "flat" or self.layout != "flat" or self.warm_start is not None:
            raise ValueError("algorithm: 'recurrent-ppo' needs layout and network flat, and no warm_start")
        return self


class DQNSettings(Learner):
    """Deep Q-learning (Mnih et al. 2015) over the joint modes of all regions or each region's, with n-step returns."""

    algorithm: Literal["dqn", "qrdqn"]
    buffer_size: Count
    learning_starts: Annotated[int, Field(ge=0)]
    train_freq: Count
    """Decisions of each environment between two rounds of gradient steps."""
    gradient_steps: Count
    target_update_interval: Count
    """In steps, like `total_steps`."""
    tau: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Share of the learning network that the target takes over at each update. Below 1 the target is a running average
    of it, less noisy where actions are nearly as good as each other, and is the network that acts when it counts."""
    return_steps: Count = 1
    """Rewards summed before the Q-network's own estimate is used."""
    mixing: Annotated[Literal["none", "sum"], Field(exclude_if=_is_none)] = "none"
    """With `layout: region`. `none`: each region's value is of the whole return. `sum`: the sum over regions is."""
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
    """Quantile-regression DQN (Dabney et al. 2018, arXiv 1710.10044): as DQN, with the spread of what may follow."""

    algorithm: Literal["qrdqn"]
    n_quantiles: Count = 25
    """Of the return of each joint action."""
    tau: Annotated[float, Field(ge=1, le=1)] = 1.0
    """Always 1: it is the learning network that acts."""


class SACSettings(Learner):
    """Soft actor-critic (Haarnoja et al. 2018, arXiv 1801.01290) over shares, as `action: shares` of PPO."""

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
"""An algorithm's settings, told apart by `algorithm`."""
