"""Forecasts: the expectation of coming sun, wind, requests and carbon, given all that is known now.

The latent of a signal (see `Signals`) is followed along the lead. At each lead its expectation decays and moves by the
part of that step's innovation that is known so far ahead. So a forecast never changes in a way that could be foreseen:
forecasts are martingales.

The signal itself is a function of the latent, given as a sum of Hermite polynomials. With the expectation m of the
latent and its variance q over all that may be known, the expectation of the polynomial of order p is h(p), where
h(0) = 1, h(1) = m and h(p+1) = m h(p) - p q h(p-1). Sums that end at a low order are martingales, too.

The observation needs the forecasts that are issued at many steps, in single precision; an outlook needs those of one
step, in double precision. Both call `expect`. Its loops over steps are short, few arrays take part in each, and no
number in them has another precision than the arrays, so that they are vectorised.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wattward.envs.kernels.compiling import inlined
from wattward.envs.model.types import SUN, WIND, Floats, Ints, Signals

Reals = NDArray[Any]
"""Floating-point numbers of either precision; all arrays and numbers of a call have the same."""
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


class Latent(NamedTuple):
    """What is known of one signal in one region, and what forecasts of it need to know of the scenario.

    Signals without a part by whole days have D = 0, those without disturbances an empty `impact`.
    """

    response: Reals  # (1 + P, N)
    slow: Reals  # (N,)
    fast: Reals  # (N,)
    memory: Reals  # (4,)
    ahead: Reals  # (K, N)
    within: Reals  # (L,) variance of the expected slow and fast parts; empty if it is not needed
    day_start: Ints  # (D,)
    days: Floats  # (1 + K, D)
    days_kept: float
    day_share: float
    day_known: Floats  # (K,)
    explained: Reals  # (L,)
    impact: Reals  # (N,) or (0,)


@inlined
def _orders_of(x: Signals, i: int) -> int:
    """Number of coefficients of signal `i`; only sun and wind have more than two."""
    return x.response.shape[3] if i in (SUN, WIND) else 2


@inlined
def latent_of(x: Signals, tables: ForecastTables, i: int, r: int) -> Latent:
    """Signal `i` in region `r`, in double precision (B = 1)."""
    n_days, n_impact = x.day_start.shape[2] if i == SUN else 0, x.slow.shape[3] if x.impact.shape[1] > 0 else 0
    return Latent(
        x.response[0, i, r, : _orders_of(x, i)],
        x.slow[0, i, r],
        x.fast[0, i, r],
        x.memory[0, i, r],
        x.ahead[0, i, r],
        tables.variance[min(i, WIND), r],
        x.day_start[0, r, :n_days],
        x.days[0, r, :, :n_days],
        x.days_kept[0, r],
        tables.day_share[r],
        tables.day_known[:, r],
        tables.explained[i],
        x.impact[0, min(i, x.impact.shape[1] - 1), r, :n_impact] if n_impact > 0 else x.slow[0, i, r, :0],
    )


@inlined
def scaled_latent_of(x: Signals, tables: ForecastTables, i: int, r: int, gain: float) -> Latent:
    """Signal `i` times `gain` in region `r`, in single precision (B = 1)."""
    exact = latent_of(x, tables, i, r)
    return Latent(
        (gain * exact.response).astype(np.float32),
        exact.slow.astype(np.float32),
        exact.fast.astype(np.float32),
        exact.memory.astype(np.float32),
        exact.ahead.astype(np.float32),
        exact.within.astype(np.float32),
        exact.day_start,
        exact.days,
        exact.days_kept,
        exact.day_share,
        exact.day_known,
        exact.explained.astype(np.float32),
        exact.impact.astype(np.float32),
    )


@inlined
def expect(
    x: Latent,
    level_of_lead: Ints,
    first: int,
    lead: int,
    least: Any,  # noqa: ANN401
    tracked: Reals,
    out: Reals,
) -> None:
    """Fills the expectation of a signal by lead and step of issue.

    Leads may be taken in parts, in ascending order.

    Args:
        x: what is known of the signal.
        level_of_lead: see `ForecastTables`.
        first: the first step of issue.
        lead: the first lead, 1 or the one after the last part.
        least: the least value that is filled in, of the precision of the arrays.
        tracked: what is followed along the lead, shape (N_TRACKED, steps of issue).
        out: receives the expectations, shape (leads, steps of issue).
    """
    orders, (slow, fast, days, mean) = (
        x.response.shape[0] - 1,
        (tracked[SLOW], tracked[FAST], tracked[DAYS], tracked[MEAN]),
    )
    variance = tracked[VARIANCE]
    if lead == 1:
        _begin(x, first, slow, fast, days, variance)
    for place in range(out.shape[0]):
        level, at = level_of_lead[lead + place], max(0, first + lead + place)
        if x.day_start.size > 0:
            _follow_days(x, level, at, days, variance)
        _follow(x.memory, x.ahead[level, at : at + mean.size], slow, fast, days, mean)
        if orders == 1:
            constant, linear = x.response[0, at : at + mean.size], x.response[1, at : at + mean.size]
            for s in range(mean.size):
                out[place, s] = max(least, constant[s] + linear[s] * mean[s])
        else:
            _expect_cubic(x.response, at, x.within[lead + place], mean, variance, out[place])
            for order in range(4, orders + 1):
                _add_order(
                    x, order, at, x.within[lead + place], mean, variance, tracked[OLDER], tracked[NEWER], out[place]
                )
            for s in range(mean.size):
                out[place, s] = max(least, out[place, s])
        if x.impact.size > 0:
            _weigh(x.impact, x.explained[lead + place], at, out[place])


@inlined
def _begin(x: Latent, first: int, slow: Reals, fast: Reals, days: Reals, variance: Reals) -> None:
    at, n = max(0, first), slow.size
    for s in range(n):
        slow[s], fast[s] = x.slow[at + s], x.fast[at + s]
        days[s], variance[s] = 0.0, 0.0
    for d in range(x.day_start.size):
        for s in range(max(0, x.day_start[d] - first), n):
            days[s], variance[s] = x.days[0, d], x.day_share


@inlined
def _follow(memory: Reals, ahead: Reals, slow: Reals, fast: Reals, days: Reals, mean: Reals) -> None:
    """Moves the slow and the fast part to the next lead, and sets the mean to the sum of all parts."""
    a, b, alpha, beta = memory[0], memory[1], memory[2], memory[3]
    if beta == 0.0:
        for s in range(slow.size):
            slow[s] = a * slow[s] + alpha * ahead[s]
            mean[s] = slow[s] + days[s]
    else:
        for s in range(slow.size):
            slow[s] = a * slow[s] + alpha * ahead[s]
            fast[s] = b * fast[s] + beta * ahead[s]
            mean[s] = slow[s] + fast[s]


@inlined
def _follow_days(x: Latent, level: int, at: int, days: Reals, variance: Reals) -> None:
    """Moves the part by whole days to the next lead. It changes only where a day starts that many steps ahead."""
    kept, known = x.days_kept, x.day_known[level] * x.day_share
    for d in range(1, x.day_start.size):
        s = x.day_start[d] - at
        if 0 <= s < days.size:
            days[s] = kept * days[s] + x.days[1 + level, d]
            variance[s] = kept * kept * variance[s] + (1.0 - kept * kept) * known


@inlined
def _expect_cubic(response: Reals, at: int, within: Any, mean: Reals, variance: Reals, out: Reals) -> None:  # noqa: ANN401
    """The terms up to the third order."""
    n = mean.size
    constant, linear = response[0, at : at + n], response[1, at : at + n]
    quadratic, cubic = response[2, at : at + n], response[3, at : at + n]
    for s in range(n):
        m, q = mean[s], within + variance[s]
        square = m * m - q
        out[s] = constant[s] + linear[s] * m + quadratic[s] * square + cubic[s] * m * (square - q - q)


@inlined
def _add_order(
    x: Latent,
    order: int,
    at: int,
    within: Any,  # noqa: ANN401
    mean: Reals,
    variance: Reals,
    older: Reals,
    newer: Reals,
    out: Reals,
) -> None:
    """Adds the term of an order from 4 on; the terms below it have been added."""
    if order == 4:
        for s in range(mean.size):
            q = within + variance[s]
            older[s] = mean[s] * mean[s] - q
            newer[s] = mean[s] * (older[s] - q - q)
    times = np.empty(1, mean.dtype)
    times[0] = order - 1
    for s in range(mean.size):
        polynomial = mean[s] * newer[s] - times[0] * (within + variance[s]) * older[s]
        older[s], newer[s] = newer[s], polynomial
    response = x.response[order, at : at + mean.size]
    for s in range(mean.size):
        out[s] += response[s] * newer[s]


@inlined
def _weigh(impact: Reals, share: Any, at: int, value: Reals) -> None:  # noqa: ANN401
    """Applies disturbances as far as they show at this lead."""
    here = impact[at : at + value.size]
    for s in range(value.size):
        value[s] += share * (here[s] * value[s] - value[s])


class Outcome(NamedTuple):
    """What turns the expectation of a quantity in a region into its forecast."""

    truth: Reals  # (N,)
    is_seen: NDArray[np.bool_]  # (L,)
    blur: Reals  # (L,)
    false_news: Reals  # (N,), or (0,) if there is none


@inlined
def settle(x: Outcome, first: int, lead: int, least: Any, out: Reals) -> None:  # noqa: ANN401
    """Turns expectations of a quantity into its forecasts, by lead and step of issue.

    Args:
        x: what forecasts need beside the expectation.
        first: the first step of issue.
        lead: the first lead.
        least: the least value of a forecast, of the precision of the arrays.
        out: expectations; becomes forecasts, shape (leads, steps of issue).
    """
    for place in range(out.shape[0]):
        at = max(0, first + lead + place)
        if x.is_seen[lead + place]:
            truth = x.truth[at : at + out.shape[1]]
            for s in range(out.shape[1]):
                out[place, s] = truth[s]
        elif x.false_news.size > 0:
            weight, news = x.blur[lead + place], x.false_news[at : at + out.shape[1]]
            for s in range(out.shape[1]):
                out[place, s] = max(least, out[place, s] + weight * news[s])
        else:
            for s in range(out.shape[1]):
                out[place, s] = max(least, out[place, s])


@inlined
def false_news_of(x: Signals, q: int, r: int) -> Floats:
    """The false news of a quantity in a region, shape (N,), or (0,) if there is none (B = 1)."""
    n_news = x.false_news.shape[1]
    return x.false_news[0, min(q, n_news - 1), r] if n_news > 0 else x.slow[0, 0, r, :0]


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
            expect(latent_of(x, tables, i, r), tables.level_of_lead, step, 1, -np.inf, tracked, expected[i])
        for q in range(4):
            total[:] = x.mix[0, q, r, 0]
            for i in range(n_signals):
                gain = x.mix[0, q, r, 1 + i]
                for place in range(n_later):
                    total[place, 0] += gain * expected[i, place, 0]
            outcome = Outcome(truth[q, r], tables.is_seen[q], tables.blur[q], false_news_of(x, q, r))
            settle(outcome, step, 1, 0.0, total)
            out[q, 0, r] = truth[q, r, step]
            for place in range(n_later):
                out[q, 1 + place, r] = total[place, 0]
