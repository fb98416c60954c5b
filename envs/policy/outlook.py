"""What a policy may see of one step, in natural units: the present, the forecasts and the owners' estimates.

An `Outlook` is a snapshot. It holds read-only copies of what may be known now. It gives no access to the world, to the
simulator's state or to parameters that other code uses. A `wattward.envs.policy.lookout.Lookout` makes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple, NoReturn

import numpy as np
from numpy.typing import NDArray

from wattward.envs.model import site_model
from wattward.envs.model.types import (
    CARBON,
    IN_TRANSIT,
    INTERACTIVE,
    RUNNING,
    SUN,
    WIND,
    Floats,
    Ints,
    Params,
)
from wattward.envs.policy.copies import Past, Present, Queue, Truth, read_only

if TYPE_CHECKING:
    from wattward.configs.schema.region import Region
    from wattward.configs.schema.scenario import Scenario
    from wattward.envs.model.site_model import SitePower

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
    slack_h: Floats  # (A,) hours that the job can still wait, by the estimate
    data_gb: Floats  # (A,)
    running: NDArray[np.bool_]  # (A,) held GPUs in the last step
    locked: NDArray[np.bool_]  # (A,) running and not preemptible
    in_transit: NDArray[np.bool_]  # (A,)
    paused: NDArray[np.bool_]  # (A,) must restart before it continues
    held_gpus: Floats  # (A,) in the last step
    arrives_in_steps: Ints  # (A,) steps until data in transit arrive; 0 if not in transit


class Outlook:
    """What may be known of an environment at one step; it is read-only.

    Forecast arrays have a leading axis of L leads; lead 0 is now. There are R regions.

    Attributes:
        scenario: The scenario that is played.
        params: The parameters that do not change during an episode (B = 1).
        observation: What an agent sees, shape (numbers,).
        step: The step to be taken next.
        start_minute: Beijing time of step 0 [minutes since 1970-01-01 00:00 Beijing].
        price_forecast_per_kwh: Tariff price by lead, shape (L, R); tariffs are known ahead.
        contract_forecast_kw: Power of green contracts by lead, shape (L, R); their profiles are known ahead.
        store_order_ahead: Order of the price rule to stores by lead, shape (L, R); it follows from known prices.
        stored_kwh: Energy in each store, shape (R, S); heat for a cooling store.
        truth: The true future in a perfect outlook; else None.
    """

    scenario: Scenario
    params: Params
    observation: NDArray[np.float32]
    step: int
    start_minute: int
    price_forecast_per_kwh: Floats
    contract_forecast_kw: Floats
    store_order_ahead: Floats
    stored_kwh: Floats
    truth: Truth | None
    _forecasts: Floats
    _present: Present
    _past: Past
    _queue: Queue
    _site_state: dict[str, Floats]

    def __init__(
        self,
        *,
        scenario: Scenario,
        params: Params,
        observation: NDArray[np.float32],
        step: int,
        start_minute: int,
        known: Floats,
        forecasts: Floats,
        present: Floats,
        past: Past,
        queue: Queue,
        site_state: dict[str, Floats],
        stored_kwh: Floats,
        truth: Truth | None = None,
    ) -> None:
        """Takes what a `Lookout` has copied; arrays that only this outlook holds become read-only.

        Args:
            scenario: The scenario that is played.
            params: Parameters in arrays that cannot be written (B = 1).
            observation: What an agent sees, shape (numbers,).
            step: The step to be taken next.
            start_minute: Beijing time of step 0.
            known: Prices, contract power and orders of the price rule by lead, shape (3, L, R).
            forecasts: Forecasts of SUN, WIND, INTERACTIVE and CARBON, shape (4, L, R).
            present: The rows of `Present`, shape (6, R).
            past: What was seen in earlier steps.
            queue: The jobs present.
            site_state: The state of the sites, see the property `site_state`.
            stored_kwh: Energy in each store, shape (R, S).
            truth: The true future, if this outlook is perfect.
        """
        # private arrays become read-only when they are given out
        for array in (known, forecasts, present, stored_kwh):
            array.setflags(write=False)
        observation.setflags(write=False)
        self.__dict__.update(
            scenario=scenario,
            params=params,
            observation=observation,
            step=step,
            start_minute=start_minute,
            price_forecast_per_kwh=known[0],
            contract_forecast_kw=known[1],
            store_order_ahead=known[2],
            truth=truth,
            _forecasts=forecasts,
            _present=Present._make(present),
            _past=past,
            _queue=queue,
            _site_state=site_state,
            stored_kwh=stored_kwh,
        )

    def __setattr__(self, name: str, value: object) -> NoReturn:
        """Always fails, because an outlook is a read-only snapshot.

        Raises:
            AttributeError: always.
        """
        raise AttributeError(f"an outlook cannot be changed: {name}")

    def __delattr__(self, name: str) -> NoReturn:
        """Always fails, because an outlook is a read-only snapshot.

        Raises:
            AttributeError: always.
        """
        raise AttributeError(f"an outlook cannot be changed: {name}")

    def seen_as(self, observation: NDArray[np.float32]) -> Outlook:
        """Returns the same outlook with another observation, shape (numbers,), such as one that an agent altered."""
        other = object.__new__(Outlook)
        other.__dict__.update(self.__dict__, observation=read_only(observation.copy()))
        return other

    def in_part(self, *, forecasts: Floats | None, expected_gpu_h: Floats | None, truth: Truth | None) -> Outlook:
        """Returns a perfect outlook without some of its truths; for diagnostics that show what each of them is worth.

        Args:
            forecasts: Forecasts of SUN, WIND, INTERACTIVE and CARBON to show instead, shape (4, L, R); None for these.
            expected_gpu_h: Work left of the jobs present to show instead, shape (A,); None for this.
            truth: The true future, with which a method also knows the jobs to come; None to hide it.
        """
        queue, other = self._queue, object.__new__(Outlook)
        shown = {name: self.__dict__[name] for name in Outlook.__annotations__}
        other.__dict__.update(
            shown,
            truth=truth,
            _forecasts=self._forecasts if forecasts is None else read_only(forecasts),
            _queue=queue if expected_gpu_h is None else queue._replace(expected_gpu_h=expected_gpu_h),
        )
        return other

    @property
    def is_perfect(self) -> bool:
        """Whether forecasts and estimates are exact. This is for diagnostics, never for a method that is ranked."""
        return self.truth is not None

    @property
    def regions(self) -> tuple[Region, ...]:
        """The regions, in their order."""
        return self.scenario.regions

    @property
    def n_regions(self) -> int:
        """Number of regions R."""
        return len(self.scenario.regions)

    @property
    def region_names(self) -> tuple[str, ...]:
        """Names of the regions, in their order."""
        return tuple(region.name for region in self.regions)

    @cached_property
    def longitude_deg(self) -> Floats:
        """Longitude of each region [degrees east], shape (R,)."""
        return read_only(np.array([region.site.longitude_deg for region in self.regions]))

    @property
    def n_steps(self) -> int:
        """Steps in the episode."""
        return int(self.params.n_steps[0])

    @property
    def step_h(self) -> float:
        """Length of a step [h]."""
        return float(self.params.step_h[0])

    @property
    def n_leads(self) -> int:
        """Number of leads in a forecast, the present included."""
        return int(self.params.n_leads[0])

    @property
    def time(self) -> datetime:
        """Beijing time at which this step starts."""
        return EPOCH + timedelta(minutes=self.start_minute + round(self.step * self.step_h * 60))

    @property
    def price_per_kwh(self) -> Floats:
        """Tariff price now, shape (R,)."""
        return self.price_forecast_per_kwh[0]

    @property
    def carbon_forecast_kg_per_kwh(self) -> Floats:
        """Carbon intensity of the grid by lead, shape (L, R)."""
        return self._forecasts[CARBON]

    @cached_property
    def green_forecast_kw(self) -> Floats:
        """Power of sun, wind and hydro on site by lead, shape (L, R) [kW].

        Hydro stays as it is now, unless the outlook is perfect.
        """
        sun_and_wind = self._forecasts[SUN] + self._forecasts[WIND]
        return read_only(sun_and_wind + self._hydro_ahead_kw)

    @property
    def interactive_forecast_gpus(self) -> Floats:
        """Interactive load by lead, shape (L, R)."""
        return self._forecasts[INTERACTIVE]

    @property
    def fleet_gpus(self) -> Floats:
        """GPUs of each region, shape (R,)."""
        return self.params.fleet_gpus[0]

    @cached_property
    def site_power(self) -> SitePower:
        """The parameters of the regions' power; each field has shape (R,)."""
        return site_model.power_of(self.params, 0)

    @cached_property
    def pue(self) -> Floats:
        """Facility power that a kW of IT power adds at the present air temperature, shape (R,)."""
        return read_only(site_model.cooling_line(self.site_power, self.air_c)[0])

    @cached_property
    def fixed_kw(self) -> Floats:
        """Cooling power that is drawn at any load, at the present air temperature, shape (R,)."""
        return read_only(site_model.cooling_line(self.site_power, self.air_c)[1])

    @cached_property
    def net_pue(self) -> Floats:
        """Power that a kW of IT power adds, net of power recovered from the return water, shape (R,)."""
        return read_only(site_model.net_slope(self.site_power, self.pue))

    @cached_property
    def kw_per_gpu(self) -> Floats:
        """Net power that one more busy GPU adds if it is already awake [kW], shape (R,)."""
        return read_only(site_model.kw_per_awake_gpu(self.site_power, self.net_pue))

    @cached_property
    def kw_per_rested_gpu(self) -> Floats:
        """Net power that one more busy GPU adds if it was resting [kW], shape (R,); higher where GPUs sleep."""
        return read_only(site_model.kw_per_rested_gpu(self.site_power, self.net_pue))

    @cached_property
    def awake_gpus(self) -> Floats:
        """GPUs that are awake and in order, shape (R,)."""
        return read_only(np.minimum(self._site_state["awake_gpus"], self.gpus_in_order))

    @cached_property
    def load_kw(self) -> Floats:
        """IT and cooling power now, without deferrable work except that of locked GPUs [kW], shape (R,).

        Requests are served by the awake GPUs that are not locked.
        """
        return read_only(self._load_kw(self.pue))

    @cached_property
    def base_kw(self) -> Floats:
        """The same as `load_kw`, net of power recovered from the return water [kW], shape (R,)."""
        return read_only(self._load_kw(self.net_pue))

    @cached_property
    def surplus_forecast_kw(self) -> Floats:
        """Power of plants on site that remains after requests [kW] by lead, shape (L, R), at the present PUE.

        At lead 0, the GPUs that sleep now are asleep. Later, those GPUs sleep that requests and headroom do not need.
        """
        site, in_order = self.site_power, self.gpus_in_order
        served = np.minimum(self.interactive_forecast_gpus, in_order)
        awake = site_model.kept_awake_gpus(site, served, in_order)
        served[0], awake[0] = self._served_gpus(np.zeros(self.n_regions)), self.awake_gpus
        at_work = site_model.serving_gpus(site, served)
        load_kw = site_model.base_kw(site, self.pue, self.fixed_kw, in_order, awake, at_work)
        return read_only(site_model.surplus_kw(self.green_forecast_kw, load_kw))

    @cached_property
    def surplus_forecast_gpus(self) -> Floats:
        """Busy GPUs that the surplus covers by lead, shape (L, R); after lead 0, GPUs that were resting before."""
        kw_per_gpu = np.repeat(site_model.kw_per_rested_gpu(self.site_power, self.pue)[None], self.n_leads, axis=0)
        kw_per_gpu[0] = site_model.kw_per_awake_gpu(self.site_power, self.pue)
        return read_only(self.surplus_forecast_kw / np.maximum(kw_per_gpu, 1e-6))

    @cached_property
    def locked_gpus(self) -> Floats:
        """GPUs held by running rigid jobs that cannot be preempted, shape (R,)."""
        jobs = self.jobs
        return self._per_region(np.where(jobs.locked, jobs.gpus, 0.0))

    @cached_property
    def free_gpus(self) -> Floats:
        """GPUs that are awake and in order, less interactive load and locked rigid jobs, shape (R,)."""
        return read_only(np.maximum(0.0, self.awake_gpus - self.locked_gpus - self.interactive_forecast_gpus[0]))

    @cached_property
    def utilisation(self) -> Floats:
        """(Interactive + deferrable GPUs held in the last step) / fleet, shape (R,)."""
        return read_only((self.interactive_forecast_gpus[0] + self._per_region(self.jobs.held_gpus)) / self.fleet_gpus)

    @cached_property
    def queue_gpu_h(self) -> Floats:
        """Estimated work present and not locked, shape (R,)."""
        jobs = self.jobs
        return self._per_region(np.where(jobs.locked | jobs.in_transit, 0.0, jobs.expected_gpu_h))

    @cached_property
    def jobs(self) -> JobView:
        """The jobs present. A job due now (arriving at this step) is among them."""
        queue, p = self._queue, self.params
        to_deadline_h: Floats = (queue.deadline_step - self.step) * self.params.step_h[0]
        running = queue.status == RUNNING
        preemptible = p.class_preemptible[0, queue.job_class]
        view = JobView(
            number=queue.number,
            region=queue.region,
            job_class=queue.job_class,
            malleable=p.class_malleable[0, queue.job_class],
            preemptible=preemptible,
            gpus=queue.gpus,
            expected_gpu_h=queue.expected_gpu_h,
            hours_to_deadline=to_deadline_h,
            slack_h=to_deadline_h - queue.expected_gpu_h / queue.gpus,
            data_gb=queue.data_gb,
            running=running,
            locked=running & ~preemptible,
            in_transit=queue.status == IN_TRANSIT,
            paused=queue.paused,
            held_gpus=np.where(running, queue.alloc_gpus, 0.0),
            arrives_in_steps=np.maximum(0, queue.ready_step.astype(np.int64) - self.step),
        )
        for column in view:
            column.setflags(write=False)
        return view

    @property
    def announced_cut_kw(self) -> Floats:
        """Cut of grid power that the grid asks for now or has announced, shape (R,); 0 where there is none."""
        return self._present.announced_cut_kw

    @property
    def announced_in_h(self) -> Floats:
        """Hours until the announced cut begins, shape (R,); 0 where it is now."""
        return self._present.announced_in_h

    @cached_property
    def site_state(self) -> Mapping[str, Floats]:
        """The state of the sites: link backlogs, peaks, awake GPUs and energy so far, each of shape (R,)."""
        return MappingProxyType({name: read_only(value) for name, value in self._site_state.items()})

    @property
    def air_c(self) -> Floats:
        """Air temperature now, shape (R,) [C]."""
        return self._present.air_c

    @property
    def gpus_in_order(self) -> Floats:
        """GPUs that have not failed, shape (R,)."""
        return self._present.gpus_in_order

    @property
    def wan_share(self) -> Floats:
        """Share of the links' capacity that is available now, shape (R,)."""
        return self._present.wan_share

    @cached_property
    def cut_forecast_kw(self) -> Floats:
        """Announced cuts by lead, shape (L, R) [kW]; each is taken to last as long as the programme says."""
        programme = self.scenario.grid_events
        cuts = np.zeros((self.n_leads, self.n_regions))
        if programme is not None:
            length = max(1, round(programme.hours / self.step_h))
            asked = self._past.cut_kw
            for r in np.flatnonzero(self.announced_cut_kw > 0):
                first = round(float(self.announced_in_h[r]) / self.step_h)
                so_far = 0 if first > 0 else int(np.argmax(np.append(asked[::-1, r] <= 0, True)))
                cuts[first : first + max(1, length - max(0, so_far - 1)), r] = self.announced_cut_kw[r]
        return read_only(cuts)

    @cached_property
    def direct_forecast_kw(self) -> Floats:
        """Power that direct lines will offer by lead, shape (L, R) [kW]: as a day before, or as now on the first day.

        A perfect outlook gives the true values.
        """
        if self.truth is not None:
            return self.truth.world.direct_kw[0, self.step : self.step + self.n_leads]
        day, seen = round(24 / self.step_h), self._past.direct_kw
        leads = np.arange(self.n_leads)
        at = np.where(leads > 0, self.step + leads - day, self.step)
        first = self.step + 1 - len(seen)
        return read_only(seen[np.where(at < 0, self.step, at) - first])

    def _load_kw(self, slope: Floats) -> Floats:
        site, served = self.site_power, self._served_gpus(self.locked_gpus)
        at_work = site_model.serving_gpus(site, served) + self.locked_gpus
        return site_model.base_kw(site, slope, self.fixed_kw, self.gpus_in_order, self.awake_gpus, at_work)

    def _served_gpus(self, locked_gpus: Floats) -> Floats:
        """Interactive load that is served now beside locked GPUs, shape (R,)."""
        return site_model.served_gpus(self.interactive_forecast_gpus[0], self.awake_gpus, locked_gpus)

    @property
    def _hydro_ahead_kw(self) -> Floats:
        if self.truth is not None:
            return self.truth.world.hydro_kw[0, self.step : self.step + self.n_leads]
        return self._present.hydro_kw[None, :]

    def _per_region(self, amount: Floats) -> Floats:
        sums = np.bincount(self.jobs.region, weights=amount, minlength=self.n_regions)
        return read_only(sums.astype(np.float64))
