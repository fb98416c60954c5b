"""A suite: the methods and episodes of one leaderboard."""

from __future__ import annotations

import operator
from typing import Annotated, Literal

from pydantic import Field, model_validator

from wattward.configs.schema.base import Config, Name, Share

Split = Literal["train", "validation", "test"]
Precision = Literal["fast", "tight"]


class Checkpoints(Config):
    """A learned method: one checkpoint folder for each training seed.

    A folder is a path, or a path below the shipped agents such as `zoo/zhejiang-xinjiang/ppo/seed-0`.
    `scenarios` lists the scenarios that it plays; by default all of the suite.
    """

    method: str
    folders: Annotated[tuple[str, ...], Field(min_length=1)]
    scenarios: tuple[str, ...] | None = None


class Suite(Config):
    """One leaderboard: every method plays the same episodes of every scenario that it can play.

    In a file, `scenarios: all` means all shipped scenarios except the toys. Here the names are already filled in.
    """

    name: Name
    title: str
    scenarios: Annotated[tuple[str, ...], Field(min_length=1)]
    split: Split = "test"
    episodes: Annotated[int, Field(gt=0)]
    episodes_per_cell: Annotated[int, Field(gt=0)] = 5
    recording: Annotated[str | None, Field(description="folder of recorded series that the scenarios replay")] = None
    also_recorded: Annotated[
        tuple[str, ...],
        Field(description="scenarios that also replay the recording, if one is given"),
    ] = ()
    bound: Annotated[
        Precision, Field(description="precision of the hindsight bound behind scores; see docs/bound.md")
    ] = "fast"
    rules: Literal["all"] | tuple[str, ...] = "all"
    also: Annotated[
        tuple[str, ...],
        Field(
            description="further methods by name, such as MPC-24, which `all` leaves out",
            exclude_if=operator.not_,
        ),
    ] = ()
    checkpoints: Annotated[
        Literal["shipped"] | tuple[Checkpoints, ...],
        Field(
            description="'shipped': on each scenario all shipped agents that were trained on it without disturbances"
        ),
    ] = ()
    most_late_share: Annotated[
        Share | None, Field(description="late work / deferrable work; a method above this breaks the contract")
    ] = None
    most_dropped_share: Annotated[
        Share | None, Field(description="dropped / requested interactive work; a method above this breaks the contract")
    ] = None
    compare: Annotated[
        tuple[str, str] | None,
        Field(
            description="two scenarios that differ in one thing only; the board compares scores before and after",
            exclude_if=operator.not_,
        ),
    ] = None

    @model_validator(mode="after")
    def _scenarios_differ(self) -> Suite:
        for key in ("scenarios", "also_recorded"):
            listed = getattr(self, key)
            twice = sorted({name for name in listed if listed.count(name) > 1})
            if twice:
                raise ValueError(f"{key}: {twice[0]!r} is listed more than once")
        return self

    @model_validator(mode="after")
    def _compared_are_played(self) -> Suite:
        for name in self.compare or ():
            if name not in self.scenarios:
                raise ValueError(f"compare: scenario {name!r} must be among {', '.join(self.scenarios)}")
        if self.compare and self.compare[0] == self.compare[1]:
            raise ValueError(f"compare: {self.compare[0]!r} is set beside itself; must be two scenarios")
        return self

    @model_validator(mode="after")
    def _methods_differ(self) -> Suite:
        learned = () if self.checkpoints == "shipped" else self.checkpoints
        for scenario in (*self.scenarios, *self.also_recorded):
            playing = [entry.method for entry in learned if entry.scenarios is None or scenario in entry.scenarios]
            methods = playing + ([] if self.rules == "all" else list(self.rules)) + list(self.also)
            twice = sorted({name for name in methods if methods.count(name) > 1})
            if twice:
                raise ValueError(f"method {twice[0]!r} is listed more than once")
        return self

    @model_validator(mode="after")
    def _checkpoints_play(self) -> Suite:
        known = {*self.scenarios, *self.also_recorded}
        for entry in () if self.checkpoints == "shipped" else self.checkpoints:
            unknown = sorted(set(entry.scenarios or ()) - known)
            if unknown:
                allowed = ", ".join(sorted(known))
                raise ValueError(f"checkpoints.{entry.method}: scenario {unknown[0]!r} must be among {allowed}")
        return self
