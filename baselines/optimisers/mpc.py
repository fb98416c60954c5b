"""Model predictive control: each hour, a linear program plans the next day or two and the first hour is applied."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from wattward.baselines.demand import (
    Items,
    items_present,
    items_to_come,
    joined,
    true_items_to_come,
    work_of,
)
from wattward.baselines.optimisers.mpc_modes import Weights, nearest_modes
from wattward.baselines.optimisers.mpc_program import Plan, Start, plan
from wattward.baselines.optimisers.mpc_sites import Ahead, look_ahead
from wattward.baselines.rules.rule import Rule
from wattward.envs.decisions.action import StoreOrder
from wattward.envs.model.types import Floats, Ints
from wattward.envs.policy.outlook import Outlook
from wattward.envs.policy.protocol import Modes, Sight

BLOCK_H = 1.0
"""Length of the plan's blocks, and time between two plans. Planning every quarter of an hour scores lower (measured on
training episodes). The modes can follow a plan only roughly, and with frequent planning no plan is carried through."""


class PlanTuning(NamedTuple):
    """Parameters of a plan, chosen on training episodes (docs/optimisers.md)."""

    urgency: float
    """Cost in the plan of delaying a GPU-hour by one hour, as a share of its mean price. Real work is not fluid and
    estimates err, so a plan that waits for the last cheap hour would be late."""
    fill: float
    """Share of the free GPU-hours that a plan counts on."""
    left_quantile: float
    """Work that is unfinished when the plan ends is charged at this quantile of the plan's prices."""
    trusted_h: float
    """How far ahead a plan counts on differences of price and on moves. Later, work runs where it is, at the price of
    work that is left."""
    arrivals_h: float
    """How far ahead a plan counts expected arrivals. Later, it only has the jobs present."""


class Tuning(NamedTuple):
    """Parameters of a plan and of its translation into modes."""

    plan: PlanTuning
    weights: Weights
    """Weights of the penalties on a mode."""


TUNING = Tuning(
    PlanTuning(urgency=0.03, fill=0.95, left_quantile=0.35, trusted_h=24.0, arrivals_h=24.0),
    Weights(mix=0.5, over=3.0),
)
"""The tuning of every look-ahead."""


class Mpc(Rule):
    """Plans the coming hours as fluid work and takes the modes whose dispatch comes closest to the plan's first hour.

    Source: the receding horizon of price-aware job scheduling, such as Lin, Wierman, Andrew and Thereska, "Dynamic
    right-sizing for power-proportional data centers", INFOCOM 2011, and Rao, Liu, Xie and Liu, "Minimizing Electricity
    Cost: Optimization of Distributed Internet Data Centers in a Multi-Electricity-Market Environment", INFOCOM 2010.
    The plan uses forecasts, owners' estimates, deadlines, the scenario's mean arrivals, links, contracts, the peaks so
    far and announced cuts. Beyond the forecast horizon it repeats the day before. It ignores that rigid jobs cannot be
    split. It includes only the stores that actions control.
    """

    def __init__(self, hours: int, *, perfect: bool = False, tuning: Tuning = TUNING) -> None:
        """Makes the policy.

        Args:
            hours: how far it looks ahead.
            perfect: whether it sees the true world and the true future jobs. This is a diagnostic, not a method.
            tuning: parameters.
        """
        self.name = f"MPC-{hours}{'-perfect' if perfect else ''}"
        self.sees: Sight = "everything" if perfect else "what may be known"
        self.hours, self.tuning = hours, tuning

    def reset(self, outlook: Outlook, rng: np.random.Generator) -> None:  # noqa: ARG002 - nothing here is random
        """Forgets the last plan."""
        self._plan: Plan | None = None

    def act(self, outlook: Outlook) -> Modes:
        """Modes of this step, and orders to the stores if actions control them in the scenario."""
        block_steps = max(1, round(BLOCK_H / outlook.step_h))
        if self._plan is None or outlook.step % block_steps == 0:
            self._plan = make_plan(outlook, self.hours, block_steps, self.tuning.plan).plan
        block_h = block_steps * outlook.step_h
        own, pulled = self._plan.own_gpu_h[0] / block_h, self._plan.pulled_gpu_h[0] / block_h
        modes = nearest_modes(outlook, own, pulled, self._plan.peak_kw, self.tuning.weights)
        return np.concatenate([modes, store_orders(outlook, self._plan)])


class Planned(NamedTuple):
    """A plan and the charges that it was made with."""

    plan: Plan
    start: Start


def make_plan(outlook: Outlook, hours: int, block_steps: int, tuning: PlanTuning) -> Planned:
    """Plans the present jobs and the expected arrivals.

    Args:
        outlook: the present step; if it is perfect, the plan knows the true arrivals.
        hours: how far the plan reaches.
        block_steps: steps in a block.
        tuning: parameters of the plan.
    """
    to_end = -(-(outlook.n_steps - outlook.step) // block_steps)
    n_blocks = min(round(hours / BLOCK_H), to_end)
    known_h = (hours, hours) if outlook.truth is not None else (tuning.trusted_h, tuning.arrivals_h)
    n_trusted, n_expected = (min(n_blocks, round(known / BLOCK_H)) for known in known_h)
    ahead = look_ahead(outlook, n_blocks, block_steps, tuning.fill)
    items = joined(items_present(outlook), _to_come(outlook, n_expected, block_steps))
    work = work_of(items, outlook.n_regions, np.cumsum(ahead.hours))
    start = start_of(outlook, ahead, tuning, n_trusted, to_the_end=n_blocks == to_end)
    price, later = ahead.grid_price_per_kwh, ~start.trusted[:, None]
    ahead = ahead._replace(grid_price_per_kwh=np.where(later, _left_price(price[:n_trusted], tuning), price))
    return Planned(plan(outlook.params, ahead, work, start), start)


def _to_come(outlook: Outlook, n_blocks: int, block_steps: int) -> Items:
    if outlook.truth is not None:
        return true_items_to_come(outlook, outlook.truth.world, n_blocks * block_steps)
    return items_to_come(outlook, n_blocks, block_steps)


def _left_price(price_per_kwh: Floats, tuning: PlanTuning) -> Floats:
    """The price of the power of work that is left, by the prices of M blocks, from shape (M, R) to (R,)."""
    price: Floats = np.quantile(np.maximum(0.0, price_per_kwh), tuning.left_quantile, axis=0)
    return price


def start_of(outlook: Outlook, ahead: Ahead, tuning: PlanTuning, n_trusted: int, *, to_the_end: bool) -> Start:
    """The present state, and the charges of a plan that trusts its first blocks, and may end before the episode.

    A peak is paid for once and then used for the rest of the episode. So a plan that knows a part of the rest is
    charged that part of the price.
    """
    p, sites = outlook.params, outlook.site_state
    price = ahead.grid_price_per_kwh[:n_trusted]
    worth = _left_price(price, tuning)
    left_h = (outlook.n_steps - outlook.step) * outlook.step_h
    share = min(1.0, float(ahead.hours[:n_trusted].sum()) / left_h)
    return Start(
        peak_kw=sites["peak_kw"],
        stored_kwh=outlook.stored_kwh,
        link_gb_per_h=p.wan_gb_per_step[0] * outlook.wan_share / outlook.step_h,
        demand_charge_per_kw=share * p.demand_charge_per_kw[0],
        left_cost_per_gpu_h=p.terminal_cost_per_gpu_h[0] if to_the_end else worth * ahead.kw_per_gpu,
        store_cost_per_kwh=np.zeros_like(worth) if to_the_end else worth,
        urgency_cost_per_gpu_h=tuning.urgency * float((np.maximum(0.0, price) * ahead.kw_per_gpu).mean()),
        trusted=np.arange(ahead.hours.size) < n_trusted,
    )


def store_orders(outlook: Outlook, made: Plan) -> Ints:
    """Orders to the stores that actions control, in the sequence of their entries in the action."""
    entry = outlook.params.store_entry[0]
    ordered = sorted(zip(*np.nonzero(entry >= 0), strict=True), key=lambda place: int(entry[place]))
    orders = [_order(float(made.into_kw[0][place]), float(made.out_kw[0][place])) for place in ordered]
    return np.array(orders, dtype=np.int64)


def _order(into_kw: float, out_kw: float) -> int:
    if max(into_kw, out_kw) < 1e-3:
        return int(StoreOrder.IDLE)
    return int(StoreOrder.CHARGE if into_kw > out_kw else StoreOrder.DISCHARGE)
