"""Which trained agents are shipped."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from wattward.configs.schema.base import Config


class Trained(Config):
    """An agent on a scenario, with training seeds 0 to `seeds` - 1."""

    agent: str
    scenario: str
    seeds: Annotated[int, Field(gt=0)]


class Zoo(Config):
    """All shipped agents."""

    shipped: tuple[Trained, ...]

    @model_validator(mode="after")
    def _each_once(self) -> Zoo:
        pairs = [(one.agent, one.scenario) for one in self.shipped]
        twice = sorted({pair for pair in pairs if pairs.count(pair) > 1})
        if twice:
            raise ValueError(f"{twice[0][0]} on {twice[0][1]} is listed more than once")
        return self
