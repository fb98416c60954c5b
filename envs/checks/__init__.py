"""Public helpers for tests: balances, random worlds, and small worlds that can be solved by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wattward.configs.lazy import exports

if TYPE_CHECKING:
    from wattward.envs.checks.balances import assert_conserves

__all__ = [
    "assert_conserves",
]
__getattr__, __dir__ = exports(
    __name__,
    {
        "envs.checks.balances": "assert_conserves",
    },
)
