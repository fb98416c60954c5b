"""What the index needs to know of a step, packed from an outlook into the rows that its kernels read."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wattward.baselines.demand import mean_law
from wattward.baselines.index.kernels import write_blocks
from wattward.baselines.index.table import CONTRACT, CUT, DIRECT, GREEN, N_AHEAD, N_BLOCKS, N_KNOWN, PRICE
from wattward.configs.schema.scenario import Scenario
from wattward.envs.model.layout import HOUR, QUEUED, REGION, STATE_OF_REGION, Rows, pack_params
from wattward.envs.model.types import CARBON, IN_TRANSIT, INTERACTIVE, RUNNING, WAITING, Floats, Params
from wattward.envs.policy.outlook import Outlook
from wattward.envs.world.processes.calendar import DAY_MINUTES, place_in_period

OF_JOB = ("region", "job_class", "malleable", "preemptible", "paused", "gpus", "expected_gpu_h", "data_gb")
"""Fields of QUEUED that are columns of `JobView` under the same names."""


class Site(NamedTuple):
    """The parameters of a scenario as rows, (1,), (R,) and (C,)."""

    scenario: Rows
    sites: Rows
    classes: Rows


def site_rows(params: Params) -> Site:
    """Packs parameters (B = 1)."""
    scenario, sites, classes, _ = pack_params(params)
    return Site(scenario, sites[0], classes[0])


def expected_arrivals(scenario: Scenario, start_minute: int, n_steps: int) -> Floats:
    """Work expected to arrive in each step of an episode [GPU-h], (T,), without what could not end in time."""
    law, step_h = mean_law(scenario), scenario.step_minutes / 60.0
    place = place_in_period(start_minute, n_steps, scenario.step_minutes, 7 * DAY_MINUTES)
    left_h = (n_steps - np.arange(n_steps)) * step_h
    ends = law.run_h[:, None] <= left_h
    arrivals: Floats = (law.rate_by_step_of_week[:, place] * law.work_gpu_h[:, None] * ends).sum(axis=0)
    return arrivals


def has_direct_lines(outlook: Outlook) -> bool:
    """Whether a site has a direct line."""
    supplies = (region.supply for region in outlook.regions)
    return any(supply is not None and supply.direct is not None for supply in supplies)


def hours_of(outlook: Outlook) -> Rows:
    """Rows of HOUR of this step, (R,). All power of plants on site stands in `sun_kw`.

    `blocks_of` fills the PUE and the fixed cooling power.
    """
    now = np.zeros(outlook.n_regions, HOUR)
    now["price_per_kwh"] = outlook.price_per_kwh
    now["carbon_kg_per_kwh"] = outlook.carbon_forecast_kg_per_kwh[0]
    now["sun_kw"] = outlook.green_forecast_kw[0]
    now["interactive_gpus"] = outlook.interactive_forecast_gpus[0]
    now["fleet_gpus"], now["wan_share"] = outlook.gpus_in_order, outlook.wan_share
    now["contract_kw"] = outlook.contract_forecast_kw[0]
    if has_direct_lines(outlook):
        now["direct_kw"] = outlook.direct_forecast_kw[0]
    if outlook.scenario.grid_events is not None:
        now["cut_kw"] = outlook.cut_forecast_kw[0]
    return now


def regions_of(outlook: Outlook) -> Rows:
    """Rows of REGION of this step, (R,). The kernel counts the locked GPUs."""
    regions = np.zeros(outlook.n_regions, REGION)
    state = outlook.site_state
    for name in STATE_OF_REGION:
        regions[name] = state[name]
    return regions


def queue_of(outlook: Outlook) -> Rows:
    """Rows of QUEUED of the jobs present, (A,); fields that the rule does not read hold anything."""
    jobs = outlook.jobs
    queue = np.empty(jobs.number.size, QUEUED)
    for name in OF_JOB:
        queue[name] = getattr(jobs, name)
    queue["status"] = WAITING
    queue["status"][jobs.running] = RUNNING
    queue["status"][jobs.in_transit] = IN_TRANSIT
    queue["deadline_step"] = np.rint(jobs.hours_to_deadline / outlook.step_h) + outlook.step
    queue["left_h"] = jobs.expected_gpu_h / jobs.gpus
    return queue


def blocks_of(outlook: Outlook, site: Site, now: Rows, out: Floats) -> int:
    """Fills the forecast blocks of this step, (H, R, N_AHEAD), and completes `now`; returns the number of blocks."""
    steps = max(1, round(1.0 / outlook.step_h))
    forecasts = np.zeros((4, outlook.n_leads, outlook.n_regions))
    forecasts[INTERACTIVE] = outlook.interactive_forecast_gpus
    forecasts[CARBON] = outlook.carbon_forecast_kg_per_kwh
    known = np.empty((N_KNOWN, outlook.n_leads, outlook.n_regions))
    known[PRICE], known[CONTRACT] = outlook.price_forecast_per_kwh, outlook.contract_forecast_kw
    known[GREEN] = outlook.green_forecast_kw
    known[DIRECT] = outlook.direct_forecast_kw if has_direct_lines(outlook) else 0.0
    known[CUT] = outlook.cut_forecast_kw if outlook.scenario.grid_events is not None else 0.0
    return write_blocks(
        site.scenario, site.sites, now, outlook.air_c, forecasts, known, steps - outlook.step % steps, steps, out
    )


def room_for_blocks(n_regions: int) -> NDArray[np.float64]:
    """An array for the forecast blocks of a step."""
    return np.zeros((N_BLOCKS, n_regions, N_AHEAD))
