"""Random scenarios: `random-3x17` is number 17 with 3 regions; `random-3` is a new scenario in each episode.

Sites, weather, air and grids come from shipped regions. Fleets, plants, tariffs, demand, links, forecasts and contracts
are drawn. The family serves to train policies that generalise. All ranges are assumptions.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from wattward.configs.generate.members import Member
from wattward.configs.generate.random_tariff import random_tariff
from wattward.configs.schema.region import Region
from wattward.configs.schema.scenario import JobClass, LogNormal, Scenario

MODEL_SCENARIOS = ("zhejiang-xinjiang", "eight-hubs")
"""Scenarios whose regions are the sites. Everything that is not drawn comes from the first."""
ENTROPY = 20261122
Rng = np.random.Generator


def generate(member: Member, models: tuple[Scenario, ...]) -> Scenario:
    """Generates one member. Equal numbers give equal scenarios.

    Args:
        member: the member; a missing number means 0.
        models: the scenarios of MODEL_SCENARIOS.
    """
    rng = np.random.default_rng([ENTROPY, member.regions, member.number or 0])
    sites = [region for model in models for region in model.regions]
    chosen = rng.choice(len(sites), member.regions, replace=member.regions > len(sites))
    regions = [_region(rng, r, sites[site]) for r, site in enumerate(chosen.tolist())]
    base = models[0]
    return Scenario.model_validate(
        {
            **dict(base),
            "name": member.name,
            "title": f"{member.regions} regions drawn at random",
            "source": "sites of shipped regions; all else drawn, ranges are assumptions",
            "regions": tuple(regions),
            "tariffs": {region.tariff: random_tariff(rng, region.tariff) for region in regions},
            "job_classes": tuple(_classes(rng, base.job_classes, regions)),
            "forecast": base.forecast.model_copy(update={"skill": _between(rng, 0.3, 0.9)}),
            "contracts": base.contracts.model_copy(update={"carbon_price_per_tonne": _between(rng, 0.0, 150.0)}),
        }
    )


def _between(rng: Rng, low: float, high: float) -> float:
    return round(float(rng.uniform(low, high)), 4)


def _region(rng: Rng, r: int, base: Region) -> Region:
    gpus = float(rng.integers(150, 601))
    full_kw = gpus * base.fleet.gpu_busy_kw
    mean_gpus = round(gpus * _between(rng, 0.1, 0.35), 1)
    sun = full_kw * _between(rng, 0.0, 2.0) * (rng.random() < 0.7)
    wind = full_kw * _between(rng, 0.0, 1.2) * (rng.random() < 0.5)
    changes: dict[str, dict[str, Any]] = {
        "fleet": {"gpus": gpus, "reserved_for_interactive_gpus": float(np.ceil(1.45 * mean_gpus))},
        "cooling": {"pue_base": _between(rng, 1.05, 1.3), "pue_slope_per_c": _between(rng, 0.0, 0.01)},
        "sun": {"capacity_kw": round(float(sun), 1)},
        "wind": {"capacity_kw": round(float(wind), 1)},
        "river": {"capacity_kw": round(base.river.capacity_kw * _between(rng, 0.0, 2.0), 1)},
        "interactive": {"mean_gpus": mean_gpus},
        "network": {"wan_gb_per_s": _between(rng, 0.3, 3.0), "wan_cost_per_gb": _between(rng, 0.0, 0.1)},
    }
    parts = {part: getattr(base, part).model_copy(update=change) for part, change in changes.items()}
    plain = {"stores": (), "supply": None, "cap_contract": None}
    name = f"{base.name}-{r}"
    return base.model_copy(update={"name": name, "tariff": f"random-{r}", **parts, **plain})


def _classes(rng: Rng, classes: tuple[JobClass, ...], regions: list[Region]) -> list[JobClass]:
    """The base's job classes. Each region's work is a drawn share of its fleet, in the base's proportions."""
    load = [region.fleet.gpus * _between(rng, 0.15, 0.45) for region in regions]
    day_gpu_h = [sum(c.jobs_per_day) * c.gpus.mean * c.run_h.mean for c in classes]
    changed = []
    for job_class, weight in zip(classes, day_gpu_h, strict=True):
        tilt = [_between(rng, 0.5, 1.5) * weight / sum(day_gpu_h) for _ in regions]
        one_gpu_h = job_class.gpus.mean * job_class.run_h.mean
        rates = tuple(round(24.0 * gpus * share / one_gpu_h, 3) for gpus, share in zip(load, tilt, strict=True))
        slack_h = _stretched(job_class.slack_h, _between(rng, 0.5, 2.0))
        sigma = round(job_class.estimate_sigma * _between(rng, 0.5, 2.0), 3)
        update = {"jobs_per_day": rates, "slack_h": slack_h, "estimate_sigma": sigma}
        changed.append(job_class.model_copy(update=update))
    return changed


def _stretched(quantity: LogNormal, factor: float) -> LogNormal:
    return quantity.model_copy(update={"median": quantity.median * factor})
