"""What a policy decides: a mode a region, or continuous shares that generalise the modes."""

from __future__ import annotations

from enum import IntEnum


class Mode(IntEnum):
    """What a region does with deferrable work in a step."""

    HOLD = 0
    """Own queue: only what is due."""
    SOAK = 1
    """Own queue, then others', up to what surplus green power covers."""
    RUN = 2
    """Own queue up to the free GPUs."""
    PULL = 3
    """Own queue up to the free GPUs, then others' with the GPUs still free."""
