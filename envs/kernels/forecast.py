"""Forecasts: the expectation of coming sun, wind, requests and carbon, given all that is known now.

The latent of a signal (see `Signals`) is followed along the lead. At each lead its expectation decays and moves by the
part of that step's innovation that is known so far ahead. So a forecast never changes in a way that could be foreseen:
forecasts are martingales.

The signal itself is a function of the latent, given as a sum of Hermite polynomials. With the expectation m of the
latent and its variance q over all that may be known, the expectation of the polynomial of order p is h(p), where
h(0) = 1, h(1) = m and h(p+1) = m h(p) - p q h(p-1). Sums that end at a low order are martingales, too.

The observation needs the forecasts that are issued at many steps, an outlook those of one. Both call `expect`. Its
loops over steps are short and few arrays take part in each, so that they are vectorised.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wattward.envs.kernels.compiling import inlined
from wattward.envs.model.types import SUN, Floats, Ints, Signals

SLOW, FAST, DAYS, VARIANCE, MEAN, OLDER, NEWER, N_TRACKED = 0, 1, 2, 3, 4, 5, 6, 7
"""Rows of what is followed along the lead: parts of the latent's expectation, its variance, and polynomials."""


class ForecastTables(NamedTuple):
    """What forecasts need to know of a scenario."""

    level_of_lead: Ints  # (L,) place in `Signals.ahead` of what is known at each lead
    is_seen: NDArray[np.bool_]  # (4, L) whether a quantity is fully known at a lead
    explained: Floats  # (4, L) share of a quantity's variance that is known, by design
    blur: Floats  # (4, L) weight of false news
    variance: Floats  # (2, R, L) of the expected slow and fast parts of the latents of sun and wind
    day_share: Floats  # (R,) variance of the part of the sun's latent by whole days
    day_known: Floats  # (K, R) share of that part's innovations that is known at leads up to each level


@inlined
def expect(
    x: Signals,
    tables: ForecastTables,
    i: int,
    r: int,
    first: int,
    lead: int,
    gain: float,
    least: float,
    tracked: Floats,
    out: Floats,
) -> None:
    """Fills the expectation of signal `i` in region `r` by lead and step of issue.

    Leads may be taken in parts, in ascending order.

    Args:
        x: what forecasts are made of (B = 1).
        tables: the tables of the scenario.
        i: the signal.
        r: the region.
        first: the first step of issue.
        lead: the first lead, 1 or the one after the last part.
        gain: factor on the expectation.
        least: the least value that is filled in.
        tracked: what is followed along the lead, shape (N_TRACKED, steps of issue).
        out: receives the expectations, shape (leads, steps of issue).
    """
    ahead, response, day_start, changes = x.ahead[0, i, r], x.response[0, i, r], x.day_start[0, r], x.days[0, r]
    has_days, is_linear = i == SUN and day_start.size > 0, response.shape[0] == 2 or i > 1
    memory, within, orders = x.memory[0, i, r], tables.variance[min(i, 1), r], response.shape[0] - 1
    slow, fast, days, mean = tracked[SLOW], tracked[FAST], tracked[DAYS], tracked[MEAN]
    variance, older, newer = tracked[VARIANCE], tracked[OLDER], tracked[NEWER]
    if lead == 1:
        _begin(x, tables, i, r, first, tracked)
    for place in range(out.shape[0]):
        level, at = tables.level_of_lead[lead + place], max(0, first + lead + place)
        if has_days:
            known = tables.day_known[level, r] * tables.day_share[r]
            _follow_days(x.days_kept[0, r], day_start, changes, level, known, at, days, variance)
        _follow(memory, ahead, level, at, slow, fast, days, mean)
        if is_linear:
            for s in range(mean.size):
                out[place, s] = max(least, gain * (response[0, at + s] + response[1, at + s] * mean[s]))
        else:
            lowest, known = least if orders == 3 else -np.inf, within[lead + place]
            _expect_cubic(response, at, known, mean, variance, place, gain, lowest, out)
            for order in range(4, orders + 1):
                lowest = least if order == orders else -np.inf
                _add_order(response, order, at, known, mean, variance, older, newer, place, gain, lowest, out)
        if x.impact.shape[1] > 0:
            _weigh(x.impact[0, i, r], tables.explained[i, lead + place], at, out[place])


@inlined
def _begin(x: Signals, tables: ForecastTables, i: int, r: int, first: int, tracked: Floats) -> None:
    at, n = max(0, first), tracked.shape[1]
    for s in range(n):
        tracked[SLOW, s], tracked[FAST, s] = x.slow[0, i, r, at + s], x.fast[0, i, r, at + s]
        tracked[DAYS, s], tracked[VARIANCE, s] = 0.0, 0.0
    if i == SUN:
        for d in range(x.day_start.shape[2]):
            for s in range(max(0, x.day_start[0, r, d] - first), n):
                tracked[DAYS, s], tracked[VARIANCE, s] = x.days[0, r, 0, d], tables.day_share[r]


@inlined
def _follow(
    memory: Floats, ahead: Floats, level: int, at: int, slow: Floats, fast: Floats, days: Floats, mean: Floats
) -> None:
    """Moves the slow and the fast part to the next lead, and sets the mean to the sum of all parts."""
    a, b, alpha, beta = memory[0], memory[1], memory[2], memory[3]
    if beta == 0.0:
        for s in range(slow.size):
            slow[s] = a * slow[s] + alpha * ahead[level, at + s]
            mean[s] = slow[s] + days[s]
    else:
        for s in range(slow.size):
            slow[s] = a * slow[s] + alpha * ahead[level, at + s]
            fast[s] = b * fast[s] + beta * ahead[level, at + s]
            mean[s] = slow[s] + fast[s]


@inlined
def _follow_days(
    kept: float, start: Ints, changes: Floats, level: int, known: float, at: int, days: Floats, variance: Floats
) -> None:
    """Moves the part by whole days to the next lead. It changes only where a day starts that many steps ahead."""
    for d in range(1, start.size):
        s = start[d] - at
        if 0 <= s < days.size:
            days[s] = kept * days[s] + changes[1 + level, d]
            variance[s] = kept * kept * variance[s] + (1.0 - kept * kept) * known


@inlined
def _expect_cubic(
    response: Floats,
    at: int,
    within: float,
    mean: Floats,
    variance: Floats,
    place: int,
    gain: float,
    least: float,
    out: Floats,
) -> None:
    """The terms up to the third order."""
    for s in range(mean.size):
        m, q = mean[s], within + variance[s]
        square = m * m - q
        curved = response[2, at + s] * square + response[3, at + s] * m * (square - 2.0 * q)
        out[place, s] = max(least, gain * (response[0, at + s] + response[1, at + s] * m + curved))


@inlined
def _add_order(
    response: Floats,
    order: int,
    at: int,
    within: float,
    mean: Floats,
    variance: Floats,
    older: Floats,
    newer: Floats,
    place: int,
    gain: float,
    least: float,
    out: Floats,
) -> None:
    """Adds the term of an order from 4 on; the terms below it have been added."""
    if order == 4:
        for s in range(mean.size):
            older[s] = mean[s] * mean[s] - within - variance[s]
            newer[s] = mean[s] * (older[s] - 2.0 * (within + variance[s]))
    for s in range(mean.size):
        polynomial = mean[s] * newer[s] - (order - 1) * (within + variance[s]) * older[s]
        older[s], newer[s] = newer[s], polynomial
    for s in range(mean.size):
        out[place, s] = max(least, out[place, s] + gain * response[order, at + s] * newer[s])


@inlined
def _weigh(impact: Floats, share: float, at: int, value: Floats) -> None:
    """Applies disturbances as far as they show at this lead."""
    for s in range(value.size):
        value[s] *= 1.0 + share * (impact[at + s] - 1.0)


@inlined
def settle(
    x: Signals, tables: ForecastTables, truth: Floats, q: int, r: int, first: int, lead: int, out: Floats
) -> None:
    """Turns expectations of quantity `q` in region `r` into its forecasts, by lead and step of issue.

    Args:
        x: what forecasts are made of (B = 1).
        tables: the tables of the scenario.
        truth: the quantity as it will be, shape (N,); seen at leads at which all is known.
        q: the quantity.
        r: the region.
        first: the first step of issue.
        lead: the first lead.
        out: expectations; becomes forecasts, never negative, shape (leads, steps of issue).
    """
    is_seen, blur, has_false_news = tables.is_seen[q], tables.blur[q], x.false_news.shape[1] > 0
    for place in range(out.shape[0]):
        at = max(0, first + lead + place)
        if is_seen[lead + place]:
            for s in range(out.shape[1]):
                out[place, s] = truth[at + s]
        elif has_false_news:
            weight = blur[lead + place]
            for s in range(out.shape[1]):
                out[place, s] = max(0.0, out[place, s] + weight * x.false_news[0, q, r, at + s])
        else:
            for s in range(out.shape[1]):
                out[place, s] = max(0.0, out[place, s])


@inlined
def issue(x: Signals, tables: ForecastTables, truth: Floats, step: int, out: Floats) -> None:
    """Fills the forecasts of all quantities that are issued at one step.

    Args:
        x: what forecasts are made of (B = 1).
        tables: the tables of the scenario.
        truth: the quantities as they will be, shape (4, R, N); seen at lead 0 and at leads at which all is known.
        step: the step of issue.
        out: receives the forecasts, shape (4, L, R).
    """
    n_signals, n_later = x.slow.shape[1], out.shape[1] - 1
    tracked, expected = np.empty((N_TRACKED, 1)), np.empty((n_signals, n_later, 1))
    total = np.empty((n_later, 1))
    for r in range(out.shape[2]):
        for i in range(n_signals):
            expect(x, tables, i, r, step, 1, 1.0, -np.inf, tracked, expected[i])
        for q in range(4):
            total[:] = x.mix[0, q, r, 0]
            for i in range(n_signals):
                gain = x.mix[0, q, r, 1 + i]
                for place in range(n_later):
                    total[place, 0] += gain * expected[i, place, 0]
            settle(x, tables, truth[q, r], q, r, step, 1, total)
            out[q, 0, r] = truth[q, r, step]
            for place in range(n_later):
                out[q, 1 + place, r] = total[place, 0]
