"""Outlooks made by hand: flat worlds with perfect forecasts, where a test sets what it is about."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np
import pytest

from wattward.baselines import make
from wattward.configs import load_region, load_scenario
from wattward.configs.schema.programme import GridEvents
from wattward.configs.schema.scenario import Scenario
from wattward.configs.schema.storage import Battery, ChilledWater, Ups
from wattward.envs.model.equipment import no_constraints, plain_sites, quiet_world
from wattward.envs.model.types import IN_TRANSIT, NO_SIGNALS, RUNNING, WAITING, Exogenous, Params, State
from wattward.envs.policy.lookout import Lookout
from wattward.envs.policy.outlook import EPOCH, Outlook

LEADS = 25
FLEET_GPUS = 100.0
INTERACTIVE_GPUS = 20.0
RESTART_H = 0.25
BATCH, TUNING, TRAINING = 0, 1, 2


@dataclass(frozen=True)
class Job:
    """A job present; classes are BATCH (malleable), TUNING (rigid job), TRAINING (preemptible rigid job)."""

    region: int
    gpus: float = 10.0
    hours: float = 1.0
    due_h: float = 20.0
    job_class: int = BATCH
    status: int = WAITING
    data_gb: float = 1.0


def params(n_regions: int, n_steps: int) -> Params:
    per_region = np.ones((1, n_regions))
    one = np.ones(1)
    given: dict[str, Any] = dict.fromkeys(Params._fields, one)
    given |= {
        "n_steps": np.array([n_steps]),
        "fleet_gpus": FLEET_GPUS * per_region,
        "gpu_idle_kw": 0.0 * per_region,
        "gpu_busy_kw": per_region,
        "pue_base": per_region,
        "pue_slope_per_c": 0.0 * per_region,
        "pue_free_c": 0.0 * per_region,
        "demand_charge_per_kw": per_region,
        "wan_gb_per_step": 1000.0 * per_region,
        "wan_cost_per_gb": per_region,
        "wan_kwh_per_gb": 0.0 * per_region,
        "terminal_cost_per_gpu_h": per_region,
        "class_malleable": np.array([[True, False, False]]),
        "class_preemptible": np.array([[True, False, True]]),
        "class_restart_h": np.array([[0.0, 0.0, RESTART_H]]),
        "n_leads": np.array([LEADS]),
    }
    given |= plain_sites((1, n_regions)) | no_constraints((1,))
    return Params(**given)


def world(
    steps: int, price: Any, carbon: Any, sun_kw: Any, start: datetime, jobs: Sequence[Job], step: int
) -> Exogenous:
    shape = np.broadcast_shapes(np.shape(price), np.shape(carbon), np.shape(sun_kw))
    n_regions = shape[-1]

    def series(value: Any) -> Any:
        full = np.broadcast_to(
            np.asarray(value, dtype=float), (len(value) if np.ndim(value) == 2 else steps, n_regions)
        )
        return np.concatenate([full, np.repeat(full[-1:], max(0, steps - len(full)), axis=0)])[None]

    table = {
        "job_arrival_step": [0 for _ in jobs],
        "job_deadline_step": [step + round(job.due_h) for job in jobs],
        "job_origin": [job.region for job in jobs],
        "job_class": [job.job_class for job in jobs],
    }
    sizes = {
        "job_gpus": [job.gpus for job in jobs],
        "job_work_gpu_h": [job.gpus * job.hours for job in jobs],
        "job_estimate_gpu_h": [job.gpus * job.hours for job in jobs],
        "job_data_gb": [job.data_gb for job in jobs],
    }
    return Exogenous(
        **quiet_world(np.full((1, n_regions), FLEET_GPUS), steps),
        start_minute=np.array([round((start - EPOCH).total_seconds() / 60)]),
        price_per_kwh=series(price),
        carbon_kg_per_kwh=series(carbon),
        sun_kw=series(sun_kw),
        wind_kw=series(0.0),
        hydro_kw=series(0.0),
        air_c=series(20.0),
        interactive_gpus=series(INTERACTIVE_GPUS),
        signals=NO_SIGNALS,
        n_jobs=np.array([len(jobs)]),
        **{name: np.array([column], dtype=np.int64) for name, column in table.items()},
        **{name: np.array([column], dtype=np.float64) for name, column in sizes.items()},
    )


def state(n_regions: int, step: int, jobs: Sequence[Job]) -> State:
    order = np.argsort([job.due_h for job in jobs], kind="stable").astype(np.int64)
    jobs = [jobs[i] for i in order]
    running = np.array([job.status == RUNNING for job in jobs], dtype=bool)
    gpus = np.array([job.gpus for job in jobs])
    expected = np.array([job.gpus * job.hours for job in jobs])
    return State(
        step=np.array([step]),
        next_job=np.array([len(jobs)]),
        n_active=np.array([len(jobs)]),
        job_number=order[None],
        job_status=np.array([[job.status for job in jobs]], dtype=np.int64),
        job_region=np.array([[job.region for job in jobs]], dtype=np.int64),
        job_left_gpu_h=expected[None],
        job_expected_gpu_h=expected[None],
        job_alloc_gpus=np.where(running, gpus, 0.0)[None],
        job_paused=np.zeros((1, len(jobs)), dtype=bool),
        job_ready_step=np.array([[step + 2 if job.status == IN_TRANSIT else 0 for job in jobs]], dtype=np.int64),
        awake_gpus=np.full((1, n_regions), FLEET_GPUS),
        **dict.fromkeys(("load_kwh", "green_kwh"), np.zeros((1, n_regions))),
        stored_kwh=np.zeros((1, n_regions, 0)),
        wan_out_gb=np.zeros((1, n_regions)),
        wan_in_gb=np.zeros((1, n_regions)),
        peak_kw=np.zeros((1, n_regions)),
    )


def make_outlook(
    jobs: Sequence[Job] = (),
    price: Any = (0.5, 0.5),
    *,
    carbon: Any = 0.5,
    sun_kw: Any = 0.0,
    hour: int = 0,
    step: int = 0,
    n_steps: int = 1000,
    longitude_deg: Sequence[float] = (120.0, 88.0),
    perfect: bool = False,
) -> Outlook:
    """Hourly steps that start at `hour` of 1 April 2026; `price`, `carbon` and `sun_kw` are (R,) or (steps, R), their
    last row going on; one more busy GPU draws 1 kW; 100 GPUs a region, 20 of them interactive."""
    n_regions = len(longitude_deg)
    made = world(n_steps + LEADS, price, carbon, sun_kw, datetime(2026, 4, 1, hour), jobs, step)
    regions = tuple(load_region("midong", {"site": {"longitude_deg": degrees}}) for degrees in longitude_deg)
    toy = load_scenario("toy")
    # nothing more arrives, and the grid asks for no cuts
    quiet = toy.job_classes[0].model_copy(update={"jobs_per_day": (0.0,) * n_regions})
    idle = tuple(quiet.model_copy(update={"name": name}) for name in ("batch", "tuning", "training"))
    scenario = toy.model_copy(update={"regions": regions, "job_classes": idle})
    lookout = Lookout(scenario, params(n_regions, n_steps), made)
    given = lookout.perfect if perfect else lookout.outlook
    return given(state(n_regions, step, jobs), np.zeros(0, dtype=np.float32))


@pytest.fixture(scope="session")
def outlook_of() -> Callable[..., Outlook]:
    return make_outlook


@pytest.fixture(scope="session")
def job_of() -> type[Job]:
    return Job


@pytest.fixture(scope="session")
def many_stores() -> Scenario:
    """A day of the microgrid, which the grid asks for cuts, with two batteries, chilled water and UPS at one site."""
    base = load_scenario("jinshuitan-microgrid")
    stores = (
        Battery(capacity_kwh=200, charge_kw=100, discharge_kw=100, wear_cost_per_kwh=0.1, loss_per_h=0.0005),
        ChilledWater(capacity_kwh=400, charge_kw=60, discharge_kw=80, cop=4.0, charge_cop=6.0),
        Ups(capacity_kwh=60, reserve_kwh=20, charge_kw=20, discharge_kw=100),
        Battery(capacity_kwh=50, charge_kw=40, discharge_kw=30, charge_efficiency=0.8),
    )
    first, *others = base.regions
    events = GridEvents(regions=(first.name,), chance_per_day=1.0, pay_per_kwh=2.0, penalty_per_kwh=1.0)
    regions = (first.model_copy(update={"stores": stores}), *others)
    return base.model_copy(update={"regions": regions, "grid_events": events, "episode_days": 1.0})


@pytest.fixture(scope="session")
def steps_of(outlook_of: Callable[..., Outlook]) -> Callable[..., list[list[int]]]:
    """The steps in which a rule runs each job, in a world where every job always finds GPUs."""

    def play(name: str, jobs: Sequence[Any], price: Any, n_steps: int, **world: Any) -> list[list[int]]:
        policy, ran = make(name), [[] for _ in jobs]
        present = list(jobs)
        for step in range(n_steps):
            outlook = outlook_of(present, price, step=step, **world)
            if step == 0:
                policy.reset(outlook, np.random.default_rng(0))
            orders = policy.act(outlook)
            by_number = dict(zip(outlook.jobs.number.tolist(), orders.run_in.tolist(), strict=True))
            for number, job in enumerate(present):
                is_locked = job.status == RUNNING and job.job_class == TUNING
                if runs := is_locked or by_number[number] == job.region:
                    ran[number].append(step)
                left = {"hours": job.hours - runs, "due_h": job.due_h - 1, "status": RUNNING if runs else WAITING}
                present[number] = replace(job, **left)
            if all(job.hours <= 0 for job in present):
                break
        return ran

    return play
