"""Settings that all learning agents share. Each algorithm adds its own, see `wattward.agents.algorithms`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from wattward.configs.schema.base import Config, NonNegative, Positive, is_one

Count = Annotated[int, Field(gt=0)]
Discount = Annotated[float, Field(gt=0, le=1)]


def is_flat(value: object) -> bool:
    """Whether a setting is `flat`. It is then not written, so that hashes of older settings stay the same."""
    return value == "flat"


class AgentSettings(Config):
    """Settings that all algorithms share.

    A step is one decision in one environment; `num_envs` environments run at once.
    """

    algorithm: str
    total_steps: Count
    num_envs: Count
    action_repeat: Count = 1
    """Environment steps for which one decision is repeated; their rewards are summed."""
    bank_episodes: Annotated[int, Field(ge=0)] = 0
    """Number of training episodes that are drawn once and reused. 0: every episode is drawn anew."""
    layout: Annotated[Literal["flat", "region"], Field(exclude_if=is_flat)] = "flat"
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
    validations: Annotated[int, Field(ge=0)] = 10
    """How often a run measures its policy on validation episodes. The best policy is kept; with 0, the last one."""
    validation_episodes: Count = 24

    @model_validator(mode="after")
    def _schedule_falls(self) -> AgentSettings:
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
