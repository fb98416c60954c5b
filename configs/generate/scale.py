"""Scenarios generated from a name: `scale-8x1000` has 8 regions in which about 1,000 jobs are present at once.

They serve to measure how the cost of simulation grows with size. Everything comes from the Zhejiang-Xinjiang pair
except what depends on the size: sites lie around the two sites of the pair. Fleets and equipment grow with the work.
Arrival rates are constant over day and week, so that the number in the name holds at every hour. Half of the jobs
present are cohorts: malleable jobs that stand for many small requests.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NamedTuple

from wattward.configs.schema.base import ConfigError
from wattward.configs.schema.region import Region
from wattward.configs.schema.scenario import GridPrice, JobClass, Scenario

PREFIX = "scale-"
FAMILY = f"{PREFIX}REGIONSxJOBS"
MODEL_SCENARIOS = ("zhejiang-xinjiang", "zhejiang-xinjiang-2024")
"""Scenarios whose regions are varied in turn."""
REGION_LIMITS, JOB_LIMITS = (2, 2_000), (100, 100_000)
EPISODE_DAYS = 2.0
LONGEST_RUN_H = 8.0
DEFERRABLE_LOAD = 0.4
"""Mean share of a fleet that jobs hold. The rest serves requests and random peaks."""
PLACES = 32
"""Number of different sites. Many regions share a site, because its clear sky takes long to compute."""
FLEET_SPREAD = 0.5
LATITUDE_SPREAD_DEG, LONGITUDE_SPREAD_DEG = 8.0, 14.0
STRIDES = (0.7548776662466927, 0.5698402909980532, 0.6180339887498949)
"""Fractional steps that fill an interval evenly (Roberts 2018, the R2 sequence; and the golden ratio)."""
FLAT_DAY = (1.0,) * 24
Shares = list[tuple[JobClass, float]]


class Size(NamedTuple):
    """How large a generated scenario is."""

    regions: int
    jobs: int

    @property
    def name(self) -> str:
        """The scenario's name."""
        return f"scale-{self.regions}x{self.jobs}"


def parse(name: str | Path) -> Size | None:
    """The size with the given name, or None if the name is not one of the family.

    Raises:
        ConfigError: the name begins like one of the family but has another form, or a number is out of range.
    """
    text = str(name)
    if not text.startswith(PREFIX) or text.endswith((".yaml", ".yml")):
        return None
    found = re.fullmatch(r"scale-([1-9]\d{0,8})x([1-9]\d{0,8})", text, re.ASCII)
    if found is None:
        raise ConfigError(f"unknown scenario {text!r}: must be {FAMILY}, such as scale-8x1000; {_allowed()}")
    size = Size(int(found[1]), int(found[2]))
    for key, value, (low, high) in (("REGIONS", size.regions, REGION_LIMITS), ("JOBS", size.jobs, JOB_LIMITS)):
        if not low <= value <= high:
            raise ConfigError(f"scenario {text!r}: {key} = {value}: out of range; {_allowed()}")
    return size


def summary() -> str:
    """One line about the family."""
    return f"made by name, such as scale-8x1000: {_allowed()}"


def _allowed() -> str:
    (least, most), (fewest, highest) = REGION_LIMITS, JOB_LIMITS
    return f"REGIONS from {least} to {most:,}, JOBS from {fewest} to {highest:,}"


def generate(size: Size, models: tuple[Scenario, ...]) -> Scenario:
    """Generates the scenario of a size.

    Args:
        size: how many regions, and how many jobs are present on average when all run on arrival.
        models: the scenarios that are varied. Everything except regions and tariffs comes from the first.
    """
    bases = [region for model in models for region in model.regions]
    tariffs: dict[str, GridPrice] = {name: tariff for model in models for name, tariff in model.tariffs.items()}
    shares = _active_shares(models[0].job_classes)
    weights = [1.0 + FLEET_SPREAD * (_spread(r, 2) - 0.5) for r in range(size.regions)]
    active = [size.jobs * weight / sum(weights) for weight in weights]
    return models[0].model_copy(
        update={
            "name": size.name,
            "title": f"{size.regions} regions, about {size.jobs} jobs at once when all run on arrival",
            "source": "made up, to measure cost against size; what a size does not change is the pair's",
            "episode_days": EPISODE_DAYS,
            "regions": tuple(_region(r, bases[r % len(bases)], active[r], shares) for r in range(size.regions)),
            "tariffs": tariffs,
            "job_classes": tuple(_at_rate(job_class, share, active, models[0].step_h) for job_class, share in shares),
        }
    )


def _spread(r: int, k: int) -> float:
    """A number in 0..1 for region `r`; regions at the same site share it."""
    return (0.5 + (r % PLACES) * STRIDES[k]) % 1.0


def _active_shares(classes: tuple[JobClass, ...]) -> Shares:
    """Job classes and their shares of the jobs present; half of the jobs are malleable."""
    kinds = [job_class.malleable for job_class in classes]
    return [(_even(job_class), 0.5 / kinds.count(job_class.malleable)) for job_class in classes]


def _even(job_class: JobClass) -> JobClass:
    run_h = job_class.run_h.model_copy(update={"high": min(job_class.run_h.high, LONGEST_RUN_H)})
    name = "cohorts" if job_class.malleable else job_class.name
    changes = {"name": name, "run_h": run_h, "shape_by_hour": FLAT_DAY, "weekend_factor": 1.0}
    return job_class.model_copy(update=changes)


def _at_rate(job_class: JobClass, share: float, active: list[float], step_h: float) -> JobClass:
    """The class with arrival rates that give its share of the jobs present (Little's law).

    Jobs are present for whole steps.
    """
    per_day = 24.0 * share / (job_class.run_h.mean + step_h / 2)
    return job_class.model_copy(update={"jobs_per_day": tuple(jobs * per_day for jobs in active)})


def _region(r: int, base: Region, active: float, shares: Shares) -> Region:
    held_gpus = active * sum(share * job_class.gpus.mean for job_class, share in shares)
    growth = max(1.0, held_gpus / DEFERRABLE_LOAD / base.fleet.gpus)
    site = {
        "latitude_deg": round(base.site.latitude_deg + LATITUDE_SPREAD_DEG * (_spread(r, 0) - 0.5), 3),
        "longitude_deg": round(base.site.longitude_deg + LONGITUDE_SPREAD_DEG * (_spread(r, 1) - 0.5), 3),
    }
    changes: dict[str, dict[str, Any]] = {
        "site": site,
        "fleet": _grown(base.fleet, growth, "gpus", "reserved_for_interactive_gpus"),
        "sun": _grown(base.sun, growth, "capacity_kw"),
        "wind": _grown(base.wind, growth, "capacity_kw"),
        "river": _grown(base.river, growth, "capacity_kw"),
        "interactive": _grown(base.interactive, growth, "mean_gpus"),
        "network": _grown(base.network, growth, "wan_gb_per_s"),
    }
    parts = {part: getattr(base, part).model_copy(update=change) for part, change in changes.items()}
    return base.model_copy(update={"name": f"{base.name}-{r}", "title": f"{base.title}, site {r}", **parts})


def _grown(part: object, growth: float, *keys: str) -> dict[str, float]:
    """Multiplies the keys by `growth`; numbers of GPUs are rounded."""
    return {key: round(getattr(part, key) * growth, 0 if key.endswith("gpus") else 2) for key in keys}
