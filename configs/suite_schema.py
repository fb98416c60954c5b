"""A suite: which entrants meet on which episodes, as one small frozen file."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from wattward.configs.base import Config

Split = Literal["train", "validation", "test"]


class Checkpoints(Config):
    """A learned entrant: one checkpoint folder for each training seed.

    A folder is a path, or a path below the shipped agents such as `zoo/zhejiang-xinjiang/ppo/seed-0`.
    """

    entrant: str
    folders: Annotated[tuple[str, ...], Field(min_length=1)]


class Suite(Config):
    """One leaderboard: every entrant runs the same episodes of every scenario."""

    name: str
    title: str
    scenarios: Annotated[tuple[str, ...], Field(min_length=1)]
    split: Split = "test"
    episodes: Annotated[int, Field(gt=0)]
    episodes_per_cell: Annotated[int, Field(gt=0)] = 5
    recording: str | None = None
    rules: Literal["all"] | tuple[str, ...] = "all"
    checkpoints: tuple[Checkpoints, ...] = ()

    @model_validator(mode="after")
    def _entrants_differ(self) -> Suite:
        entrants = [entry.entrant for entry in self.checkpoints] + ([] if self.rules == "all" else list(self.rules))
        twice = sorted({name for name in entrants if entrants.count(name) > 1})
        if twice:
            raise ValueError(f"entrant {twice[0]!r} is listed more than once")
        return self
