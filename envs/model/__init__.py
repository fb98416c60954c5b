"""The model of a site: its parameters, its state and the equations of its power and cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wattward.configs.lazy import exports

if TYPE_CHECKING:
    from wattward.envs.model.params import make_params
    from wattward.envs.model.types import Exogenous, Flows, Params, State

__all__ = [
    "Exogenous",
    "Flows",
    "Params",
    "State",
    "make_params",
]
__getattr__, __dir__ = exports(
    __name__,
    {
        "envs.model.params": "make_params",
        "envs.model.types": "Exogenous Flows Params State",
    },
)
