"""The hourly ledger of one episode: who used which plant's energy, hour by hour and region by region.

Letters in shapes: H clock hours, R regions, U consumers, K supplies (the plants, then battery and grid), P plants.

Whose kWh they are, for one hour of one region:

1. A consumer's IT energy is its GPU-h at work x the power of a busy GPU; where the IT energy measured is less than
   that, it is shared by GPU-h. What is left, GPUs that idle, is `OVERHEAD`'s.
2. Cooling goes with IT energy. The network's energy is `OVERHEAD`'s. What charges a battery is `STORAGE`'s.
3. Every supply's energy, its carbon and what electricity costs is shared as the total is: no consumer's hour is greener
   than another's.
4. What a battery gives back is a supply of its own and green to nobody: it was counted when it went in.

What is curtailed or sold was never used here: it is noted by plant, and nobody may claim it. A direct line's is what it
offered and was not taken; the rest is that of plants on site, in proportion to what each could give.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from wattward.configs import ConfigError
from wattward.envs.model.types import Floats, Flows, Ints, Params


class Supply(NamedTuple):
    """Where energy comes from."""

    flow: str  # the field of `Flows` with its power; of a plant on site, all that it could give
    kind: str


ON_SITE, DIRECT, CONTRACT, STORE, GRID = "on site", "direct line", "contract", "store", "grid"
SUPPLY: Mapping[str, Supply] = {
    "sun": Supply("sun_kw", ON_SITE),
    "wind": Supply("wind_kw", ON_SITE),
    "hydro": Supply("hydro_kw", ON_SITE),
    "recovered": Supply("recovered_kw", ON_SITE),
    "direct": Supply("direct_used_kw", DIRECT),
    "contract": Supply("contract_kw", CONTRACT),
    "battery": Supply("discharge_kw", STORE),
    "grid": Supply("grid_kw", GRID),
}
"""Supplies by name: plants on site, plants elsewhere, then what is green to nobody."""
SUPPLIES = tuple(SUPPLY)
PLANTS = tuple(name for name, supply in SUPPLY.items() if supply.kind in (ON_SITE, DIRECT, CONTRACT))
"""Supplies that are green; what they deliver is certified."""
INTERACTIVE, STORAGE, OVERHEAD = "interactive", "storage", "overhead"
"""The first and the last two consumers; between them stand the job classes."""
MEASURED = ("it_kw", "cooling_kw", "wan_kw", "charge_kw")
ELECTRICITY_TERMS = ("energy_cost", "demand_cost", "supply_cost", "sales_cost")
"""The terms of a step's cost that are the bill for electricity, less what feeding in earns."""
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
    delivered_kwh: Floats  # (H, R, P) of each plant, used here
    curtailed_kwh: Floats  # (H, R, P) that each plant could have given besides
    sold_kwh: Floats  # (H, R, P) that each plant fed into the grid
    tokens: Floats | None  # (H, R, U), where rates were given


class Ledger:
    """Takes in the flows of one environment step by step."""

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
            tokens_per_gpu_h: Tokens that a GPU-h at work yields, by consumer; others yield none.
            b: The environment of the batch.

        Raises:
            ConfigError: names that do not fit the parameters or are not apart, or rates that cannot be.
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
        """Takes in one step.

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
        """What has been recorded, summed to clock hours; a step belongs to the hour in which it begins.

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
    """Each consumer's share of a region's energy in an hour, STORAGE and OVERHEAD last; they sum to 1.

    Args:
        gpu_h: At work, of all consumers but STORAGE and OVERHEAD, (H, R, U - 2).
        measured_kwh: IT, cooling, network and what batteries take, (H, R, 4).
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
    """What each supply gave, (R, K), and what each plant had curtailed and sold, (R, P) each [kW]."""
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
