"""Prices of tokens, token rates of GPUs, and measured power curves of GPUs that serve requests."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Annotated

from pydantic import Field, model_validator

from wattward.configs.schema.base import Config, Hours, Name, NonNegative, Positive

TOKENS_PER_MTOK = 1e6

Weekday = Annotated[int, Field(ge=1, le=7, description="1 is Monday")]


class TokenPrice(Config):
    """Price of a million tokens in peak hours and in other hours, in the scenario's currency."""

    peak: NonNegative
    off_peak: NonNegative


class Tokens(Config):
    """Tokens that work produces, and their price. Hours are those of the scenario's clock.

    On weekdays outside `peak_weekdays` and on holidays, all hours are off-peak.
    """

    name: Name
    title: str
    source: str
    tokens_per_gpu_h: Annotated[dict[str, NonNegative], Field(min_length=1, description="by consumer")]
    cost_per_mtok: TokenPrice
    peak_hours: tuple[Hours, ...] = ()
    peak_weekdays: tuple[Weekday, ...] = (1, 2, 3, 4, 5)
    holidays: tuple[date, ...] = ()

    @model_validator(mode="after")
    def _hours_once(self) -> Tokens:
        hours = [hour for first, after in self.peak_hours for hour in range(first, after)]
        empty = [span for span in self.peak_hours if not 0 <= span[0] < span[1] <= 24]
        if empty:
            raise ValueError(f"peak_hours {list(empty[0])}: must be [first hour, hour after the last) within 0 to 24")
        if len(set(hours)) != len(hours):
            raise ValueError(f"peak_hours: hour {max(hours, key=hours.count)} is named twice, must be named once")
        return self

    def rates(self, consumers: Sequence[str]) -> dict[str, float]:
        """Tokens per GPU-h, for those `consumers` that have a rate."""
        return {name: rate for name, rate in self.tokens_per_gpu_h.items() if name in consumers}


class ServingFit(Config):
    """One model on one kind of GPU: measured tokens per second and power of a GPU by concurrent requests."""

    model: str
    gpus: Annotated[int, Field(gt=0)]
    precision: str
    most_tok_per_s_per_gpu: Positive
    half_batch: Annotated[float, Field(gt=0, description="concurrent requests at half of the highest throughput")]
    power_low_w_per_gpu: NonNegative
    power_high_w_per_gpu: Positive
    power_exponent: Positive
    best_tok_per_s_per_gpu: Annotated[float, Field(gt=0, description="throughput at which power_high_w holds")]

    @model_validator(mode="after")
    def _within_reach(self) -> ServingFit:
        if self.best_tok_per_s_per_gpu >= self.most_tok_per_s_per_gpu:
            raise ValueError(
                f"best_tok_per_s_per_gpu {self.best_tok_per_s_per_gpu:g} must be below "
                f"most_tok_per_s_per_gpu {self.most_tok_per_s_per_gpu:g}"
            )
        return self


class Serving(Config):
    """One file of fits, by name."""

    name: Name
    title: str
    source: str
    fits: Annotated[dict[str, ServingFit], Field(min_length=1)]
