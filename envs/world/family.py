"""Families of scenarios. Every episode of a family has its own scenario."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wattward.configs.generate.members import BLOCK, Member, parse
from wattward.configs.loading.worlds import load_scenario
from wattward.configs.schema.base import ConfigError
from wattward.envs.world.splits import key_of

if TYPE_CHECKING:
    from wattward.configs.schema.scenario import Scenario


def family_of(scenario: Scenario) -> Member | None:
    """The family that a scenario stands for, such as `random-3`; None for a single scenario."""
    found = parse(scenario.name)
    return found if found is not None and found.number is None else None


def member_for(family: Member, split: str, episode: int) -> Scenario:
    """The scenario of an episode. No scenario belongs to two splits."""
    return load_scenario(Member(family.regions, member_number(split, episode)).name)


def member_number(split: str, episode: int) -> int:
    """Number of the family member in which an episode of a split is played."""
    return key_of(split) * BLOCK + episode % BLOCK


def refuse_family(scenario: Scenario, what: str) -> None:
    """Raises ConfigError if the scenario stands for a family, because `what` needs a single scenario."""
    if family_of(scenario) is not None:
        raise ConfigError(f"scenario {scenario.name}: {what} needs one scenario, such as {scenario.name}x0")
