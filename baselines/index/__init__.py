"""The index rule: a score for each job and each region, whose parameters are tuned on training episodes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wattward.configs.lazy import exports

if TYPE_CHECKING:
    from wattward.baselines.index.play import IndexPlayer
    from wattward.baselines.index.tuned_index import TunedIndex

__all__ = ["IndexPlayer", "TunedIndex"]
__getattr__, __dir__ = exports(
    __name__, {"baselines.index.play": "IndexPlayer", "baselines.index.tuned_index": "TunedIndex"}
)
