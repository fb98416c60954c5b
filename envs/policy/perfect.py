"""What a diagnostic may see and no method: the world as it will be, and the work that jobs truly have left."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from wattward.envs.model.types import Floats, Ints
from wattward.envs.policy.outlook import JobView, Outlook


class PerfectOutlook(Outlook):
    """An outlook whose forecasts come true, and whose owners know their work."""

    def __init__(self, outlook: Outlook) -> None:
        """Sees what is behind `outlook`."""
        o = outlook
        super().__init__(o._p, o._s, o._x, o._b, o.regions, o.observation, o.scenario)

    @cached_property
    def jobs(self) -> JobView:
        """The jobs present with the work that they have left."""
        seen = super().jobs
        left = self._s.job_left_gpu_h[self._b, : seen.number.size].copy()
        return seen._replace(expected_gpu_h=left, slack_h=seen.hours_to_deadline - left / seen.gpus)

    @cached_property
    def green_forecast_kw(self) -> Floats:
        """Sun, wind and hydro as they will be by lead, shape (L, R)."""
        x, b = self._x, self._b
        power: Floats = sum((field[b, self._ahead] for field in (x.wind_kw, x.hydro_kw)), x.sun_kw[b, self._ahead])
        return power

    @cached_property
    def direct_forecast_kw(self) -> Floats:
        """What direct lines will offer by lead, shape (L, R)."""
        return self._x.direct_kw[self._b, self._ahead]

    def arrivals(self, last_step: int) -> tuple[Ints, Ints]:
        """Numbers and steps of the jobs that arrive after now and before `last_step`."""
        arrival = self._x.job_arrival_step[self._b, : int(self._x.n_jobs[self._b])]
        to_come = np.flatnonzero((arrival > self.step) & (arrival < last_step))
        return to_come.astype(np.int64), arrival[to_come].astype(np.int64)

    def job_facts(self, number: Ints) -> tuple[Ints, Ints, Floats, Floats, Floats]:
        """Origin, deadline step, GPUs, true work [GPU-h] and data [GB] of jobs by number."""
        x, b = self._x, self._b
        fields = (x.job_origin, x.job_deadline_step, x.job_gpus, x.job_work_gpu_h, x.job_data_gb)
        origin, deadline, gpus, work, data = (field[b, number] for field in fields)
        return origin, deadline, gpus, work, data

    def _forecast(self, quantity: int, truth: Floats) -> Floats:  # noqa: ARG002 - nothing is uncertain
        return truth[self._b, self._ahead]
