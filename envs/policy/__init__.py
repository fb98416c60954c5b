"""The protocol of policies, and what a policy may see."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wattward.configs.lazy import exports

if TYPE_CHECKING:
    from wattward.envs.policy.observer import Observer
    from wattward.envs.policy.orders import STAY, Orders
    from wattward.envs.policy.outlook import Outlook
    from wattward.envs.policy.protocol import Policy

__all__ = [
    "STAY",
    "Observer",
    "Orders",
    "Outlook",
    "Policy",
]
__getattr__, __dir__ = exports(
    __name__,
    {
        "envs.policy.observer": "Observer",
        "envs.policy.orders": "STAY Orders",
        "envs.policy.outlook": "Outlook",
        "envs.policy.protocol": "Policy",
    },
)
