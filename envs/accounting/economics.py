"""Cost and revenue of tokens: energy, carbon and electricity cost per million tokens; peak and off-peak revenue.

A consumer's energy is that of its busy GPUs and their cooling, as in the ledger. Idle GPUs, the network, batteries, and
work that produces no tokens appear only in the row of the whole site.
"""

from __future__ import annotations

from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from wattward.configs.schema.tokens import TOKENS_PER_MTOK, Tokens
from wattward.envs.accounting.hourly import Hourly
from wattward.envs.model.types import Floats, Ints
from wattward.envs.policy.outlook import EPOCH

ALL_TOKENS, EVERYTHING = "all that yields tokens", "everything on site"
Row = dict[str, str | float | None]


def peak_hours(prices: Tokens, hour: Ints) -> NDArray[np.bool_]:
    """Whether each clock hour has the peak price, shape (H,).

    Args:
        prices: peak hours, weekdays and holidays.
        hour: hours since 1970-01-01 00:00 of the scenario's clock, (H,).
    """
    of_day = {h for first, after in prices.peak_hours for h in range(first, after)}
    holidays = frozenset(prices.holidays)
    clock = [EPOCH + timedelta(hours=int(number)) for number in hour]
    return np.array(
        [t.hour in of_day and t.isoweekday() in prices.peak_weekdays and t.date() not in holidays for t in clock],
        dtype=np.bool_,
    )


def token_economics(hourly: Hourly, prices: Tokens) -> list[Row]:
    """Rows for each region and for all regions: each consumer that makes tokens, all of them, and the whole site.

    Rows hold `region`, `consumer`, `mtok`, `kwh`, `electricity_cost`, `carbon_g`, `kwh_per_mtok`, `cost_per_mtok`,
    `carbon_g_per_mtok`, `peak_revenue`, `off_peak_revenue`, `revenue` and `revenue_per_kwh`. A quotient with divisor 0
    is None.

    Args:
        hourly: an episode by hours. If it has no `tokens`, the rates of `prices` give them.
        prices: rates and prices of tokens.
    """
    mtok = _mtok(hourly, prices)
    makers = [u for u in range(len(hourly.consumers)) if mtok[..., u].any()]
    all_regions, every = slice(None), list(range(len(hourly.consumers)))
    peak = peak_hours(prices, hourly.hour)
    rows: list[Row] = []
    for name, at in [*((name, slice(r, r + 1)) for r, name in enumerate(hourly.regions)), ("all regions", all_regions)]:
        wanted = [*((hourly.consumers[u], [u]) for u in makers), (ALL_TOKENS, makers), (EVERYTHING, every)]
        for consumer, users in wanted:
            amounts = _amounts(hourly, mtok, at, users)
            sold = mtok[:, at][..., users].sum(axis=(1, 2))
            rows.append({"region": name, "consumer": consumer, **amounts, **_revenue(sold, peak, prices, amounts)})
    return rows


def _mtok(hourly: Hourly, prices: Tokens) -> Floats:
    """Millions of tokens, (H, R, U)."""
    if hourly.tokens is not None:
        return hourly.tokens / TOKENS_PER_MTOK
    rates = prices.rates(hourly.consumers)
    return hourly.gpu_h * (np.array([rates.get(name, 0.0) for name in hourly.consumers]) / TOKENS_PER_MTOK)


def _amounts(hourly: Hourly, mtok: Floats, at: slice, users: list[int]) -> dict[str, float | None]:
    made = float(mtok[:, at][..., users].sum())
    kwh, bill, carbon_g = (
        float(values[:, at][:, :, users].sum()) for values in (hourly.kwh, hourly.electricity_cost, hourly.carbon_g)
    )
    return {
        "mtok": made,
        "kwh": kwh,
        "electricity_cost": bill,
        "carbon_g": carbon_g,
        "kwh_per_mtok": _quotient(kwh, made),
        "cost_per_mtok": _quotient(bill, made),
        "carbon_g_per_mtok": _quotient(carbon_g, made),
    }


def _revenue(
    sold_mtok: Floats, peak: NDArray[np.bool_], prices: Tokens, amounts: dict[str, float | None]
) -> dict[str, float | None]:
    at_peak = float(sold_mtok[peak].sum()) * prices.cost_per_mtok.peak
    off_peak = float(sold_mtok[~peak].sum()) * prices.cost_per_mtok.off_peak
    return {
        "peak_revenue": at_peak,
        "off_peak_revenue": off_peak,
        "revenue": at_peak + off_peak,
        "revenue_per_kwh": _quotient(at_peak + off_peak, amounts["kwh"] or 0.0),
    }


def _quotient(part: float, whole: float) -> float | None:
    return part / whole if whole > 0.0 else None
