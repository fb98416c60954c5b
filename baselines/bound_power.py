"""Power of regions with fleet, plants and tariff alone: the grid gives what the plants on site do not."""

from __future__ import annotations

import numpy as np

from wattward.baselines.bound_equipment import Shared
from wattward.baselines.bound_lp import Builder
from wattward.baselines.bound_sites import Sites
from wattward.envs.types import Params


def add_plain_power(build: Builder, p: Params, s: Sites, shared: Shared) -> None:
    """Adds the rows; links draw nothing here but where the grid pays its user."""
    plain = np.flatnonzero(~s.equipped)
    kw_per_gpu = (s.slope * (p.gpu_busy_kw[0] - p.gpu_idle_kw[0]))[:, plain]
    idle_kw = (s.slope * p.gpu_idle_kw[0] * s.fleet_gpus + s.fixed_kw)[:, plain]
    base_kw = idle_kw + kw_per_gpu * s.interactive_gpus[:, plain]
    busy, dropped = (-kw_per_gpu / p.step_h[0], shared.done[:, plain]), (kw_per_gpu, shared.dropped[:, plain])
    build.rows(base_kw - s.green_kw[:, plain], np.inf, (1.0, shared.grid[:, plain]), busy, dropped)
    _add_negative_prices(build, p, s, shared)


def _add_negative_prices(build: Builder, p: Params, s: Sites, shared: Shared) -> None:
    """Where the grid pays its user: no more than the chord over max(0, load - green), with all the WAN can draw."""
    at = np.nonzero((s.cost_yuan_per_kwh < 0) & ~s.equipped)
    step_h, fleet, more_kw = p.step_h[0], s.fleet_gpus[at], (p.gpu_busy_kw[0] - p.gpu_idle_kw[0])[at[1]]
    idle_kw = s.slope[at] * p.gpu_idle_kw[0][at[1]] * fleet + s.fixed_kw[at]
    least_kw = np.maximum(0.0, idle_kw + s.wan_kw[at] - s.green_kw[at])
    most_kw = np.maximum(0.0, idle_kw + s.slope[at] * more_kw * fleet + s.wan_kw[at] - s.green_kw[at])
    kw_a_gpu = np.where(fleet > 0, most_kw - least_kw, 0.0) / np.where(fleet > 0, fleet, 1.0)
    busy = (-kw_a_gpu / step_h, shared.done[at])
    restarts, dropped = (-kw_a_gpu / step_h, shared.restarts[at]), (kw_a_gpu, shared.dropped[at])
    upper_kw = least_kw + kw_a_gpu * s.interactive_gpus[at]
    build.rows(np.full(fleet.shape, -np.inf), upper_kw, (1.0, shared.grid[at]), busy, restarts, dropped)
