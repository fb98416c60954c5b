"""What a policy may see of one environment, in natural units: the present, the forecasts, the owners' estimates."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wattward.configs.schema.region import Region
from wattward.configs.schema.scenario import Scenario
from wattward.envs.model import site_model
from wattward.envs.model.layout import STATE_OF_REGION
from wattward.envs.model.site_model import SitePower
from wattward.envs.model.types import (
    CARBON,
    IN_TRANSIT,
    INTERACTIVE,
    RUNNING,
    SUN,
    WIND,
    Exogenous,
    Floats,
    Ints,
    Params,
    State,
)
from wattward.envs.world.processes.forecast import forecast

EPOCH = datetime(1970, 1, 1)


class JobView(NamedTuple):
    """The jobs present, by (deadline, number), as their owners describe them."""

    number: Ints  # (A,) in the episode's table
    region: Ints  # (A,) location; destination while in transit
    job_class: Ints  # (A,)
    malleable: NDArray[np.bool_]  # (A,)
    preemptible: NDArray[np.bool_]  # (A,)
    gpus: Floats  # (A,)
    expected_gpu_h: Floats  # (A,) estimated work left
    hours_to_deadline: Floats  # (A,) negative when late
    slack_h: Floats  # (A,) hours it can still wait by the estimate
    data_gb: Floats  # (A,)
    running: NDArray[np.bool_]  # (A,) held GPUs in the last step
    locked: NDArray[np.bool_]  # (A,) running and not preemptible
    in_transit: NDArray[np.bool_]  # (A,)
    paused: NDArray[np.bool_]  # (A,) must restart before it goes on
    held_gpus: Floats  # (A,) in the last step
    arrives_in_steps: Ints  # (A,) of data in transit; 0 where there is none


class Outlook:
    """A read-only view of environment `b` at its present step.

    Forecast arrays have a leading axis of leads; lead 0 is now.
    """

    def __init__(
        self,
        params: Params,
        state: State,
        world: Exogenous,
        b: int,
        regions: tuple[Region, ...],
        observation: NDArray[np.float32],
        scenario: Scenario | None = None,
    ) -> None:
        self._p, self._s, self._x, self._b = params, state, world, b
        self.regions = regions
        self.scenario = scenario
        self.observation = observation
        self.step = int(state.step[b])

    @property
    def n_regions(self) -> int:
        """Number of regions R."""
        return len(self.regions)

    @property
    def region_names(self) -> tuple[str, ...]:
        """Names of the regions, in their order."""
        return tuple(region.name for region in self.regions)

    @cached_property
    def longitude_deg(self) -> Floats:
        """Where each region lies, degrees east, shape (R,)."""
        return np.array([region.site.longitude_deg for region in self.regions])

    @property
    def n_steps(self) -> int:
        """Steps in the episode."""
        return int(self._p.n_steps[self._b])

    @property
    def step_h(self) -> float:
        """Length of a step [h]."""
        return float(self._p.step_h[self._b])

    @property
    def n_leads(self) -> int:
        """Number of leads in a forecast, the present included."""
        return int(self._p.forecast_rho.shape[2])

    @property
    def time(self) -> datetime:
        """Beijing time at which this step starts."""
        return EPOCH + timedelta(minutes=int(self._x.start_minute[self._b]) + round(self.step * self.step_h * 60))

    @cached_property
    def price_per_kwh(self) -> Floats:
        """Tariff price now, shape (R,)."""
        return self.price_forecast_per_kwh[0]

    @cached_property
    def price_forecast_per_kwh(self) -> Floats:
        """Tariff price by lead, shape (L, R); tariffs are known ahead."""
        return self._x.price_per_kwh[self._b, self._ahead]

    @cached_property
    def carbon_forecast_kg_per_kwh(self) -> Floats:
        """Carbon intensity of the grid by lead, shape (L, R)."""
        return self._forecast(CARBON, self._x.carbon_kg_per_kwh)

    @cached_property
    def green_forecast_kw(self) -> Floats:
        """Sun, wind and hydro on site by lead, shape (L, R)."""
        sun = self._forecast(SUN, self._x.sun_kw)
        wind = self._forecast(WIND, self._x.wind_kw)
        return sun + wind + self._x.hydro_kw[self._b, self.step][None, :]

    @cached_property
    def interactive_forecast_gpus(self) -> Floats:
        """Interactive load by lead, shape (L, R)."""
        return self._forecast(INTERACTIVE, self._x.interactive_gpus)

    @property
    def fleet_gpus(self) -> Floats:
        """GPUs of each region, shape (R,)."""
        return self._p.fleet_gpus[self._b]

    @cached_property
    def site_power(self) -> SitePower:
        """What the power of the regions depends on, each field of shape (R,)."""
        return site_model.power_of(self._p, self._b)

    @cached_property
    def pue(self) -> Floats:
        """Facility power that a kW of IT power adds at the present air temperature, shape (R,)."""
        return site_model.cooling_line(self.site_power, self.air_c)[0]

    @cached_property
    def fixed_kw(self) -> Floats:
        """Cooling power that is drawn whatever runs, at the present air temperature, shape (R,)."""
        return site_model.cooling_line(self.site_power, self.air_c)[1]

    @cached_property
    def net_pue(self) -> Floats:
        """Power that a kW of IT power adds, net of what the return water gives back, shape (R,)."""
        return site_model.net_slope(self.site_power, self.pue)

    @cached_property
    def kw_per_gpu(self) -> Floats:
        """Net power that one more busy GPU of those awake adds [kW], shape (R,)."""
        return site_model.kw_per_awake_gpu(self.site_power, self.net_pue)

    @cached_property
    def kw_per_rested_gpu(self) -> Floats:
        """Net power that a busy GPU adds which rests until then [kW], shape (R,): more where GPUs sleep."""
        return site_model.kw_per_rested_gpu(self.site_power, self.net_pue)

    @cached_property
    def awake_gpus(self) -> Floats:
        """GPUs that are awake and in order, shape (R,)."""
        return np.minimum(self._s.awake_gpus[self._b], self._x.fleet_gpus[self._b, self.step])

    @cached_property
    def load_kw(self) -> Floats:
        """IT and cooling power now, before any deferrable work but that of locked GPUs [kW], shape (R,).

        Requests take what locked GPUs leave of the awake ones.
        """
        return self._load_kw(self.pue)

    @cached_property
    def base_kw(self) -> Floats:
        """As `load_kw`, net of what the return water gives back [kW], shape (R,)."""
        return self._load_kw(self.net_pue)

    @cached_property
    def surplus_forecast_kw(self) -> Floats:
        """Power of plants on site left after requests [kW] by lead, shape (L, R), at the present PUE.

        Now, as many GPUs sleep as do; later, those that requests and the headroom do not need.
        """
        site, in_order = self.site_power, self.gpus_in_order
        served = np.minimum(self.interactive_forecast_gpus, in_order)
        awake = site_model.kept_awake_gpus(site, served, in_order)
        served[0], awake[0] = self._served_gpus(np.zeros(self.n_regions)), self.awake_gpus
        at_work = site_model.serving_gpus(site, served)
        load_kw = site_model.base_kw(site, self.pue, self.fixed_kw, in_order, awake, at_work)
        return site_model.surplus_kw(self.green_forecast_kw, load_kw)

    @cached_property
    def surplus_forecast_gpus(self) -> Floats:
        """Busy GPUs that the surplus covers by lead, shape (L, R); beyond the present those that rest until then."""
        kw_per_gpu = np.repeat(site_model.kw_per_rested_gpu(self.site_power, self.pue)[None], self.n_leads, axis=0)
        kw_per_gpu[0] = site_model.kw_per_awake_gpu(self.site_power, self.pue)
        return self.surplus_forecast_kw / np.maximum(kw_per_gpu, 1e-6)

    @cached_property
    def locked_gpus(self) -> Floats:
        """GPUs held by running rigid jobs that cannot be preempted, shape (R,)."""
        jobs = self.jobs
        return self._per_region(np.where(jobs.locked, jobs.gpus, 0.0))

    @cached_property
    def free_gpus(self) -> Floats:
        """GPUs that are awake and in order, less interactive load and locked rigid jobs, shape (R,)."""
        return np.maximum(0.0, self.awake_gpus - self.locked_gpus - self.interactive_forecast_gpus[0])

    @cached_property
    def utilisation(self) -> Floats:
        """(Interactive + deferrable GPUs held in the last step) / fleet, shape (R,)."""
        held = self._per_region(
            np.where(self.jobs.running, self._s.job_alloc_gpus[self._b, : self.jobs.number.size], 0.0)
        )
        return (self.interactive_forecast_gpus[0] + held) / self.fleet_gpus

    @cached_property
    def queue_gpu_h(self) -> Floats:
        """Estimated work present and not locked, shape (R,)."""
        jobs = self.jobs
        return self._per_region(np.where(jobs.locked | jobs.in_transit, 0.0, jobs.expected_gpu_h))

    @cached_property
    def jobs(self) -> JobView:
        """The jobs present. A job due now (arriving at this step) is among them."""
        p, s, x, b = self._p, self._s, self._x, self._b
        at = slice(0, int(s.n_active[b]))
        job = s.job_number[b, at].astype(np.int64)
        to_deadline_h = (x.job_deadline_step[b, job] - self.step) * self.step_h
        running = s.job_status[b, at] == RUNNING
        gpus, expected = x.job_gpus[b, job], s.job_expected_gpu_h[b, at].copy()
        job_class = x.job_class[b, job]
        preemptible = p.class_preemptible[b, job_class]
        return JobView(
            number=job,
            region=s.job_region[b, at].astype(np.int64),
            job_class=job_class,
            malleable=p.class_malleable[b, job_class],
            preemptible=preemptible,
            gpus=gpus,
            expected_gpu_h=expected,
            hours_to_deadline=to_deadline_h,
            slack_h=to_deadline_h - expected / gpus,
            data_gb=x.job_data_gb[b, job],
            running=running,
            locked=running & ~preemptible,
            in_transit=s.job_status[b, at] == IN_TRANSIT,
            paused=s.job_paused[b, at],
            held_gpus=np.where(running, s.job_alloc_gpus[b, at], 0.0),
            arrives_in_steps=np.maximum(0, s.job_ready_step[b, at].astype(np.int64) - self.step),
        )

    @cached_property
    def announced_cut_kw(self) -> Floats:
        """Cut of grid power that the grid asks for now or has announced, shape (R,); 0 where there is none."""
        return self._x.announced_cut_kw[self._b, self.step]

    @cached_property
    def announced_in_h(self) -> Floats:
        """Hours until the announced cut begins, shape (R,); 0 where it is now."""
        return self._x.announced_in_h[self._b, self.step]

    @cached_property
    def contract_forecast_kw(self) -> Floats:
        """What green contracts deliver by lead, shape (L, R); profiles are known."""
        return self._x.contract_kw[self._b, self._ahead]

    @property
    def params(self) -> Params:
        """What does not change, of this environment alone (B = 1)."""
        row = min(self._b, self._p.n_steps.size - 1)
        return Params._make(field[row : row + 1] for field in self._p)

    @property
    def site_state(self) -> dict[str, Floats]:
        """What the sites have come to, each of shape (R,): backlogs, peaks, who is awake, stores, energy so far."""
        return {name: getattr(self._s, name)[self._b].copy() for name in STATE_OF_REGION}

    @cached_property
    def air_c(self) -> Floats:
        """Air temperature now, shape (R,) [C]."""
        return self._x.air_c[self._b, self.step]

    @cached_property
    def store_order_ahead(self) -> Floats:
        """What the rule would order stores by lead, shape (L, R); it follows from prices that are known."""
        return self._x.store_order[self._b, self._ahead]

    @property
    def start_minute(self) -> int:
        """Beijing time of step 0 [minutes since 1970-01-01 00:00 Beijing]."""
        return int(self._x.start_minute[self._b])

    @cached_property
    def gpus_in_order(self) -> Floats:
        """GPUs that have not failed, shape (R,)."""
        return self._x.fleet_gpus[self._b, self.step]

    @cached_property
    def wan_share(self) -> Floats:
        """Share of the links' capacity that is there now, shape (R,)."""
        return self._x.wan_share[self._b, self.step]

    @cached_property
    def cut_forecast_kw(self) -> Floats:
        """Cuts asked for by lead, as far as they are announced, shape (L, R); an announced one lasts as is usual."""
        programme = None if self.scenario is None else self.scenario.grid_events
        cuts = np.zeros((self.n_leads, self.n_regions))
        if programme is not None:
            length = max(1, round(programme.hours / self.step_h))
            now = self._x.cut_kw[self._b, : self.step + 1]
            for r in np.flatnonzero(self.announced_cut_kw > 0):
                first = round(float(self.announced_in_h[r]) / self.step_h)
                so_far = 0 if first > 0 else int(np.argmax(np.append(now[::-1, r] <= 0, True)))
                cuts[first : first + max(1, length - max(0, so_far - 1)), r] = self.announced_cut_kw[r]
        return cuts

    @cached_property
    def direct_forecast_kw(self) -> Floats:
        """What direct lines will offer by lead, shape (L, R): as a day before, or on the first day as now."""
        day = round(24 / self.step_h)
        leads = np.arange(self.n_leads)
        at = np.where(leads > 0, self.step + leads - day, self.step)
        return self._x.direct_kw[self._b, np.where(at < 0, self.step, at)]

    def _load_kw(self, slope: Floats) -> Floats:
        site, served = self.site_power, self._served_gpus(self.locked_gpus)
        at_work = site_model.serving_gpus(site, served) + self.locked_gpus
        return site_model.base_kw(site, slope, self.fixed_kw, self.gpus_in_order, self.awake_gpus, at_work)

    def _served_gpus(self, locked_gpus: Floats) -> Floats:
        """Interactive load that is served now beside locked GPUs, shape (R,)."""
        return site_model.served_gpus(self.interactive_forecast_gpus[0], self.awake_gpus, locked_gpus)

    @property
    def _ahead(self) -> slice:
        return slice(self.step, self.step + self.n_leads)

    def _forecast(self, quantity: int, truth: Floats) -> Floats:
        b, ahead = self._b, self._ahead
        climatology, noise = self._x.climatology[b, quantity, ahead], self._x.noise[b, quantity, ahead]
        return forecast(truth[b, ahead], climatology, noise, self._p.forecast_rho[b, quantity])

    def _per_region(self, amount: Floats) -> Floats:
        return np.bincount(self.jobs.region, weights=amount, minlength=self.n_regions).astype(np.float64)
