"""Looks at worlds for tests: their arrays by name, their climatology, and the forecasts that are issued in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wattward.envs.kernels.entries import ENTRIES
from wattward.envs.policy.lookout import FORESEEN
from wattward.envs.world.signals import forecast_tables

if TYPE_CHECKING:
    from wattward.configs.schema.scenario import Scenario
    from wattward.envs.model.types import Exogenous, Floats


def arrays_of(world: Exogenous) -> dict[str, NDArray[Any]]:
    """All arrays of a world by their names; those of its signals as `signals.NAME`."""
    signals = {f"signals.{name}": array for name, array in world.signals._asdict().items()}
    return {name: array for name, array in world._asdict().items() if name != "signals"} | signals


def truth_of(world: Exogenous) -> Floats:
    """The forecast quantities as they will be, shape (4, N, R)."""
    return np.stack([getattr(world, name)[0] for name in FORESEEN])


def climatology_of(world: Exogenous) -> Floats:
    """The expectation of the forecast quantities by day of the year and hour, shape (4, N, R)."""
    mix, mean = world.signals.mix[0], world.signals.response[0, :, :, 0]
    return mix[:, None, :, 0] + np.einsum("qri,irn->qnr", mix[:, :, 1:], mean)


def forecasts_of(scenario: Scenario, world: Exogenous, step: int) -> Floats:
    """The forecasts that are issued at one step, shape (4, L, R)."""
    truth = np.ascontiguousarray(truth_of(world).transpose(0, 2, 1))
    issued = np.empty((len(FORESEEN), scenario.horizon + 1, scenario.n_regions))
    ENTRIES.issue_forecasts(world.signals, forecast_tables(scenario), truth, step, issued)
    return issued
