"""The packed arrays behind the simulator: structured rows that a step reads or changes.

With them, a step of one environment touches a few cache lines in each row, not one line in each of a hundred arrays.
The named tuples of `wattward.envs.model.types` are views of these arrays.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from wattward.envs.model.types import Exogenous, Floats, Flows, Params, State, Tally

DUE, RIGID_JOBS, MOVABLE, STAYING, LEAVING = range(5)
N_PICKS = 5
"""Rows of `Fleet.picks`; each holds places in the queue, in the order of the queue.

The scan finds jobs that are due now; running rigid jobs that can be preempted; and all jobs that are neither in transit
nor locked. A step notes the jobs that are ordered to run where they are, and those ordered to another region.
"""
Places = NDArray[np.int32]

Rows: TypeAlias = NDArray[Any]
"""An array of one of the structured types below."""
Row: TypeAlias = Any
"""One element of it; kernels read and write its fields by name."""
EPS = 1e-9
"""Amounts of GPUs or steps below this count as zero."""
LOOKAHEAD = 4
"""The number of pulling regions that are tried for one job in a step."""


def _row(**kinds: str) -> np.dtype[np.void]:
    return np.dtype([(name, kind) for kind, names in kinds.items() for name in names.split()], align=True)


SCENARIO = _row(
    f8="step_h carbon_price_per_kg drop_cost_per_gpu_h late_cost_per_gpu_h_per_h terminal_late_h band_low band_high"
    " reference_cost_per_step shaping_coefficient_per_gpu_h"
    " green_constraint_per_kwh late_constraint_per_gpu_h band_constraint",
    i8="n_steps",
)
"""Fields of `Params` with one number for each environment."""
SITE = _row(
    f8="fleet_gpus rigid_limit_gpus gpu_idle_kw gpu_busy_kw pue_base pue_slope_per_c pue_free_c demand_charge_per_kw"
    " wan_gb_per_step wan_cost_per_gb wan_kwh_per_gb terminal_cost_per_gpu_h"
    " cooling_fixed_share recovered_share serving_exponent serving_gpus gpu_sleep_kw wake_kwh headroom_gpus"
    " direct_price_per_kwh contract_price_per_kwh contract_take_share feed_in_price_per_kwh feed_in_kw"
    " event_baseline_kw event_pay_per_kwh event_penalty_per_kwh green_share_min shortfall_price_per_kwh",
)
STORE = _row(
    f8="capacity_kwh reserve_kwh start_kwh charge_kw discharge_kw charge_efficiency discharge_efficiency"
    " cop charge_cop loss_per_h wear_cost_per_kwh",
    i8="coupling entry",
)
"""A store of a site: the fields of `Params` that begin with `store_`."""
STORED = _row(f8="stored_kwh order charged_kw", i8="told")
"""A store's energy; its order in the step, from -1 to 1; its charging power in the step; what an action told it."""
JOB_CLASS = _row(f8="restart_h", b1="malleable preemptible")
ENV = _row(
    i8="step next_job n_active n_due n_rigid n_movable slot asleep ordered runs_due limited ranked", f8="backlog_gpu_h"
)
"""`slot` is the episode's place in the bank; an environment that is `asleep` is observed but not stepped.

The last four integers are about orders of a policy for jobs: whether jobs have such orders, whether due jobs run in any
case, and whether the orders have limits of GPUs and ranks.
"""
WISH = _row(f8="limit_gpus rank")
"""What an order may add to its choice: the most GPUs of a malleable job; its rank, the lowest goes first."""
REGION = _row(
    f8="wan_out_gb wan_in_gb peak_kw"
    " awake_gpus load_kwh green_kwh"
    " own_share others_share"
    " locked_gpus arrived_gpu_h moved_in_gpu_h"
    " free_gpus rigid_gpus cap_gpus own_gpus link_gb serving_gpus"
    " asked_gpus",
    b1="surplus_only",
)
"""A region's state, its offers in the step, what the scan found, and temporary values of the step."""
QUEUED = _row(
    i4="number arrival_step deadline_step ready_step",
    u2="region job_class",
    i2="order",
    i1="status",
    b1="malleable preemptible paused",
    f8="gpus left_gpu_h expected_gpu_h left_h alloc_gpus taken_gpus estimate_gpu_h data_gb limit_gpus rank",
)
"""A job that is present or in transit. The first `n_active` rows of a queue are used, sorted by (deadline, number).

`left_h` is expected_gpu_h / gpus. `taken_gpus` is the number of GPUs that it has got so far in the present step.
`order` is the choice of its order; `limit_gpus` and `rank` are as in WISH.
"""
FLOW = _row(f8=" ".join(Flows._fields))
N_FLOWS, N_TALLIED = len(Flows._fields), len(Flows._fields) + 1
"""Number of columns of the flows and of the tally; the last column of the tally counts the steps in band."""
HOUR = _row(
    f8="price_per_kwh carbon_kg_per_kwh sun_kw wind_kw hydro_kw interactive_gpus pue fixed_kw"
    " fleet_gpus wan_share direct_kw contract_kw store_order cut_kw announced_cut_kw announced_in_h"
)
"""The world of a region in one step; two cache lines long.

Facility power is `pue` x IT power + `fixed_kw`.
"""
JOB = _row(i4="number arrival_step deadline_step origin job_class", f8="gpus work_gpu_h estimate_gpu_h data_gb")
"""A job of the episode; the rows are sorted by (arrival, deadline, number)."""
ON_ARRIVAL = _row(f8="total_cost left_gpu_h")
SERIES = tuple(name for name in HOUR.names or () if name not in ("pue", "fixed_kw"))
"""Fields of `Exogenous` that HOUR holds unchanged."""
PRICE, CARBON_INTENSITY, SUN_KW, WIND_KW, HYDRO_KW, INTERACTIVE_GPUS = range(6)
FLEET_GPUS, WAN_SHARE, DIRECT_KW, CONTRACT_KW, STORE_ORDER = range(6, 11)
CUT_KW, ANNOUNCED_CUT_KW, ANNOUNCED_IN_H, AIR_C = range(11, 15)
N_SERIES = 15
"""Rows of the series of a world, (N_SERIES, R, N): those of SERIES, in their order, and air temperature."""


def pack_params(params: Params) -> tuple[Rows, Rows, Rows, Rows]:
    """Packs Params of P rows into rows of SCENARIO (P,), SITE (P, R), JOB_CLASS (P, C) and STORE (P, R, S)."""
    scenario = np.zeros(params.n_steps.shape, SCENARIO)
    sites = np.zeros(params.fleet_gpus.shape, SITE)
    classes = np.zeros(params.class_malleable.shape, JOB_CLASS)
    stores = np.zeros(params.store_entry.shape, STORE)
    for rows, prefix in ((scenario, ""), (sites, ""), (classes, "class_"), (stores, "store_")):
        for name in rows.dtype.names or ():
            rows[name] = getattr(params, prefix + name)
    return scenario, sites, classes, stores


def series_of(world: Exogenous) -> Floats:
    """The series of a world of B = 1, shape (N_SERIES, R, N)."""
    return np.stack([getattr(world, name)[0].T for name in (*SERIES, "air_c")])


def pack_jobs(world: Exogenous) -> Rows:
    """Rows of JOB, shape (J,), by (arrival, deadline, number), from a world of B = 1."""
    n_jobs = int(world.n_jobs[0])
    rows = np.zeros(n_jobs, JOB)
    rows["number"] = np.arange(n_jobs)
    for name in set(JOB.names or ()) - {"number"}:
        rows[name] = getattr(world, f"job_{name.removeprefix('job_')}")[0, :n_jobs]
    return rows[np.lexsort((rows["number"], rows["deadline_step"], rows["arrival_step"]))]


STATE_OF_REGION = ("wan_out_gb", "wan_in_gb", "peak_kw", "awake_gpus", "load_kwh", "green_kwh")


def state_of(env: Rows, regions: Rows, stored: Rows, queue: Rows) -> State:
    """Views of what a step changes."""
    views = {name: env[name] for name in ("step", "next_job", "n_active")}
    views |= {name: regions[name] for name in STATE_OF_REGION} | {"stored_kwh": stored["stored_kwh"]}
    views |= {name: queue[name.removeprefix("job_")] for name in State._fields if name.startswith("job_")}
    return State(**views)


def flows_of(flows: Rows) -> Flows:
    """Views of one step's flows."""
    return Flows._make(flows[name] for name in Flows._fields)


def tally_of(tally: NDArray[np.float64], total_cost: NDArray[np.float64]) -> Tally:
    """Views of the tally, shape (B, R, N_TALLIED), and of the last step's cost, (B,)."""
    total = Flows._make(tally[:, :, i] for i in range(N_FLOWS))
    return Tally(total, in_band_steps=tally[:, :, N_FLOWS], total_cost=total_cost)
