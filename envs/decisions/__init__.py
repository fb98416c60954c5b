"""The action interfaces, each in its own file: space, mask, check and encoding for the kernels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wattward.configs.lazy import exports

if TYPE_CHECKING:
    from wattward.envs.decisions.action import Mode, StoreOrder, n_entries
    from wattward.envs.decisions.jobs import JobActions, write_orders
    from wattward.envs.decisions.joint import joint_to_modes
    from wattward.envs.decisions.modes import allowed_modes, offers_of_modes, unknown_modes
    from wattward.envs.decisions.registry import ActionChoice, Answers, interface_of
    from wattward.envs.decisions.shares import write_offers

__all__ = [
    "ActionChoice",
    "Answers",
    "JobActions",
    "Mode",
    "StoreOrder",
    "allowed_modes",
    "interface_of",
    "joint_to_modes",
    "n_entries",
    "offers_of_modes",
    "unknown_modes",
    "write_offers",
    "write_orders",
]
__getattr__, __dir__ = exports(
    __name__,
    {
        "envs.decisions.action": "Mode StoreOrder n_entries",
        "envs.decisions.jobs": "JobActions write_orders",
        "envs.decisions.joint": "joint_to_modes",
        "envs.decisions.modes": "allowed_modes offers_of_modes unknown_modes",
        "envs.decisions.registry": "ActionChoice Answers interface_of",
        "envs.decisions.shares": "write_offers",
    },
)
