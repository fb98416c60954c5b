"""The arrays of the simulator.

Letters in shapes: B environments, R regions, N steps drawn (episode + horizon), J jobs, A places for jobs that are
active at once, C job classes, L leads, S stores at the site with the most stores. Sites with fewer stores have rows of
capacity 0 in their place.

Conventions: power flows are means over the step and never negative. Steps are numbered from 0. A job with
`job_deadline_step` d must be done when step d - 1 ends.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

WAITING, RUNNING, IN_TRANSIT, DONE = 0, 1, 2, 3
"""Values of `State.job_status`."""

POWER, COOLING = 0, 1
"""Values of `Params.store_coupling`."""
BY_PRICE_RULE, BY_GRID_EVENTS = -1, -2
"""Values of `Params.store_entry` for stores that no action orders."""

SUN, WIND, INTERACTIVE, CARBON = 0, 1, 2, 3
"""Forecast quantities: rows of forecasts and of `Signals.mix`. The first three are also rows of all signals."""


class Params(NamedTuple):
    """The parameters that do not change during an episode."""

    n_steps: Ints  # (B,) steps in the episode
    step_h: Floats  # (B,) [h]
    fleet_gpus: Floats  # (B, R)
    rigid_limit_gpus: Floats  # (B, R) most GPUs that non-preemptible rigid jobs may start to fill
    gpu_idle_kw: Floats  # (B, R) [kW per GPU]
    gpu_busy_kw: Floats  # (B, R) [kW per GPU]
    pue_base: Floats  # (B, R)
    pue_slope_per_c: Floats  # (B, R) [1/C]
    pue_free_c: Floats  # (B, R) [C]
    cooling_fixed_share: Floats  # (B, R) of full load's cooling power, drawn at any load
    recovered_share: Floats  # (B, R) of IT power, won back by the return water
    serving_exponent: Floats  # (B, R) exponent of the power of requests as a function of their number
    serving_gpus: Floats  # (B, R) number of GPUs that requests share
    gpu_sleep_kw: Floats  # (B, R) [kW per GPU]
    wake_kwh: Floats  # (B, R) [kWh per GPU]
    headroom_gpus: Floats  # (B, R) GPUs kept awake beyond those in use; 1e9 where GPUs never sleep
    store_coupling: Ints  # (B, R, S) POWER or COOLING; powers and energies of a COOLING store are heat
    store_entry: Ints  # (B, R, S) who orders it: place of its order in an action, BY_PRICE_RULE or BY_GRID_EVENTS
    store_capacity_kwh: Floats  # (B, R, S) 0 where there is no store
    store_reserve_kwh: Floats  # (B, R, S) energy that discharging leaves in the store
    store_start_kwh: Floats  # (B, R, S) energy in the store when an episode begins
    store_charge_kw: Floats  # (B, R, S) most; AC side of a power store
    store_discharge_kw: Floats  # (B, R, S) most; AC side of a power store
    store_charge_efficiency: Floats  # (B, R, S)
    store_discharge_efficiency: Floats  # (B, R, S)
    store_cop: Floats  # (B, R, S) heat per chiller power that discharging saves; 1 for a power store
    store_charge_cop: Floats  # (B, R, S) heat per chiller power that charging takes; 1 for a power store
    store_loss_per_h: Floats  # (B, R, S) share of the stored energy
    store_wear_cost_per_kwh: Floats  # (B, R, S) per kWh discharged
    direct_price_per_kwh: Floats  # (B, R) taken from the direct line
    contract_price_per_kwh: Floats  # (B, R) taken from the green contract
    contract_take_share: Floats  # (B, R) share of what the contract delivers that is paid for in any case
    feed_in_price_per_kwh: Floats  # (B, R)
    feed_in_kw: Floats  # (B, R) the most that the grid takes
    event_baseline_kw: Floats  # (B, R) grid power that cuts are measured against
    event_pay_per_kwh: Floats  # (B, R)
    event_penalty_per_kwh: Floats  # (B, R)
    green_share_min: Floats  # (B, R) 0 where there is none
    shortfall_price_per_kwh: Floats  # (B, R)
    demand_charge_per_kw: Floats  # (B, R) demand charge for the whole episode [currency per kW of peak]
    wan_gb_per_step: Floats  # (B, R) link capacity, each way [GB]
    wan_cost_per_gb: Floats  # (B, R) paid by the region the data leave
    wan_kwh_per_gb: Floats  # (B, R) drawn by the region the data leave
    carbon_price_per_kg: Floats  # (B,)
    drop_cost_per_gpu_h: Floats  # (B,)
    late_cost_per_gpu_h_per_h: Floats  # (B,)
    terminal_cost_per_gpu_h: Floats  # (B, R) for work unfinished at the end
    terminal_late_h: Floats  # (B,) further lateness charged on unfinished work already late [h]
    band_low: Floats  # (B,) share of the fleet
    band_high: Floats  # (B,)
    reference_cost_per_step: Floats  # (B,) expected cost of a step when all work runs on arrival
    shaping_coefficient_per_gpu_h: Floats  # (B,) what "shaped" rewards credit for work done
    green_constraint_per_kwh: Floats  # (B,) constraint cost of a kWh that is missing from the green share
    late_constraint_per_gpu_h: Floats  # (B,) constraint cost of a GPU-h that misses its deadline
    band_constraint: Floats  # (B,) constraint cost of a region out of the band for a step
    class_malleable: NDArray[np.bool_]  # (B, C)
    class_preemptible: NDArray[np.bool_]  # (B, C)
    class_restart_h: Floats  # (B, C) [h] of the whole rigid job lost at each resumption
    n_leads: Ints  # (B,) leads L of forecasts: the horizon and the present


class Signals(NamedTuple):
    """What is known of the coming sun, wind, requests and carbon at each step, for forecasts.

    There are S signals: the capacity factors of sun and wind, the interactive GPUs and, where it is recorded, the
    carbon intensity. Each follows a latent that is the sum of a slow and a fast part (for sun also of whole days). Both
    parts decay and are pushed by the same innovation in each step. A share of each innovation is known some time ahead:
    there are K levels of such lead times. `envs/kernels/forecast.py` makes forecasts from this. N is the last axis.
    """

    response: Floats  # (B, S, R, 1 + P, N) mean of the hour, then the response to the latent, by order of P
    slow: Floats  # (B, S, R, N) slow part of the latent
    fast: Floats  # (B, S, R, N) fast part of the latent
    memory: Floats  # (B, S, R, 4) what slow and fast part keep from step to step, and what an innovation adds to them
    ahead: Floats  # (B, S, R, K, N) the part of each step's innovation that is known at leads up to each level
    day_start: Ints  # (B, R, D) first steps of the days of the sun's latent; D = 0 without a part by whole days
    days: Floats  # (B, R, 1 + K, D) the part of each day, then the part of its change that is known up to each level
    days_kept: Floats  # (B, R) the share of the part that is kept from day to day
    mix: Floats  # (B, 4, R, 1 + S) each forecast quantity as a constant plus a sum over the signals
    impact: Floats  # (B, 0 or S, R, N) factors of disturbances on the signals
    false_news: Floats  # (B, 0 or 4, R, N) further errors of the quantities' forecasts, in their own units


NO_SIGNALS = Signals(
    response=np.zeros((0,) * 5),
    slow=np.zeros((0,) * 4),
    fast=np.zeros((0,) * 4),
    memory=np.zeros((0,) * 4),
    ahead=np.zeros((0,) * 5),
    day_start=np.zeros((0,) * 3, np.int64),
    days=np.zeros((0,) * 4),
    days_kept=np.zeros((0,) * 2),
    mix=np.zeros((0,) * 4),
    impact=np.zeros((0,) * 4),
    false_news=np.zeros((0,) * 4),
)
"""Of worlds that nobody observes; their outlooks foresee the truth."""


class Exogenous(NamedTuple):
    """One realisation of the world per environment. No policy changes it. `episode.draw` returns it with B = 1."""

    start_minute: Ints  # (B,) local time of step 0 [minutes since 1970-01-01 00:00 by the scenario's clock]
    price_per_kwh: Floats  # (B, N, R)
    carbon_kg_per_kwh: Floats  # (B, N, R)
    sun_kw: Floats  # (B, N, R)
    wind_kw: Floats  # (B, N, R)
    hydro_kw: Floats  # (B, N, R)
    air_c: Floats  # (B, N, R)
    interactive_gpus: Floats  # (B, N, R)
    fleet_gpus: Floats  # (B, N, R) GPUs in order
    wan_share: Floats  # (B, N, R) share of the links' capacity that is available
    direct_kw: Floats  # (B, N, R) what the direct line offers
    contract_kw: Floats  # (B, N, R) what the green contract delivers
    store_order: Floats  # (B, N, R) the price rule's: 1 charge, -1 discharge, 0 neither
    cut_kw: Floats  # (B, N, R) cut that the grid asks for now
    announced_cut_kw: Floats  # (B, N, R) cut that the grid has announced or asks for now
    announced_in_h: Floats  # (B, N, R) time until the announced cut; 0 if none is announced or it is now
    signals: Signals  # what forecasts are made of; the only field that is not an array
    n_jobs: Ints  # (B,)
    job_arrival_step: Ints  # (B, J) ascending
    job_deadline_step: Ints  # (B, J)
    job_origin: Ints  # (B, J) region
    job_class: Ints  # (B, J)
    job_gpus: Floats  # (B, J) most GPUs it can use; for a rigid job all it needs
    job_work_gpu_h: Floats  # (B, J) true work [GPU-h]
    job_estimate_gpu_h: Floats  # (B, J) the owner's estimate of it [GPU-h]
    job_data_gb: Floats  # (B, J) data that move with the job [GB]


class State(NamedTuple):
    """What a step changes. The first `n_active` places hold jobs present or in transit, by (deadline, number)."""

    step: Ints  # (B,) the step to be taken next
    next_job: Ints  # (B,) jobs of the table that have arrived
    n_active: Ints  # (B,)
    job_number: Ints  # (B, A) in the episode's table
    job_status: Ints  # (B, A)
    job_region: Ints  # (B, A) location; destination while in transit
    job_left_gpu_h: Floats  # (B, A) true work left, restarts included
    job_expected_gpu_h: Floats  # (B, A) work left by the owner's estimate
    job_alloc_gpus: Floats  # (B, A) GPUs held in the last step taken
    job_paused: NDArray[np.bool_]  # (B, A) a rigid job that ran, was stopped, and must restart
    job_ready_step: Ints  # (B, A) step at which a job in transit arrives
    wan_out_gb: Floats  # (B, R) still to leave
    wan_in_gb: Floats  # (B, R) still to come in
    peak_kw: Floats  # (B, R) highest grid power so far
    awake_gpus: Floats  # (B, R)
    stored_kwh: Floats  # (B, R, S) in each store; heat of a cooling store
    load_kwh: Floats  # (B, R) energy that the site has used so far, including the charging of its stores
    green_kwh: Floats  # (B, R) the green part of it


class Flows(NamedTuple):
    """Everything that one step moved or cost; reward, observation, ledger and KPIs read nothing else."""

    interactive_gpus: Floats  # (B, R) served
    dropped_gpus: Floats  # (B, R)
    locked_gpus: Floats  # (B, R) held by non-preemptible rigid jobs that were running already
    due_gpus: Floats  # (B, R) given to due work
    held_gpus: Floats  # (B, R) held by all deferrable work
    busy_gpus: Floats  # (B, R) mean deferrable GPUs at work; below held_gpus where a job ends within the step
    it_kw: Floats  # (B, R)
    cooling_kw: Floats  # (B, R)
    wan_kw: Floats  # (B, R)
    sun_kw: Floats  # (B, R)
    wind_kw: Floats  # (B, R)
    hydro_kw: Floats  # (B, R)
    recovered_kw: Floats  # (B, R) of the turbine in the return water
    direct_kw: Floats  # (B, R) offered by the direct line
    direct_used_kw: Floats  # (B, R)
    contract_kw: Floats  # (B, R) taken from the green contract
    charge_kw: Floats  # (B, R) into power stores, AC side
    discharge_kw: Floats  # (B, R) out of power stores, AC side
    cold_in_kw: Floats  # (B, R) into cooling stores [kW of heat]
    cold_out_kw: Floats  # (B, R) out of cooling stores [kW of heat]
    sold_kw: Floats  # (B, R) surplus fed in
    curtailed_kw: Floats  # (B, R) including untaken power of the direct line
    grid_kw: Floats  # (B, R)
    asked_cut_kw: Floats  # (B, R)
    cut_kw: Floats  # (B, R) the part of it that was met
    asleep_gpus: Floats  # (B, R)
    woken_gpus: Floats  # (B, R)
    carbon_kg: Floats  # (B, R)
    arrived_gpu_h: Floats  # (B, R) true work of jobs that arrived
    restart_gpu_h: Floats  # (B, R) work added by restarts
    done_gpu_h: Floats  # (B, R)
    moved_out_gpu_h: Floats  # (B, R)
    moved_in_gpu_h: Floats  # (B, R) work that joined this region, at once or after transit
    waiting_gpu_h: Floats  # (B, R) true work present when the step ends, running or not
    transit_gpu_h: Floats  # (B, R) true work on its way here when the step ends
    wanted_gpus: Floats  # (B, R) GPUs that the work present could use in the next step, by its owners' estimates
    moved_gb: Floats  # (B, R) data that began to leave
    late_gpu_h: Floats  # (B, R) work whose deadline passed in this step
    energy_cost: Floats  # (B, R)
    demand_cost: Floats  # (B, R)
    carbon_cost: Floats  # (B, R)
    wan_cost: Floats  # (B, R)
    drop_cost: Floats  # (B, R)
    late_cost: Floats  # (B, R)
    terminal_cost: Floats  # (B, R) zero except in the last step
    supply_cost: Floats  # (B, R) direct line and green contract
    sales_cost: Floats  # (B, R) revenue from feeding in, negative
    wear_cost: Floats  # (B, R) of stores
    event_cost: Floats  # (B, R) penalties less payments for cuts
    shortfall_cost: Floats  # (B, R) of green power; zero except in the last step


COST_TERMS = (
    *("energy_cost", "demand_cost", "carbon_cost", "wan_cost", "drop_cost", "late_cost", "terminal_cost"),
    *("supply_cost", "sales_cost", "wear_cost", "event_cost", "shortfall_cost"),
)
"""The last fields of `Flows`, which sum to the cost of a step."""
BILLS = ("total_cost", *COST_TERMS, "cost")
"""The entries of `info` for each step. "cost" is the constraint cost, as in constrained RL, not money."""


class Tally(NamedTuple):
    """The sums over an episode so far."""

    total: Flows  # (B, R) sums over steps of every field, in its own unit
    in_band_steps: Floats  # (B, R) steps with utilisation in [band_low, band_high]
    total_cost: Floats  # (B,) of the last step alone, over all regions and terms


class Offers(NamedTuple):
    """The GPUs that each region offers to deferrable work in a step."""

    own: Floats  # (B, R) share of the free GPUs for its own queue, 0..1
    others: Floats  # (B, R) share of the GPUs then still free for waiting work of other regions, 0..1
    surplus_only: NDArray[np.bool_]  # (B, R) whether only GPUs that surplus green power covers count as free
