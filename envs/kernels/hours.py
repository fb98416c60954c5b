"""Packs the series of a world into the rows of HOUR that a step reads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from wattward.envs.kernels.compiling import digest_of, entry
from wattward.envs.model import layout, site_model
from wattward.envs.model.layout import (
    AIR_C,
    ANNOUNCED_CUT_KW,
    ANNOUNCED_IN_H,
    CARBON_INTENSITY,
    CONTRACT_KW,
    CUT_KW,
    DIRECT_KW,
    FLEET_GPUS,
    HYDRO_KW,
    INTERACTIVE_GPUS,
    PRICE,
    STORE_ORDER,
    SUN_KW,
    WAN_SHARE,
    WIND_KW,
    Rows,
)
from wattward.envs.model.types import Floats


def _entry(sources: int) -> Callable[[Rows, Floats, Rows], None]:
    """Makes the entry. It closes over the digest of its sources, so that a change invalidates Numba's cache."""

    @entry
    def fill_hours(sites: Rows, series: Floats, hours: Rows) -> None:
        """Fills rows of HOUR, shape (T, R).

        Args:
            sites: rows of SITE, shape (R,).
            series: series of a world, shape (N_SERIES, R, N), N at least T.
            hours: receives the rows.
        """
        _ = sources
        for t in range(hours.shape[0]):
            for r in range(hours.shape[1]):
                hour = hours[t, r]
                hour.pue, hour.fixed_kw = site_model.cooling_line(sites[r], series[AIR_C, r, t])
                hour.price_per_kwh = series[PRICE, r, t]
                hour.carbon_kg_per_kwh = series[CARBON_INTENSITY, r, t]
                hour.sun_kw = series[SUN_KW, r, t]
                hour.wind_kw = series[WIND_KW, r, t]
                hour.hydro_kw = series[HYDRO_KW, r, t]
                hour.interactive_gpus = series[INTERACTIVE_GPUS, r, t]
                hour.fleet_gpus = series[FLEET_GPUS, r, t]
                hour.wan_share = series[WAN_SHARE, r, t]
                hour.direct_kw = series[DIRECT_KW, r, t]
                hour.contract_kw = series[CONTRACT_KW, r, t]
                hour.store_order = series[STORE_ORDER, r, t]
                hour.cut_kw = series[CUT_KW, r, t]
                hour.announced_cut_kw = series[ANNOUNCED_CUT_KW, r, t]
                hour.announced_in_h = series[ANNOUNCED_IN_H, r, t]

    return fill_hours


fill_hours = _entry(digest_of(*(Path(str(module.__file__)) for module in (layout, site_model)), Path(__file__)))
