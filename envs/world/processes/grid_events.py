"""Requests of the grid to cut power: when, how much, and from when on they are known."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from wattward.configs.schema.scenario import Scenario
from wattward.envs.model.types import Floats


class Cuts(NamedTuple):
    """Requests by step and region."""

    asked_kw: Floats  # (N, R) now
    announced_kw: Floats  # (N, R) asked for now or announced
    announced_in_h: Floats  # (N, R) until then; 0 where nothing is announced


def draw_cuts(scenario: Scenario, n: int, baseline_kw: Floats, rng: np.random.Generator) -> Cuts:
    """Requests of one episode, which starts at midnight.

    Args:
        scenario: its programme, regions and step.
        n: steps N.
        baseline_kw: what a cut is a share of, shape (R,).
        rng: draws days and hours, region by region in the programme's order.
    """
    cuts = Cuts(*(np.zeros((n, scenario.n_regions)) for _ in Cuts._fields))
    programme = scenario.grid_events
    if programme is None:
        return cuts
    step_h = scenario.step_h
    length, notice = max(1, round(programme.hours / step_h)), round(programme.notice_h / step_h)
    first, last = (round(hour / step_h) for hour in programme.between_hours)
    names = [region.name for region in scenario.regions]
    for name in programme.regions:
        r = names.index(name)
        days = range(int(np.ceil(n * step_h / 24)))
        happens = rng.random(len(days)) < programme.chance_per_day
        starts = rng.integers(first, last - length + 1, len(days)) + np.arange(len(days)) * round(24 / step_h)
        for start in starts[happens].tolist():
            _ask(cuts, r, start, length, notice, programme.cut_share * float(baseline_kw[r]), step_h)
    return cuts


def _ask(cuts: Cuts, r: int, start: int, length: int, notice: int, cut_kw: float, step_h: float) -> None:
    """Writes one request; a notice that reaches back to an earlier request begins when that has ended."""
    n = cuts.asked_kw.shape[0]
    end, known = min(n, start + length), max(0, start - notice)
    while known < start and known < n and cuts.announced_kw[known, r] > 0:
        known += 1
    cuts.asked_kw[start:end, r] = cut_kw
    cuts.announced_kw[known:end, r] = cut_kw
    ahead = np.arange(known, min(n, start))
    cuts.announced_in_h[ahead, r] = (start - ahead) * step_h
