"""What every learning agent's file says: how long it learns, and on what. Its algorithm says what else."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from wattward.configs.schema.base import Config, NonNegative, Positive, is_one

Count = Annotated[int, Field(gt=0)]
Discount = Annotated[float, Field(gt=0, le=1)]


def is_flat(value: object) -> bool:
    """Whether a setting says `flat`; it is then not written down, so that hashes of settings stay."""
    return value == "flat"


class AgentSettings(Config):
    """What every learning agent says. A step is one decision in one environment; `num_envs` are made at once."""

    algorithm: str
    total_steps: Count
    num_envs: Count
    action_repeat: Count = 1
    """Steps of the environment that a decision holds for, its rewards summed."""
    bank_episodes: Annotated[int, Field(ge=0)] = 0
    """Training episodes that are drawn once and then played again and again; 0: every episode is a fresh one."""
    layout: Annotated[Literal["flat", "region"], Field(exclude_if=is_flat)] = "flat"
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
    validations: Annotated[int, Field(ge=0)] = 10
    """Times in a run that the policy is measured on validation episodes; the best is the result. 0: the last is."""
    validation_episodes: Count = 24

    @model_validator(mode="after")
    def _schedule_falls(self) -> AgentSettings:
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
