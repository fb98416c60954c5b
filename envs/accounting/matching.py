"""The share of the load that green power covers: by year, by month, by hour, and by hour and place."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import numpy as np

from wattward.envs.accounting.chain import CERTIFICATE, USE, Entry
from wattward.envs.accounting.supplies import PLANTS, STORE, SUPPLY
from wattward.envs.model.types import Floats

WAYS = ("annual", "monthly", "hourly", "hour_and_place")
"""Ways of matching, from loose to strict. Each share is at most as large as the one before."""

DRAWN = tuple(name for name, supply in SUPPLY.items() if supply.kind != STORE)


class Balance(NamedTuple):
    """Load and green power by clock hour and region; H hours, R regions, P plants.

    Energy of a store counts once, when it is charged: charging is load, discharging is not.
    """

    hours: tuple[datetime, ...]
    regions: tuple[str, ...]
    load_kwh: Floats  # (H, R) drawn from plants and grid
    stores_kwh: Floats  # (H, R) additional energy from stores
    delivered_kwh: Floats  # (H, R, P) energy that the region used in the hour
    curtailed_kwh: Floats  # (H, R, P) additional energy that plants could have delivered


def balance_of(entries: Sequence[Entry]) -> Balance:
    """Load and green power of a valid chain. Hours without entries are left out."""
    placed = [entry for entry in entries if entry["entry"] in (CERTIFICATE, USE)]
    hours = sorted({str(entry["hour"]) for entry in placed})
    regions = list(dict.fromkeys(str(entry["region"]) for entry in placed))
    load, stores = np.zeros((2, len(hours), len(regions)))
    delivered, curtailed = (np.zeros((*load.shape, len(PLANTS))) for _ in range(2))
    number = {hour: h for h, hour in enumerate(hours)}
    for entry in placed:
        at = number[str(entry["hour"])], regions.index(str(entry["region"]))
        if entry["entry"] == USE:
            load[at] += sum(_kwh(entry, f"{name}_kwh") for name in DRAWN)
            stores[at] += _kwh(entry, "stores_kwh")
        else:
            plant = PLANTS.index(str(entry["plant"]))
            delivered[(*at, plant)] = _kwh(entry, "kwh")
            curtailed[(*at, plant)] = _kwh(entry, "curtailed_kwh")
    clock = tuple(datetime.fromisoformat(hour) for hour in hours)
    return Balance(clock, tuple(regions), load, stores, delivered, curtailed)


def matched(balance: Balance) -> dict[str, float]:
    """The green share of the load by each way of matching, 0..1; 0 if there is no load.

    By year, month and hour, all available energy of all plants in that period counts, up to the load of the period. So
    by year, energy that was curtailed at noon covers load at night. By hour and place, only energy that was used
    counts; the certificates of this ledger prove it. Sold energy never counts. The year is the whole time of the
    ledger.
    """
    load, used = balance.load_kwh.sum(axis=1), balance.delivered_kwh.sum(axis=(1, 2))
    could = used + balance.curtailed_kwh.sum(axis=(1, 2))
    months = np.array([hour.year * 12 + hour.month for hour in balance.hours], dtype=np.int64)
    by_month = np.unique(months, return_inverse=True)[1]
    total = float(load.sum())
    covered = (
        min(float(could.sum()), total),
        float(np.minimum(np.bincount(by_month, could), np.bincount(by_month, load)).sum()),
        float(np.minimum(could, load).sum()),
        float(used.sum()),
    )
    ordered = np.minimum.accumulate(covered).tolist()  # rounding could lift a share above the looser one before it
    return {way: kwh / total if total > 0.0 else 0.0 for way, kwh in zip(WAYS, ordered, strict=True)}


def matching_rows(balance: Balance) -> list[dict[str, str | float]]:
    """A row for each region and one for all regions: load [kWh] and the share by each way of matching."""
    alone = [
        balance._replace(
            regions=(region,),
            load_kwh=balance.load_kwh[:, [r]],
            stores_kwh=balance.stores_kwh[:, [r]],
            delivered_kwh=balance.delivered_kwh[:, [r]],
            curtailed_kwh=balance.curtailed_kwh[:, [r]],
        )
        for r, region in enumerate(balance.regions)
    ]
    every = [*zip(balance.regions, alone, strict=True), ("all regions", balance)]
    return [{"region": name, "load_kwh": float(one.load_kwh.sum()), **matched(one)} for name, one in every]


def _kwh(entry: Entry, name: str) -> float:
    value = entry.get(name)
    return float(value) if isinstance(value, float) else 0.0
