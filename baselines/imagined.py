"""A batch of imagined futures: the simulator itself, fed with what a policy may know, from the present on.

The world is the forecast; work is what owners estimate; arrivals to come are drawn from the scenario's own law, several
times, and every plan meets all of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from wattward.envs.bank import Bank
from wattward.envs.kernels.fleet import COST
from wattward.envs.outlook import JobView, Outlook
from wattward.envs.processes.jobs import Jobs, draw_jobs
from wattward.envs.simulator import Simulator
from wattward.envs.types import IN_TRANSIT, RUNNING, WAITING, Exogenous, Floats, Ints, Params

PARTS = ("arrival_step", "deadline_step", "origin", "job_class", "gpus", "work_gpu_h", "estimate_gpu_h", "data_gb")


class Imagined:
    """Futures of an outlook; `play` says what plans cost in them.

    Attributes:
        n_steps: Steps that are looked ahead.
    """

    def __init__(
        self, outlook: Outlook, n_steps: int, n_plans: int, rng: np.random.Generator, *, samples: int, left_price: float
    ) -> None:
        """Prepares the futures.

        Args:
            outlook: What is known; its scenario must be.
            n_steps: Steps to look ahead; cut to the end of the episode and to the forecast's horizon.
            n_plans: Plans that are played at once.
            rng: Draws the arrivals to come.
            samples: How many draws of them each plan meets.
            left_price: What work left at the horizon costs, as a quantile of the prices until then; at the episode's
                end it costs the settlement.
        """
        self.n_steps = min(n_steps, outlook.n_steps - outlook.step, outlook.n_leads - 1)
        self._samples, self._n_plans = samples, n_plans
        params = self._params(outlook, left_price)
        bank = Bank(params, samples)
        for k in range(samples):
            bank.put(k, _world(outlook, self._n_rows, _arrivals(outlook, self.n_steps, rng)))
        self._simulator = Simulator(params, n_plans * samples, bank)
        for b in range(n_plans * samples):
            self._simulator.begin(b, b % samples)
        self._install(outlook)
        self._start = self._simulator.save()

    def play(self, plans: NDArray[np.integer], block_steps: Ints) -> Floats:
        """Mean cost of each plan until the horizon [yuan].

        Args:
            plans: Actions, shape (n_plans, blocks, entries of an action).
            block_steps: Steps of each block, shape (blocks,); they sum to at least `n_steps`.
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
        return total.reshape(self._n_plans, self._samples).mean(axis=1)

    @property
    def _n_rows(self) -> int:
        return self.n_steps + 1

    def _params(self, outlook: Outlook, left_price: float) -> Params:
        params = outlook.params._replace(n_steps=np.array([self.n_steps]))
        if outlook.step + self.n_steps == outlook.n_steps:
            return params
        price = np.quantile(outlook.price_forecast_yuan_per_kwh[: self.n_steps], left_price, axis=0)
        worth = np.minimum(params.settlement_yuan_per_gpu_h, (price * outlook.kw_per_gpu)[None])
        return params._replace(
            settlement_yuan_per_gpu_h=worth,
            settlement_late_h=np.zeros(1),
            shortfall_yuan_per_kwh=np.zeros_like(params.shortfall_yuan_per_kwh),
        )

    def _install(self, outlook: Outlook) -> None:
        """Puts what has happened so far into every environment of the batch."""
        fleet, jobs = self._simulator.fleet, outlook.jobs
        for name, value in outlook.site_state.items():
            fleet.regions[name] = value
        n, queue = jobs.number.size, fleet.queue
        status = np.where(jobs.in_transit, IN_TRANSIT, np.where(jobs.running, RUNNING, WAITING))
        queue["status"][:, :n], queue["alloc_gpus"][:, :n] = status, jobs.held_gpus
        queue["paused"][:, :n] = jobs.paused
        queue["ready_step"][:, :n] = np.where(jobs.in_transit, jobs.arrives_in_steps, -1)
        for b in range(self._simulator.n_envs):
            self._simulator.observe(b)


def _arrivals(outlook: Outlook, n_steps: int, rng: np.random.Generator) -> Jobs:
    """Jobs that may come after the present step, those of the first step left out: they are in the queue."""
    assert outlook.scenario is not None
    now = outlook.start_minute + outlook.step * outlook.scenario.step_minutes
    seed = np.random.SeedSequence(int(rng.integers(2**63)))
    drawn = draw_jobs(outlook.scenario, now, seed)
    chosen = (drawn.arrival_step > 0) & (drawn.arrival_step < n_steps)
    return Jobs._make(part[chosen] for part in drawn)


def _world(outlook: Outlook, n_rows: int, coming: Jobs) -> Exogenous:
    """The forecast as a world of its own (B = 1)."""
    shape = (1, n_rows, outlook.n_regions)
    nothing, at = np.zeros(shape), slice(0, n_rows)
    present = _as_table(outlook.jobs, outlook)
    table = {part: np.concatenate([present[part], getattr(coming, part)])[None] for part in PARTS}
    cuts = outlook.cut_forecast_kw[at]
    return Exogenous(
        start_minute=np.array([0]),
        price_yuan_per_kwh=outlook.price_forecast_yuan_per_kwh[None, at],
        carbon_kg_per_kwh=outlook.carbon_forecast_kg_per_kwh[None, at],
        sun_kw=outlook.green_forecast_kw[None, at],
        wind_kw=nothing,
        hydro_kw=nothing,
        air_c=np.broadcast_to(outlook.air_c, shape),
        interactive_gpus=outlook.interactive_forecast_gpus[None, at],
        fleet_gpus=np.broadcast_to(outlook.gpus_in_order, shape),
        wan_share=np.broadcast_to(outlook.wan_share, shape),
        direct_kw=outlook.direct_forecast_kw[None, at],
        contract_kw=outlook.contract_forecast_kw[None, at],
        store_order=outlook.store_order_ahead[None, at],
        cut_kw=cuts[None],
        announced_cut_kw=nothing,
        announced_in_h=nothing,
        usual=np.zeros((1, 4, *shape[1:])),
        noise=np.zeros((1, 4, *shape[1:])),
        n_jobs=np.array([table["gpus"].shape[1]]),
        job_class=table.pop("job_class"),
        **{f"job_{part}": values for part, values in table.items()},
    )


def _as_table(jobs: JobView, outlook: Outlook) -> dict[str, Any]:
    """The jobs present as rows of a table, all arriving now, with the work that is expected of them."""
    n = jobs.number.size
    deadline = np.rint(jobs.hours_to_deadline / outlook.step_h).astype(np.int64)
    work = np.maximum(jobs.expected_gpu_h, 1e-6)
    where: dict[str, Any] = {"arrival_step": np.zeros(n, np.int64), "deadline_step": deadline, "origin": jobs.region}
    sizes = {"gpus": jobs.gpus, "work_gpu_h": work, "estimate_gpu_h": work, "data_gb": jobs.data_gb}
    return where | sizes | {"job_class": jobs.job_class}
