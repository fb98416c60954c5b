"""The hand-made index from which agents that decide per job start, and to which their networks add."""

from __future__ import annotations

from wattward.envs.model.constants import named

INDEX = {
    "sharpness": 16.0,
    "tolerance": 0.27,
    "level": 0.6,
    "by_backlog": 0.06,
    "by_end": 2.4,
    "by_move": 5.5,
    "by_restart": 2.6,
    "by_urgent": 0.1,
    "by_transit": 10.0,
    "by_crowd": 10.0,
}
"""Where the numbers of the index start; docs/training.md says how they were found."""
INDEX_NAMES = tuple(INDEX)
AT = named("INDEX_AT", {name: place for place, name in enumerate(INDEX)})
"""Position of each number of the index."""
MASKED = -1e8
"""Score of what may not be chosen."""
PREFIX = "scores."
"""Prefix of the tensors of the network that adds to it."""
