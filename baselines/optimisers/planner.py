"""A planner that searches over modes with the simulator itself, on forecasts and estimates alone."""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray

from wattward.baselines.optimisers.rollouts import Imagined, forecast_worlds, reach
from wattward.envs.decisions.action import Mode, n_entries
from wattward.envs.model.types import Exogenous, Floats, Ints
from wattward.envs.policy.outlook import Outlook
from wattward.envs.policy.protocol import Modes

N_CHOICES = len(Mode)
LONGEST_BLOCK_H = 3.0
QUANTILES = (0.2, 0.35, 0.5, 0.65, 0.8)
"""Of the coming prices: plans that run below one of them, region by region, are among the first that are tried."""


class Planner:
    """Cross-entropy search over the actions of the coming day, anew every hour.

    A plan holds one action over each block of the day; blocks end where any region's price changes. Each entry of each
    block has a chance for every choice. Plans are drawn from these, played in imagined futures, and the chances moved
    towards what the best plans did. The next search starts from the last one's chances, moved on in time, and from
    plans that run where prices are low.
    """

    def __init__(
        self,
        name: str = "Planner",
        *,
        horizon_h: float = 24.0,
        replan_h: float = 1.0,
        n_plans: int = 96,
        rounds: int = 4,
        samples: int = 4,
        left_price: float = 0.9,
    ) -> None:
        """A planner.

        Args:
            name: Of the method.
            horizon_h: How far it looks ahead, at most the forecasts' horizon.
            replan_h: How long it keeps to a decision.
            n_plans: Plans drawn in a round.
            rounds: Rounds of drawing.
            samples: Draws of arrivals to come that each plan meets.
            left_price: Quantile of the coming prices at which work left at the horizon is valued.
        """
        self.name = name
        self._horizon_h, self._replan_h = horizon_h, replan_h
        self._n_plans, self._rounds, self._samples, self._left_price = n_plans, rounds, samples, left_price

    def reset(self, outlook: Outlook, rng: np.random.Generator) -> None:
        """Forgets the last episode's plan."""
        entries = n_entries(outlook.scenario)
        steps = round(self._horizon_h / outlook.step_h)
        self._chances = np.full((steps, entries, N_CHOICES), 1.0 / N_CHOICES)
        self._rng, self._action = rng, np.zeros(entries, np.int64)

    def act(self, outlook: Outlook) -> Modes:
        """The first action of the best plan found, kept until the next search."""
        if outlook.step % max(1, round(self._replan_h / outlook.step_h)) == 0:
            self._search(outlook)
        return self._action

    def _search(self, outlook: Outlook) -> None:
        worlds = self._worlds(outlook, reach(outlook, len(self._chances)))
        futures = Imagined(outlook, worlds, self._n_plans, left_price=self._left_price)
        replan = max(1, round(self._replan_h / outlook.step_h))
        blocks = _blocks(outlook, futures.n_steps, replan)
        starts = np.cumsum(blocks) - blocks
        moved = np.concatenate([self._chances[replan:], np.full_like(self._chances[:replan], 1.0 / N_CHOICES)])
        chances = 0.7 * moved[starts + blocks // 2] + 0.3 / N_CHOICES
        first = _by_price(outlook, starts, blocks, chances.shape[1])[: self._n_plans // 2]
        best, best_cost = first[0], np.inf
        for _ in range(self._rounds):
            plans = self._drawn(chances)
            plans[: len(first)] = first
            costs = futures.play(plans, blocks)
            order = np.argsort(costs, kind="stable")
            if costs[order[0]] < best_cost:
                best, best_cost = plans[order[0]].copy(), float(costs[order[0]])
            chances, first = _towards(chances, plans[order[: max(2, self._n_plans // 8)]]), best[None]
        self._chances[: futures.n_steps] = np.repeat(chances, blocks, axis=0)[: futures.n_steps]
        self._action = best[0].astype(np.int64)

    def _worlds(self, outlook: Outlook, n_steps: int) -> list[Exogenous]:
        return forecast_worlds(outlook, n_steps, self._rng, self._samples)

    def _drawn(self, chances: Floats) -> NDArray[np.int64]:
        draws = self._rng.random((self._n_plans, *chances.shape[:2], 1))
        plans: NDArray[np.int64] = (draws > chances.cumsum(axis=2)[None, ..., :-1]).sum(axis=3)
        return plans


def _blocks(outlook: Outlook, n_steps: int, first: int) -> Ints:
    """Steps of each block: the first lasts until the next search, others end where a price changes or grow too long."""
    price = outlook.price_forecast_per_kwh[:n_steps]
    changes = set((np.flatnonzero((np.diff(price, axis=0) != 0).any(axis=1)) + 1).tolist())
    longest, edges = round(LONGEST_BLOCK_H / outlook.step_h), [0]
    for step in range(1, n_steps):
        if step == first or (step > first and (step in changes or step - edges[-1] >= longest)):
            edges.append(step)
    return np.diff([*edges, n_steps]).astype(np.int64)


def _by_price(outlook: Outlook, starts: Ints, blocks: Ints, entries: int) -> NDArray[np.int64]:
    """Plans that run or pull below a quantile of each region's prices, and soak or hold above it."""
    regions = outlook.n_regions
    price = outlook.price_forecast_per_kwh[starts + blocks // 2]
    plans = []
    for quantile, low, high in product(QUANTILES, (Mode.PULL, Mode.RUN), (Mode.SOAK, Mode.HOLD)):
        plan = np.zeros((starts.size, entries), np.int64)
        each = price <= np.quantile(outlook.price_forecast_per_kwh, quantile, axis=0)
        whole = price <= np.quantile(outlook.price_forecast_per_kwh, quantile)
        for cheap in (each, whole):
            plan[:, :regions] = np.where(cheap, low, high)
            plans.append(plan.copy())
    plans += [np.where(np.arange(entries) < regions, mode, 0) * np.ones((starts.size, 1), np.int64) for mode in Mode]
    return np.array(plans)


def _towards(chances: Floats, elite: NDArray[np.int64]) -> Floats:
    """The chances, moved towards how often the elite chose each."""
    chosen = (elite[..., None] == np.arange(N_CHOICES)).mean(axis=0)
    moved: Floats = 0.3 * chances + 0.7 * chosen
    return 0.97 * moved + 0.03 / N_CHOICES
