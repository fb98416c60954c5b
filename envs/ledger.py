"""The hourly ledger of one episode: who used which plant's energy, hour by hour and region by region.

Letters in shapes: H clock hours, R regions, U consumers, K supplies (the plants on site, then the grid), P plants.

Whose kWh they are, for one hour of one region:

1. A consumer's IT energy is its GPU-h at work x the power of a busy GPU; where the IT energy measured is less than
   that, it is shared by GPU-h. What is left, GPUs that idle, is `OVERHEAD`'s.
2. Cooling goes with IT energy. The network's energy is `OVERHEAD`'s.
3. Every plant's and the grid's energy, and its carbon, is shared as the total is: no consumer's hour is greener than
   another's.

What is curtailed was never delivered: it is noted by plant, in proportion to what each could give, and nobody uses it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from wattward.configs import ConfigError
from wattward.envs.types import Floats, Flows, Ints, Params

PLANTS = ("sun", "wind", "hydro")
"""Plants on site; the fields of `Flows` that they fill are named after them."""
SUPPLIES = (*PLANTS, "grid")
INTERACTIVE, OVERHEAD = "interactive", "overhead"
"""The first and the last consumer; between them stand the job classes."""
MEASURED = ("it_kw", "cooling_kw", "wan_kw")
N_PLANTS, N_SUPPLIES, N_MEASURED = len(PLANTS), len(SUPPLIES), len(MEASURED)


class Hourly(NamedTuple):
    """An episode by clock hours; `Ledger.hourly` makes it."""

    hour: Ints  # (H,) hours since 1970-01-01 00:00 Beijing time, consecutive
    regions: tuple[str, ...]
    consumers: tuple[str, ...]
    kwh: Floats  # (H, R, U, K) used
    gpu_h: Floats  # (H, R, U) at work; OVERHEAD has none
    carbon_g: Floats  # (H, R, U) of grid energy
    delivered_kwh: Floats  # (H, R, P) of each plant, used on site
    curtailed_kwh: Floats  # (H, R, P) that each plant could have given besides
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
        tokens_per_gpu_h: Mapping[str, float] | None = None,
        b: int = 0,
    ) -> None:
        """Opens an empty ledger.

        Args:
            params: Params of one row for all environments, or a row each.
            start_minute: Beijing time of step 0 [minutes since 1970-01-01 00:00 Beijing], as in `Exogenous`.
            regions: Names of the R regions.
            job_classes: Names of the C job classes.
            tokens_per_gpu_h: Tokens that a GPU-h at work yields, by consumer; others yield none.
            b: The environment of the batch.

        Raises:
            ConfigError: names that do not fit the parameters or are not apart, or rates that cannot be.
        """
        row = min(b, params.step_h.size - 1)
        self.regions = _apart("regions", regions, params.fleet_gpus.shape[1])
        classes = _apart("job_classes", job_classes, params.class_divisible.shape[1])
        self.consumers = _apart("consumers", (INTERACTIVE, *classes, OVERHEAD), len(classes) + 2)
        self._step_h, self._start_minute, self._b = float(params.step_h[row]), int(start_minute), b
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
        plants_kw = np.stack([getattr(flows, f"{plant}_kw")[b] for plant in PLANTS], axis=1)
        green_kw = plants_kw.sum(axis=1)
        cut = np.divide(flows.curtailed_kw[b], green_kw, out=np.zeros_like(green_kw), where=green_kw > 0.0)[:, None]
        measured_kw = np.stack([getattr(flows, name)[b] for name in MEASURED], axis=1)
        columns = (
            plants_kw * (1.0 - cut) * step_h,
            flows.grid_kw[b][:, None] * step_h,
            plants_kw * cut * step_h,
            measured_kw * step_h,
            flows.carbon_kg[b][:, None] * 1000.0,
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
        widths = (N_PLANTS, 1, N_PLANTS, N_MEASURED, 1)
        delivered, grid, curtailed, measured, carbon_g, gpu_h = np.split(summed, np.cumsum(widths), axis=2)
        share = shares(gpu_h, measured, self._busy_kw)
        at_work = np.concatenate([gpu_h, np.zeros((*gpu_h.shape[:2], 1))], axis=2)
        return Hourly(
            hour=hour,
            regions=self.regions,
            consumers=self.consumers,
            kwh=share[..., None] * np.concatenate([delivered, grid], axis=2)[:, :, None, :],
            gpu_h=at_work,
            carbon_g=share * carbon_g,
            delivered_kwh=delivered,
            curtailed_kwh=curtailed,
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
    """Each consumer's share of a region's energy in an hour, OVERHEAD last, by the rule above; they sum to 1.

    Args:
        gpu_h: At work, of all consumers but OVERHEAD, (H, R, U - 1).
        measured_kwh: IT, cooling and network, (H, R, 3).
        busy_kw: Power of a busy GPU by region, (R,).

    Returns:
        Shape (H, R, U).
    """
    it_kwh, cooling_kwh, total_kwh = measured_kwh[..., 0], measured_kwh[..., 1], measured_kwh.sum(axis=2)
    at_work_gpu_h = gpu_h.sum(axis=2)
    work_kwh = np.minimum(it_kwh, busy_kw * at_work_gpu_h)
    cooled_kwh = work_kwh * (1.0 + _ratio(cooling_kwh, it_kwh))
    share = gpu_h * (_ratio(cooled_kwh, total_kwh) * _ratio(np.ones_like(it_kwh), at_work_gpu_h))[..., None]
    rest = np.maximum(0.0, 1.0 - share.sum(axis=2, keepdims=True))
    return np.concatenate([share, rest], axis=2)


def _ratio(part: Floats, whole: Floats) -> Floats:
    return np.divide(part, whole, out=np.zeros_like(whole), where=whole > 0.0)


def _apart(what: str, names: Sequence[str], wanted: int) -> tuple[str, ...]:
    if len(names) != wanted:
        raise ConfigError(f"ledger: {what} = {list(names)}: must be {wanted} names, one each")
    if len(set(names)) != len(names) or not all(names):
        raise ConfigError(f"ledger: {what} = {list(names)}: names must differ, and none may be empty")
    return tuple(names)


def _rates(tokens_per_gpu_h: Mapping[str, float], consumers: tuple[str, ...]) -> Floats:
    known = consumers[:-1]
    for name, rate in tokens_per_gpu_h.items():
        if name not in known:
            raise ConfigError(f"ledger: tokens_per_gpu_h names {name!r}: must be one of {', '.join(known)}")
        if not (np.isfinite(rate) and rate >= 0.0):
            raise ConfigError(f"ledger: tokens_per_gpu_h.{name} = {rate}: must be a number, 0 or more")
    return np.array([tokens_per_gpu_h.get(name, 0.0) for name in consumers])
