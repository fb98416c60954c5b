"""A planner that searches over modes with the simulator, using only forecasts and estimates."""

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
"""Quantiles of the coming prices. The first plans tried include those that run below one of these in each region."""


class Planner:
    """Cross-entropy search over the actions of the coming day, repeated every hour.

    A plan has one action for each block of the day. A block ends when the price of any region changes. Each entry of
    each block has a probability for every choice. Plans are drawn from these probabilities and played in simulated
    futures. Then the probabilities are moved towards the choices of the best plans. The next search starts from the
    last probabilities, shifted in time, and from plans that run where prices are low.
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
        """Makes a planner.

        Args:
            name: Name of the method.
            horizon_h: How far it looks ahead, at most the forecast horizon.
            replan_h: How long it keeps a decision.
            n_plans: Number of plans drawn in a round.
            rounds: Number of rounds.
            samples: Number of draws of future arrivals against which each plan is played.
            left_price: Quantile of the coming prices at which work that is unfinished at the horizon is valued.
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
    """Number of steps of each block.

    The first block lasts until the next search. Each other block ends where a price changes, or at the longest length.
    """
    price = outlook.price_forecast_per_kwh[:n_steps]
    changes = set((np.flatnonzero((np.diff(price, axis=0) != 0).any(axis=1)) + 1).tolist())
    longest, edges = round(LONGEST_BLOCK_H / outlook.step_h), [0]
    for step in range(1, n_steps):
        if step == first or (step > first and (step in changes or step - edges[-1] >= longest)):
            edges.append(step)
    return np.diff([*edges, n_steps]).astype(np.int64)


def _by_price(outlook: Outlook, starts: Ints, blocks: Ints, entries: int) -> NDArray[np.int64]:
    """Plans that RUN or PULL below a quantile of each region's prices, and SOAK or HOLD above it."""
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
    """The probabilities, moved towards the frequencies of the choices in the best plans."""
    chosen = (elite[..., None] == np.arange(N_CHOICES)).mean(axis=0)
    moved: Floats = 0.3 * chances + 0.7 * chosen
    return 0.97 * moved + 0.03 / N_CHOICES
