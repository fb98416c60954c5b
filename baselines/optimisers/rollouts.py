"""Simulates a batch of possible futures from the present step on, using only what a policy may know.

The world follows the forecast, and the work of jobs is their owners' estimate. Future arrivals are drawn several times
from the scenario's own distributions. Every plan is played against all of these draws.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wattward.envs.kernels.fleet import COST
from wattward.envs.model.equipment import quiet_world
from wattward.envs.model.types import IN_TRANSIT, NO_SIGNALS, RUNNING, WAITING, Exogenous, Floats, Ints, Params
from wattward.envs.policy.outlook import JobView, Outlook
from wattward.envs.simulator.bank import Bank
from wattward.envs.simulator.simulator import Simulator
from wattward.envs.world.processes.jobs import Jobs, draw_jobs


def reach(outlook: Outlook, n_steps: int) -> int:
    """Number of steps to look ahead: at most `n_steps`, limited by the episode's end and the forecast horizon."""
    return min(n_steps, outlook.n_steps - outlook.step, outlook.n_leads - 1)


class Imagined:
    """Possible futures of an outlook; `play` computes what plans cost in them.

    Attributes:
        n_steps: Number of steps to look ahead.
        terminal_paid: Charge for unfinished work in the last call of `play`, for each plan in each world, shape
            (n_plans * worlds,).
    """

    def __init__(self, outlook: Outlook, worlds: Sequence[Exogenous], n_plans: int, *, left_price: float) -> None:
        """Prepares the futures.

        Args:
            outlook: What is known.
            worlds: Every plan is played in each of them. They begin now, and their job tables list the jobs present
                first.
            n_plans: Number of plans that are played at once.
            left_price: Price of work that is unfinished at the horizon, as a quantile of the prices until then. At the
                episode's end such work costs the terminal cost.
        """
        self.n_steps = worlds[0].price_per_kwh.shape[1] - 1
        self._samples, self._n_plans = len(worlds), n_plans
        params = self._params(outlook, left_price)
        bank = Bank(params, len(worlds))
        for k, world in enumerate(worlds):
            bank.put(k, world)
        self._simulator = Simulator(params, n_plans * len(worlds), bank)
        for b in range(self._simulator.n_envs):
            self._simulator.begin(b, b % len(worlds))
        self._install(outlook)
        self._start = self._simulator.save()
        self.terminal_paid = np.zeros(self._simulator.n_envs)

    def play(self, plans: NDArray[np.integer], block_steps: Ints) -> Floats:
        """Mean cost of each plan until the horizon [currency].

        Args:
            plans: Actions, shape (n_plans, blocks, entries of an action).
            block_steps: Number of steps of each block, shape (blocks,); they sum to at least `n_steps`.
        """
        simulator, total = self._simulator, np.zeros(self._n_plans * self._samples)
        simulator.restore(self._start)
        left = self.n_steps
        for block, steps in enumerate(block_steps.tolist()):
            if left == 0:
                break
            simulator.fleet.modes[:] = np.repeat(plans[:, block], self._samples, axis=0)
            simulator.advance(min(steps, left))
            total += simulator.fleet.outcome[:, COST]
            left -= min(steps, left)
        self.terminal_paid = simulator.flows.terminal_cost.sum(axis=1)
        return total.reshape(self._n_plans, self._samples).mean(axis=1)

    def _params(self, outlook: Outlook, left_price: float) -> Params:
        params = outlook.params._replace(n_steps=np.array([self.n_steps]))
        if outlook.step + self.n_steps == outlook.n_steps:
            return params
        price = np.quantile(outlook.price_forecast_per_kwh[: self.n_steps], left_price, axis=0)
        worth = np.minimum(params.terminal_cost_per_gpu_h, (price * outlook.kw_per_rested_gpu)[None])
        return params._replace(
            terminal_cost_per_gpu_h=worth,
            terminal_late_h=np.zeros(1),
            shortfall_price_per_kwh=np.zeros_like(params.shortfall_price_per_kwh),
        )

    def _install(self, outlook: Outlook) -> None:
        """Copies the present state into every environment of the batch."""
        fleet, jobs = self._simulator.fleet, outlook.jobs
        for name, value in outlook.site_state.items():
            fleet.regions[name] = value
        fleet.stored["stored_kwh"] = outlook.stored_kwh
        n, queue = jobs.number.size, fleet.queue
        status = np.where(jobs.in_transit, IN_TRANSIT, np.where(jobs.running, RUNNING, WAITING))
        queue["status"][:, :n], queue["alloc_gpus"][:, :n] = status, jobs.held_gpus
        queue["paused"][:, :n] = jobs.paused
        queue["ready_step"][:, :n] = np.where(jobs.in_transit, jobs.arrives_in_steps, -1)
        for b in range(self._simulator.n_envs):
            self._simulator.observe(b)


def forecast_worlds(outlook: Outlook, n_steps: int, rng: np.random.Generator, samples: int) -> list[Exogenous]:
    """Worlds (B = 1) that follow the forecast, each with its own arrivals drawn from the scenario's distributions.

    Args:
        outlook: What is known.
        n_steps: Steps to look ahead, see `reach`.
        rng: Draws the future arrivals.
        samples: Number of worlds.
    """
    return [_world(outlook, n_steps + 1, _arrivals(outlook, n_steps, rng)) for _ in range(samples)]


def true_world(outlook: Outlook, n_steps: int) -> Exogenous:
    """The true future, for diagnostics in hindsight. A method must never use it.

    Args:
        outlook: The present step. It must be a perfect outlook.
        n_steps: Steps to look ahead, see `reach`.

    Raises:
        ValueError: the outlook is not perfect.
    """
    if outlook.truth is None:
        raise ValueError("the outlook is not perfect: it does not hold what will be")
    world, left_gpu_h, estimate_gpu_h = outlook.truth
    now, rows = outlook.step, slice(outlook.step, outlook.step + n_steps + 1)
    arrival = world.job_arrival_step[0]
    coming = np.flatnonzero((arrival > now) & (arrival < now + n_steps))
    later = Jobs._make(getattr(world, f"job_{part.removeprefix('job_')}")[0, coming] for part in Jobs._fields)
    later = later._replace(arrival_step=later.arrival_step - now, deadline_step=later.deadline_step - now)
    present = _as_table(outlook.jobs, outlook) | {
        "work_gpu_h": np.maximum(left_gpu_h, 1e-6),
        "estimate_gpu_h": np.maximum(estimate_gpu_h, 1e-6),
    }
    arrays = world._replace(signals=NO_SIGNALS)._asdict()
    series = {name: field[:, rows] for name, field in arrays.items() if name != "signals" and field.ndim == 3}
    return Exogenous(start_minute=np.array([0]), signals=NO_SIGNALS, **_table(present, later), **series)


def _arrivals(outlook: Outlook, n_steps: int, rng: np.random.Generator) -> Jobs:
    """Jobs that may arrive after the present step. Those of the first step are left out, as they are in the queue."""
    now = outlook.start_minute + outlook.step * outlook.scenario.step_minutes
    drawn = draw_jobs(outlook.scenario, now, np.random.SeedSequence(int(rng.integers(2**63))))
    chosen = (drawn.arrival_step > 0) & (drawn.arrival_step < n_steps)
    return Jobs._make(part[chosen] for part in drawn)


def _world(outlook: Outlook, n_rows: int, coming: Jobs) -> Exogenous:
    """What the outlook foresees; a series that no outlook shows has the value that it has in a quiet world."""
    shape, at = (1, n_rows, outlook.n_regions), slice(0, n_rows)
    nothing = np.zeros(shape)
    series: dict[str, Any] = quiet_world(outlook.gpus_in_order[None], n_rows) | {
        "price_per_kwh": outlook.price_forecast_per_kwh[None, at],
        "carbon_kg_per_kwh": outlook.carbon_forecast_kg_per_kwh[None, at],
        "sun_kw": outlook.green_forecast_kw[None, at],
        "wind_kw": nothing,
        "hydro_kw": nothing,
        "air_c": np.broadcast_to(outlook.air_c, shape),
        "interactive_gpus": outlook.interactive_forecast_gpus[None, at],
        "wan_share": np.broadcast_to(outlook.wan_share, shape),
        "direct_kw": outlook.direct_forecast_kw[None, at],
        "contract_kw": outlook.contract_forecast_kw[None, at],
        "store_order": outlook.store_order_ahead[None, at],
        "cut_kw": outlook.cut_forecast_kw[None, at],
    }
    return Exogenous(
        start_minute=np.array([0]),
        signals=NO_SIGNALS,
        **series,
        **_table(_as_table(outlook.jobs, outlook), coming),
    )


def _table(present: dict[str, Any], coming: Jobs) -> dict[str, Any]:
    """The job fields of an Exogenous: first the jobs present, which all arrive now, then the future jobs."""
    whole = {part: np.concatenate([present[part], getattr(coming, part)])[None] for part in Jobs._fields}
    named = {f"job_{part.removeprefix('job_')}": values for part, values in whole.items()}
    return named | {"n_jobs": np.array([whole["gpus"].shape[1]])}


def _as_table(jobs: JobView, outlook: Outlook) -> dict[str, Any]:
    """The jobs present as rows of a table. All of them arrive now, and their work is the expected work."""
    n = jobs.number.size
    deadline = np.rint(jobs.hours_to_deadline / outlook.step_h).astype(np.int64)
    work = np.maximum(jobs.expected_gpu_h, 1e-6)
    where: dict[str, Any] = {"arrival_step": np.zeros(n, np.int64), "deadline_step": deadline, "origin": jobs.region}
    sizes = {"gpus": jobs.gpus, "work_gpu_h": work, "estimate_gpu_h": work, "data_gb": jobs.data_gb}
    return where | sizes | {"job_class": jobs.job_class}
