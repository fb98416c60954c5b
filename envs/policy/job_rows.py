"""The jobs of an outlook as the rows of numbers that an environment with `action="jobs"` shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wattward.envs.kernels.observe_jobs import encode_seen_jobs
from wattward.envs.model.job_fields import job_width
from wattward.envs.model.layout import HOUR, QUEUED, REGION, pack_params
from wattward.envs.model.observation import N_CLOCK, N_EXTRA, N_FORECASTS, N_NOW
from wattward.envs.model.types import RUNNING

if TYPE_CHECKING:
    from wattward.envs.policy.outlook import Outlook

JobRows = tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.int8]]


class JobEncoder:
    """Encodes the jobs of one episode's outlooks; fields and values are those of docs/observation.md.

    Attributes:
        n_blocks: Number of forecast blocks in an observation.
    """

    def __init__(self, outlook: Outlook) -> None:
        """Packs what stays the same in an episode; `outlook` is any outlook of it."""
        self._scenario, sites, classes, _ = pack_params(outlook.params)
        self._sites, self._classes = sites[0], classes[0]
        n_regions = outlook.n_regions
        self._regions, self._now = np.zeros(n_regions, REGION), np.zeros(n_regions, HOUR)
        self._width = job_width(len(self._classes), n_regions)
        width = (outlook.observation.size - N_CLOCK) // n_regions
        self.n_blocks = (width - N_NOW - (N_EXTRA if outlook.scenario.is_extended else 0)) // N_FORECASTS

    def __call__(self, outlook: Outlook) -> JobRows:
        """Encodes the jobs that may be ordered now.

        Returns:
            The places of these K jobs in `outlook.jobs` (K,), their rows (K, F) and the mask of choices (K, R + 1).
        """
        jobs, regions, now = outlook.jobs, self._regions, self._now
        places = np.flatnonzero(~(jobs.locked | jobs.in_transit))
        for name in ("wan_out_gb", "wan_in_gb", "awake_gpus"):
            regions[name] = outlook.site_state[name]
        regions["locked_gpus"] = outlook.locked_gpus
        now["interactive_gpus"], now["pue"] = outlook.interactive_forecast_gpus[0], outlook.pue
        now["fleet_gpus"], now["wan_share"] = outlook.gpus_in_order, outlook.wan_share
        rows = np.zeros((places.size, self._width), np.float32)
        mask = np.zeros((places.size, len(regions) + 1), np.int8)
        queued = _queued(outlook, places)
        encode_seen_jobs(
            outlook.step, self._scenario, self._sites, self._classes, regions, now, queued,
            outlook.observation, self.n_blocks, rows, mask,
        )  # fmt: skip
        return places, rows, mask


def _queued(outlook: Outlook, places: NDArray[np.int64]) -> NDArray[np.void]:
    jobs, queued = outlook.jobs, np.zeros(places.size, QUEUED)
    for name in ("region", "job_class", "malleable", "preemptible", "paused", "gpus", "expected_gpu_h", "data_gb"):
        queued[name] = getattr(jobs, name)[places]
    queued["left_h"] = queued["expected_gpu_h"] / queued["gpus"]
    queued["deadline_step"] = outlook.step + np.rint(jobs.hours_to_deadline[places] / outlook.step_h)
    queued["alloc_gpus"] = jobs.held_gpus[places]
    queued["status"] = np.where(jobs.running[places], RUNNING, 0)
    return queued
