"""The compiled entries of the index: forecast blocks and orders of one step, and whole episodes of a bank."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from wattward.baselines.index.decide import decide
from wattward.baselines.index.parameters import Numbers
from wattward.baselines.index.supply import fill_blocks
from wattward.baselines.index.table import DONE_GPU_H, LATE_GPU_H, LEFT_GPU_H, TOTAL_COST
from wattward.envs.kernels import entries as steps
from wattward.envs.kernels.codes import NO_ERROR, ORDERS, QUEUE_FULL
from wattward.envs.kernels.compiling import digest_of, entry, inlined
from wattward.envs.kernels.fleet import Fleet, flow_numbers, opened
from wattward.envs.kernels.stores import BY_RULE
from wattward.envs.model import layout, site_model, types
from wattward.envs.model.layout import MOVABLE, Rows
from wattward.envs.model.types import RUNNING, Floats, Ints


class Entries(NamedTuple):
    """The compiled functions."""

    blocks: Callable[[Rows, Rows, Rows, Floats, Floats, Floats, int, int, Floats], int]
    orders: Callable[..., None]
    play: Callable[[Ints, int, Floats, Ints, Floats, Numbers, Floats], int]


@inlined
def _take(fleet: Fleet, run_in: Ints, limit_gpus: Floats, rank: Floats) -> None:
    """Gives the orders to the movable jobs of environment 0."""
    e, queue, movable = fleet.env[0], fleet.queue[0], fleet.picks[0, MOVABLE]
    e.ordered, e.ranked, e.limited, e.runs_due = 1, 1, 1, 0
    for i in range(e.n_movable):
        k = movable[i]
        queue[k].order, queue[k].limit_gpus, queue[k].rank = run_in[k] + 1, limit_gpus[k], rank[k]


@inlined
def _set_cooling(sites: Rows, now: Rows, air_c: Floats) -> None:
    for r in range(sites.size):
        now[r].pue, now[r].fixed_kw = site_model.cooling_line(sites[r], air_c[r])


@inlined
def _count_locked(regions: Rows, queue: Rows) -> None:
    for k in range(queue.size):
        if queue[k].status == RUNNING and not queue[k].preemptible:
            regions[queue[k].region].locked_gpus += queue[k].gpus


def _entries(sources: int) -> Entries:
    """Makes the entries. They close over the digest of their sources, so that a change invalidates Numba's cache."""

    @entry
    def blocks(
        scenario: Rows,
        sites: Rows,
        now: Rows,
        air_c: Floats,
        forecasts: Floats,
        known: Floats,
        first_steps: int,
        steps_of_block: int,
        out: Floats,
    ) -> int:
        """Fills the cooling of `now` at an air temperature (R,), and forecast blocks, see `supply.fill_blocks`."""
        _ = sources
        _set_cooling(sites, now, air_c)
        return fill_blocks(scenario[0], sites, now, forecasts, known, first_steps, steps_of_block, out)

    @entry
    def orders(
        scenario: Rows,
        sites: Rows,
        classes: Rows,
        now: Rows,
        regions: Rows,
        queue: Rows,
        step: int,
        ahead: Floats,
        n_blocks: int,
        arrivals: Floats,
        numbers: Numbers,
        run_in: Ints,
        limit_gpus: Floats,
        rank: Floats,
    ) -> None:
        """Writes the orders of one step, see `decide.decide`; counts the GPUs that are locked in each region."""
        _ = sources
        p, n_jobs = scenario[0], queue.size
        _count_locked(regions, queue)
        decide(
            *(p, sites, classes, now, regions, queue, n_jobs, step, ahead, n_blocks, arrivals, numbers),
            *(run_in, limit_gpus, rank),
        )

    @entry
    def play(
        a: Ints, slot: int, ahead: Floats, n_blocks: Ints, arrivals: Floats, numbers: Numbers, sums: Floats
    ) -> int:
        """Plays episode `slot` in environment 0; returns NO_ERROR, or QUEUE_FULL if the queue is too short.

        Args:
            a: the table of addresses of a batch.
            slot: the episode's place in the bank.
            ahead: its forecast blocks by step, (T, H, R, N_AHEAD).
            n_blocks: how many there are by step, (T,).
            arrivals: work expected to arrive by step [GPU-h], (T,).
            numbers: the parameters.
            sums: receives the sums, (N_SUMS,).
        """
        _ = sources
        fleet, flows = opened(a), flow_numbers(a)
        steps.begin_episode(fleet, flows, 0, slot)
        for i in range(fleet.regions.shape[1], fleet.modes.shape[1]):
            fleet.modes[0, i] = BY_RULE
        steps.tell_stores(fleet, 0)
        places = fleet.queue.shape[1]
        run_in, limit_gpus, rank = np.empty(places, np.int64), np.empty(places), np.empty(places)
        for i in range(sums.size):
            sums[i] = 0.0
        for t in range(fleet.scenario[0].n_steps):
            e = fleet.env[0]
            if e.n_active + a[-1] > places:
                return QUEUE_FULL
            p, now, queue = fleet.scenario[0], fleet.hours[slot, t], fleet.queue[0]
            decide(
                *(p, fleet.sites[0], fleet.classes[0], now, fleet.regions[0], queue, e.n_active, t),
                *(ahead[t], n_blocks[t], arrivals, numbers, run_in, limit_gpus, rank),
            )
            _take(fleet, run_in, limit_gpus, rank)
            steps.take_step(fleet, flows, 0, ORDERS)
            sums[TOTAL_COST] += steps.step_cost(fleet, 0)
            sums[LEFT_GPU_H] = 0.0
            for r in range(fleet.flows.shape[1]):
                flow = fleet.flows[0, r]
                sums[LATE_GPU_H] += flow.late_gpu_h
                sums[DONE_GPU_H] += flow.done_gpu_h
                sums[LEFT_GPU_H] += flow.waiting_gpu_h + flow.transit_gpu_h
        return NO_ERROR

    return Entries(blocks, orders, play)


_KERNELS = Path(str(steps.__file__)).parent.glob("*.py")
_MODEL = [Path(str(module.__file__)) for module in (layout, site_model, types)]
_PARTS = ("decide", "plan", "supply", "table", "parameters", "kernels")
_HERE = [Path(__file__).with_name(f"{name}.py") for name in _PARTS]
write_blocks, write_orders, play_week = _entries(digest_of(*_KERNELS, *_MODEL, *_HERE))
