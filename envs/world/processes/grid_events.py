"""Requests of the grid to cut power: their times, sizes and announcements."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from wattward.configs.schema.scenario import Scenario
    from wattward.envs.model.types import Floats


class Cuts(NamedTuple):
    """Requests by step and region."""

    asked_kw: Floats  # (N, R) now
    announced_kw: Floats  # (N, R) requested now or announced
    announced_in_h: Floats  # (N, R) time until the cut; 0 if none is announced


def draw_cuts(scenario: Scenario, n: int, baseline_kw: Floats, rng: np.random.Generator) -> Cuts:
    """Draws the requests of one episode, which starts at midnight.

    Args:
        scenario: the scenario with its programme.
        n: number of steps N.
        baseline_kw: reference power of the cuts, shape (R,).
        rng: draws days and hours, region by region in the order of the programme.
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
        happens, place = rng.random((2, len(days)))
        starts = first + np.floor(place * (last - length + 1 - first)).astype(np.int64)
        starts += np.arange(len(days)) * round(24 / step_h)
        for start in starts[happens < programme.chance_per_day].tolist():
            _ask(cuts, r, start, length, notice, programme.cut_share * float(baseline_kw[r]), step_h)
    return cuts


def _ask(cuts: Cuts, r: int, start: int, length: int, notice: int, cut_kw: float, step_h: float) -> None:
    """Writes one request. Its announcement begins at the earliest when the previous request has ended."""
    n = cuts.asked_kw.shape[0]
    end, known = min(n, start + length), max(0, start - notice)
    while known < start and known < n and cuts.announced_kw[known, r] > 0:
        known += 1
    cuts.asked_kw[start:end, r] = cut_kw
    cuts.announced_kw[known:end, r] = cut_kw
    ahead = np.arange(known, min(n, start))
    cuts.announced_in_h[ahead, r] = (start - ahead) * step_h
