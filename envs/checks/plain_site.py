"""A simple site with round numbers, for hand-computed tests that change one number at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from wattward.configs.schema.storage import Store
from wattward.envs.checks.balances import assert_conserves
from wattward.envs.decisions.action import Mode
from wattward.envs.decisions.modes import offers_of_modes
from wattward.envs.model.equipment import no_constraints, plain_sites, quiet_world
from wattward.envs.model.stores import row_of, store_table
from wattward.envs.model.types import NO_SIGNALS, Exogenous, Flows, Params, State
from wattward.envs.simulator.simulator import Simulator

GPUS = 10.0


def plain_params(n_steps: int, *, step_h: float = 1.0, stores: Sequence[Store] = (), **changes: float) -> Params:
    """One region with 10 GPUs of 0.1 kW idle and 1.1 kW busy, PUE 1, and no costs except those in `changes`."""
    site: dict[str, Any] = {
        **{"fleet_gpus": GPUS, "rigid_limit_gpus": GPUS, "gpu_idle_kw": 0.1, "gpu_busy_kw": 1.1},
        **{"pue_base": 1.0, "pue_slope_per_c": 0.0, "pue_free_c": 15.0, "demand_charge_per_kw": 0.0},
        **{"wan_gb_per_step": 100.0, "wan_cost_per_gb": 0.0, "wan_kwh_per_gb": 0.0, "terminal_cost_per_gpu_h": 0.0},
        "gpu_sleep_kw": 0.1,
    }
    extras = plain_sites((1, 1)) | no_constraints((1,))
    extras |= {name: np.full((1, 1), value) for name, value in site.items()}
    extras |= {name: column[None] for name, column in store_table([[row_of(store) for store in stores]]).items()}
    one = {"carbon_price_per_kg": 0.0, "drop_cost_per_gpu_h": 0.0, "late_cost_per_gpu_h_per_h": 0.0}
    one |= {
        "terminal_late_h": 0.0,
        "band_low": 0.6,
        "band_high": 0.8,
        "reference_cost_per_step": 1.0,
        "shaping_coefficient_per_gpu_h": 0.0,
    }
    classes = {"class_malleable": [True, False], "class_preemptible": [True, False], "class_restart_h": [0.0, 0.0]}
    fields = extras | {name: np.array([value]) for name, value in one.items()}
    fields |= {name: np.array([values]) for name, values in classes.items()}
    for name, value in changes.items():
        fields[name] = np.full(fields[name].shape, value, fields[name].dtype)
    return Params(n_steps=np.array([n_steps]), step_h=np.array([step_h]), n_leads=np.array([2]), **fields)


def plain_world(params: Params, jobs: Sequence[tuple[float, ...]] = (), **series: Sequence[float] | float) -> Exogenous:
    """A world of one region; `jobs` are (arrival, deadline, class, GPUs, GPU-h)."""
    n = int(params.n_steps[0]) + int(params.n_leads[0])
    names = ("price_per_kwh", "carbon_kg_per_kwh", "sun_kw", "wind_kw", "hydro_kw", "air_c", "interactive_gpus")
    fields: dict[str, Any] = quiet_world(params.fleet_gpus, n) | {name: np.zeros((1, n, 1)) for name in names}
    for name, values in series.items():
        given = np.atleast_1d(np.asarray(values, dtype=np.float64))
        fields[name][0, :, 0] = np.concatenate([given, np.full(max(0, n - given.size), given[-1])])[:n]
    table = np.array(jobs, dtype=np.float64).reshape(len(jobs), 5).T[:, None]
    columns = ("arrival_step", "deadline_step", "class")
    whole = {f"job_{name}": table[i].astype(np.int64) for i, name in enumerate(columns)}
    return Exogenous(
        start_minute=np.array([0]),
        signals=NO_SIGNALS,
        n_jobs=np.array([len(jobs)]),
        **whole,
        job_origin=np.zeros((1, len(jobs)), np.int64),
        job_gpus=table[3],
        job_work_gpu_h=table[4],
        job_estimate_gpu_h=table[4],
        job_data_gb=np.zeros((1, len(jobs))),
        **fields,
    )


def play(params: Params, world: Exogenous, modes: Sequence[Mode]) -> tuple[list[Flows], list[State]]:
    """Returns the flows of each step and the state after it. The balances of every step are checked."""
    simulator = Simulator(params)
    simulator.load(0, world)
    flows, states = [], []
    for mode in modes:
        before = simulator.save()
        step = simulator.step(offers_of_modes(np.array([[mode]])))
        assert_conserves(params, world, before, simulator.state, step)
        flows.append(Flows(*(field.copy() for field in step)))
        states.append(simulator.save().state)
    return flows, states


def series(flows: Sequence[Flows] | Sequence[State], name: str) -> list[float]:
    """The values of one field in the only region, by step."""
    return [float(getattr(step, name)[0, 0]) for step in flows]


def levels(states: Sequence[State], store: int = 0) -> list[float]:
    """The energy in a store of the only region after each step [kWh]."""
    return [float(step.stored_kwh[0, 0, store]) for step in states]
