"""Which modes can matter in a step, from the observation alone: one that does what HOLD or RUN does is masked.

Invalid-action masking is that of Huang and Ontañón (2022, arXiv 2006.14171). HOLD is never masked. RUN is where nothing
waits in the region; PULL where nothing waits elsewhere; SOAK where there is no surplus, or nothing waits anywhere. A
held decision is masked by the step it begins with; SOAK stays where surplus is forecast for the coming hour.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wattward.configs.schema.base import ConfigError
from wattward.configs.schema.scenario import Scenario
from wattward.envs.decisions.action import N_MODES, Mode
from wattward.envs.model.layout import LOOKAHEAD, N_CLOCK, N_PRESENT, N_SLACK
from wattward.envs.policy.fields import REGION_FIELDS

Allowed = NDArray[np.bool_]
BASE_LOAD = [field.name for field in REGION_FIELDS].index("base_load")
LEAST_BASE_LOAD = 1e-5
"""A region that takes this share of its full power from elsewhere than its plants has no surplus, however rounded."""


def allowed_modes(observations: NDArray[np.float32], n_regions: int) -> Allowed:
    """Modes that may matter.

    Args:
        observations: Shape (..., size), of a scenario that `check_maskable` lets pass.
        n_regions: Regions R.

    Returns:
        Shape (..., R, 4), by `Mode`.
    """
    rows = observations[..., N_CLOCK:].reshape(*observations.shape[:-1], n_regions, -1)
    waits = rows[..., N_PRESENT : N_PRESENT + N_SLACK].any(axis=-1)
    n_waiting = waits.sum(axis=-1, keepdims=True)
    # of more regions than a job tries, one that pulls for nothing would take another's place
    pulls = (n_waiting > waits) | (waits & (n_regions > LOOKAHEAD))
    allowed = np.ones((*waits.shape, N_MODES), dtype=np.bool_)
    allowed[..., Mode.RUN] = waits
    allowed[..., Mode.PULL] = pulls
    allowed[..., Mode.SOAK] = _may_have_surplus(rows) & (n_waiting > 0)
    return allowed


def _may_have_surplus(rows: NDArray[np.float32]) -> Allowed:
    """Surplus in this step, or forecast for the coming hour, shape (..., R)."""
    n_blocks = (rows.shape[-1] - N_PRESENT - N_SLACK) // 3
    soon = rows[..., N_PRESENT + N_SLACK + n_blocks] > 0.0
    now = rows[..., BASE_LOAD] < LEAST_BASE_LOAD
    return np.asarray(now | soon, dtype=np.bool_)


def check_maskable(scenario: Scenario) -> None:
    """Masks are proven for plain regions only.

    Raises:
        ConfigError: the scenario has stores, contracts, sleep, grid events or constraints.
    """
    if scenario.is_extended:
        raise ConfigError(
            f"algorithm = 'maskable-ppo': scenario {scenario.name!r} has stores, contracts, sleep, grid events or "
            "constraints, for which no mask is known; use 'ppo'"
        )
