"""The hourly ledger of one episode: the energy that each consumer used from each plant, by hour and region.

Letters in shapes: H clock hours, R regions, U consumers, K supplies (the plants, then stores and grid), P plants.

Energy of one hour in one region is divided by these rules:

1. A consumer's IT energy is its GPU-h at work x the power of a busy GPU. If the measured IT energy is less than the
   sum, it is divided in proportion to GPU-h. The rest belongs to idle GPUs and is `OVERHEAD`.
2. Cooling is proportional to IT energy. Energy of the network is `OVERHEAD`. Energy that charges power stores is
   `STORAGE`.
3. The energy of each supply, its carbon and the electricity bill are divided in proportion to total energy, so that all
   consumers of an hour are equally green.
4. Energy from stores is a supply of its own. It is green for no consumer, because it was counted when it charged the
   stores.

Curtailed and sold energy is recorded by plant; no consumer may claim it. The untaken energy of a direct line is
recorded for the line. The rest is divided between plants on site in proportion to their available energy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from wattward.configs.schema.base import ConfigError
from wattward.envs.accounting.supplies import ON_SITE, PLANTS, SUPPLIES, SUPPLY
from wattward.envs.model.types import Floats, Flows, Ints, Params

INTERACTIVE, STORAGE, OVERHEAD = "interactive", "storage", "overhead"
"""The first and the last two consumers. The job classes are between them."""
MEASURED = ("it_kw", "cooling_kw", "wan_kw", "charge_kw")
ELECTRICITY_TERMS = ("energy_cost", "demand_cost", "supply_cost", "sales_cost")
"""Cost terms that form the electricity bill, less the revenue from sales to the grid."""
N_ON_SITE = sum(supply.kind == ON_SITE for supply in SUPPLY.values())
N_PLANTS, N_SUPPLIES, N_MEASURED = len(PLANTS), len(SUPPLIES), len(MEASURED)
AT_DIRECT = SUPPLIES.index("direct")


class Hourly(NamedTuple):
    """An episode by clock hours; `Ledger.hourly` makes it."""

    hour: Ints  # (H,) hours since 1970-01-01 00:00 of the scenario's clock, consecutive
    utc_offset_minutes: int  # of that clock
    regions: tuple[str, ...]
    consumers: tuple[str, ...]
    kwh: Floats  # (H, R, U, K) used
    gpu_h: Floats  # (H, R, U) at work; STORAGE and OVERHEAD have none
    carbon_g: Floats  # (H, R, U) of grid energy
    electricity_cost: Floats  # (H, R, U) the bill, see ELECTRICITY_TERMS
    delivered_kwh: Floats  # (H, R, P) energy of each plant that was used in the region
    curtailed_kwh: Floats  # (H, R, P) unused energy of each plant
    sold_kwh: Floats  # (H, R, P) energy of each plant sold to the grid
    tokens: Floats | None  # (H, R, U); None without rates


class Ledger:
    """Records the flows of one environment step by step."""

    def __init__(
        self,
        params: Params,
        start_minute: int,
        regions: Sequence[str],
        job_classes: Sequence[str],
        *,
        utc_offset_minutes: int,
        tokens_per_gpu_h: Mapping[str, float] | None = None,
        b: int = 0,
    ) -> None:
        """Opens an empty ledger.

        Args:
            params: Params of one row for all environments, or a row each.
            start_minute: start of step 0 [minutes since 1970-01-01 00:00 of the scenario's clock], as in `Exogenous`.
            regions: Names of the R regions.
            job_classes: Names of the C job classes.
            utc_offset_minutes: How far the scenario's clock is ahead of UTC.
            tokens_per_gpu_h: Tokens per GPU-h at work, by consumer. Other consumers make no tokens.
            b: Index of the environment in the batch.

        Raises:
            ConfigError: the number of names is wrong, names are equal, or a rate is not allowed.
        """
        row = min(b, params.step_h.size - 1)
        self.regions = _apart("regions", regions, params.fleet_gpus.shape[1])
        classes = _apart("job_classes", job_classes, params.class_malleable.shape[1])
        self.consumers = _apart("consumers", (INTERACTIVE, *classes, STORAGE, OVERHEAD), len(classes) + 3)
        self._step_h, self._start_minute, self._b = float(params.step_h[row]), int(start_minute), b
        self._utc_offset_minutes = utc_offset_minutes
        self._busy_kw = params.gpu_busy_kw[row].copy()
        self._token_rates = None if tokens_per_gpu_h is None else _rates(tokens_per_gpu_h, self.consumers)
        self._steps: list[Floats] = []

    def record(self, flows: Flows, class_gpu_h: Floats) -> None:
        """Records one step.

        Args:
            flows: Flows of the step, (B, R).
            class_gpu_h: Work done in it by job class, (B, R, C) [GPU-h].
        """
        b, step_h = self._b, self._step_h
        power_kw = np.concatenate([*_supplied(flows, b), _stacked(flows, MEASURED, b)], axis=1)
        columns = (
            power_kw * step_h,
            flows.carbon_kg[b][:, None] * 1000.0,
            _stacked(flows, ELECTRICITY_TERMS, b).sum(axis=1, keepdims=True),
            flows.interactive_gpus[b][:, None] * step_h,
            class_gpu_h[b],
        )
        self._steps.append(np.concatenate(columns, axis=1))

    def hourly(self) -> Hourly:
        """Sums the recorded steps to clock hours. A step belongs to the hour in which it begins.

        Raises:
            ValueError: nothing has been recorded.
        """
        if not self._steps:
            raise ValueError("the ledger is empty: record a step first")
        hour, summed = self._by_hour()
        widths = (N_SUPPLIES, N_PLANTS, N_PLANTS, N_MEASURED, 1, 1)
        used, curtailed, sold, measured, carbon_g, bill, gpu_h = np.split(summed, np.cumsum(widths), axis=2)
        share = shares(gpu_h, measured, self._busy_kw)
        at_work = np.concatenate([gpu_h, np.zeros((*gpu_h.shape[:2], 2))], axis=2)
        return Hourly(
            hour=hour,
            utc_offset_minutes=self._utc_offset_minutes,
            regions=self.regions,
            consumers=self.consumers,
            kwh=share[..., None] * used[:, :, None, :],
            gpu_h=at_work,
            carbon_g=share * carbon_g,
            electricity_cost=share * bill,
            delivered_kwh=used[..., :N_PLANTS],
            curtailed_kwh=curtailed,
            sold_kwh=sold,
            tokens=None if self._token_rates is None else at_work * self._token_rates,
        )

    def _by_hour(self) -> tuple[Ints, Floats]:
        minutes = self._start_minute + np.arange(len(self._steps)) * round(self._step_h * 60)
        number = minutes // 60
        hour = np.arange(number[0], number[-1] + 1)
        summed = np.zeros((hour.size, *self._steps[0].shape))
        np.add.at(summed, number - number[0], np.stack(self._steps))
        return hour, summed


def shares(gpu_h: Floats, measured_kwh: Floats, busy_kw: Floats) -> Floats:
    """Each consumer's share of a region's energy in an hour, with STORAGE and OVERHEAD last. Shares sum to 1.

    Args:
        gpu_h: GPU-h at work of all consumers except STORAGE and OVERHEAD, (H, R, U - 2).
        measured_kwh: Energy of IT, cooling, network and battery charging, (H, R, 4).
        busy_kw: Power of a busy GPU by region, (R,).

    Returns:
        Shape (H, R, U).
    """
    it_kwh, cooling_kwh, total_kwh = measured_kwh[..., 0], measured_kwh[..., 1], measured_kwh.sum(axis=2)
    at_work_gpu_h = gpu_h.sum(axis=2)
    work_kwh = np.minimum(it_kwh, busy_kw * at_work_gpu_h)
    cooled_kwh = work_kwh * (1.0 + _ratio(cooling_kwh, it_kwh))
    share = gpu_h * (_ratio(cooled_kwh, total_kwh) * _ratio(np.ones_like(it_kwh), at_work_gpu_h))[..., None]
    stored = _ratio(measured_kwh[..., 3], total_kwh)[..., None]
    rest = np.maximum(0.0, 1.0 - share.sum(axis=2, keepdims=True) - stored)
    return np.concatenate([share, stored, rest], axis=2)


def _supplied(flows: Flows, b: int) -> tuple[Floats, Floats, Floats]:
    """Power of each supply, (R, K), and curtailed and sold power of each plant, (R, P) each [kW]."""
    used = _stacked(flows, [supply.flow for supply in SUPPLY.values()], b)
    curtailed_kw, sold_kw, offered_kw = _stacked(flows, ("curtailed_kw", "sold_kw", "direct_kw"), b).T
    spare_kw = np.maximum(0.0, offered_kw - used[:, AT_DIRECT])
    lost_kw = np.minimum(spare_kw, curtailed_kw)
    fed_kw = np.minimum(spare_kw - lost_kw, sold_kw)
    own = used[:, :N_ON_SITE]
    rests_kw = np.maximum(0.0, [curtailed_kw - lost_kw, sold_kw - fed_kw])
    cut, fed = (_ratio(kw, own.sum(axis=1))[:, None] for kw in rests_kw)
    curtailed, sold = np.zeros((2, len(own), N_PLANTS))
    curtailed[:, :N_ON_SITE], sold[:, :N_ON_SITE] = own * cut, own * fed
    curtailed[:, AT_DIRECT], sold[:, AT_DIRECT] = lost_kw, fed_kw
    used[:, :N_ON_SITE] = own * np.maximum(0.0, 1.0 - cut - fed)
    return used, curtailed, sold


def _stacked(flows: Flows, names: Sequence[str], b: int) -> Floats:
    """Fields of one environment side by side, (R, len(names))."""
    return np.stack([getattr(flows, name)[b] for name in names], axis=1)


def _ratio(part: Floats, whole: Floats) -> Floats:
    return np.divide(part, whole, out=np.zeros_like(whole), where=whole > 0.0)


def _apart(what: str, names: Sequence[str], wanted: int) -> tuple[str, ...]:
    if len(names) != wanted:
        raise ConfigError(f"ledger: {what} = {list(names)}: must be {wanted} names, one each")
    if len(set(names)) != len(names) or not all(names):
        raise ConfigError(f"ledger: {what} = {list(names)}: names must differ, and none may be empty")
    return tuple(names)


def _rates(tokens_per_gpu_h: Mapping[str, float], consumers: tuple[str, ...]) -> Floats:
    known = consumers[:-2]
    for name, rate in tokens_per_gpu_h.items():
        if name not in known:
            raise ConfigError(f"ledger: tokens_per_gpu_h names {name!r}: must be one of {', '.join(known)}")
        if not (np.isfinite(rate) and rate >= 0.0):
            raise ConfigError(f"ledger: tokens_per_gpu_h.{name} = {rate}: must be a number, 0 or more")
    return np.array([tokens_per_gpu_h.get(name, 0.0) for name in consumers])
