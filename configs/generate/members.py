"""Names of random scenarios: `random-3x17` is number 17 with 3 regions; `random-3` stands for all with 3 regions."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from wattward.configs.schema.base import ConfigError

PREFIX = "random-"
FAMILY = f"{PREFIX}REGIONS[xNUMBER]"
MOST_REGIONS = 16
BLOCK = 10**12
"""Number of members of each split. The members of the next split have the numbers that follow."""
LARGEST = 10 * BLOCK - 1


class Member(NamedTuple):
    """A scenario of the family; without a number, all scenarios with this many regions."""

    regions: int
    number: int | None

    @property
    def name(self) -> str:
        """The scenario's name."""
        return f"random-{self.regions}" + ("" if self.number is None else f"x{self.number}")


def parse(name: str | Path) -> Member | None:
    """The member with the given name, or None if the name is not one of the family.

    Raises:
        ConfigError: the name begins like one of the family but has another form, or a number is out of range.
    """
    text = str(name)
    if not text.startswith(PREFIX) or text.endswith((".yaml", ".yml")):
        return None
    found = re.fullmatch(r"random-([1-9]\d?)(?:x(0|[1-9]\d{0,12}))?", text, re.ASCII)
    if found is None or not 1 <= int(found[1]) <= MOST_REGIONS:
        raise ConfigError(f"unknown scenario {text!r}: must be {FAMILY}, such as random-3x17; {_allowed()}")
    return Member(int(found[1]), None if found[2] is None else int(found[2]))


def summary() -> str:
    """One line about the family."""
    return f"random scenarios, such as random-3x17, or random-3 for a new one in each episode: {_allowed()}"


def _allowed() -> str:
    return f"REGIONS from 1 to {MOST_REGIONS}, NUMBER from 0 to {LARGEST:,}"
