"""One episode of a method, step by step: its modes, power sources, waiting work and costs."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, NamedTuple

import numpy as np

from wattward.envs.interfaces.cluster_env import ClusterEnv
from wattward.envs.model.types import Floats, Flows, Ints
from wattward.envs.policy.episode import play_episode
from wattward.experiments.evaluation.methods import Method, policy_seed
from wattward.experiments.evaluation.playing import environment
from wattward.experiments.evaluation.worlds import Worlds

EPOCH = datetime(1970, 1, 1)
DAY_H = 24
ON_SITE = {"river": ("hydro_kw", "recovered_kw"), "wind": ("wind_kw",), "sun": ("sun_kw",)}
"""The plants on site, each with the fields of `Flows` that hold its power."""
SOURCES = (*ON_SITE, "direct line", "contract", "stores", "grid")
"""The power sources of a site; the sum of their power is the site's load."""


class Setting(NamedTuple):
    """The facts of an episode with T steps and R regions that do not depend on the method."""

    start: datetime  # by the scenario's clock
    step_h: float
    regions: tuple[str, ...]
    fleet_gpus: Floats  # (R,)
    price_per_kwh: Floats  # (T, R)


class Replay(NamedTuple):
    """The course of an episode under one method: means over each step, but the queue at the end of each step."""

    method: str
    modes: Ints  # (T, R), values of `Mode`; for shares and orders, the nearest modes
    sources_kw: dict[str, Floats]  # for each of SOURCES, (T, R)
    unused_kw: Floats  # (T, R), green power that was sold or curtailed
    interactive_gpus: Floats  # (T, R), GPUs that serve interactive work
    deferrable_gpus: Floats  # (T, R), GPUs that deferrable work occupies
    queue_gpu_h: Floats  # (T, R), true amount of work in the region, running or not
    total_cost: Floats  # (T,), sum over all regions and cost terms
    kpis: dict[str, float]

    @property
    def load_kw(self) -> Floats:
        """Total power of the sites, shape (T, R) [kW]."""
        load: Floats = np.sum(list(self.sources_kw.values()), axis=0)
        return load


def play(who: Method, worlds: Worlds, episode: int, *, seed: int = 0) -> tuple[Setting, Replay]:
    """Plays one episode in the same way as `evaluate` and keeps every step.

    Args:
        who: The method.
        worlds: Source of the episode.
        episode: Index of the episode in the split.
        seed: Seed of the policy's own randomness.

    Raises:
        ConfigError: the scenario, the recording or the checkpoint cannot be used.
    """
    env = environment(worlds.scenario, worlds.recording)
    rng = np.random.default_rng(policy_seed(who, episode, seed))
    played = play_episode(who.policy(), env, split=worlds.split, episode=episode, rng=rng, keep=("modes", "flows"))
    flows = played.flows
    did = Replay(
        method=who.name,
        modes=played.modes,
        sources_kw=_sources(flows),
        unused_kw=flows.sold_kw + flows.curtailed_kw,
        interactive_gpus=flows.interactive_gpus,
        deferrable_gpus=flows.held_gpus,
        queue_gpu_h=flows.waiting_gpu_h,
        total_cost=played.step_cost,
        kpis=dict(played.kpis),
    )
    return setting_of(env), did


def setting_of(env: ClusterEnv) -> Setting:
    """Returns the facts of the episode that `env` plays, which are the same for all methods."""
    world, params, scenario = env.world, env.params, env.scenario
    return Setting(
        EPOCH + timedelta(minutes=int(world.start_minute[0])),
        float(params.step_h[0]),
        tuple(region.name for region in scenario.regions),
        params.fleet_gpus[0].copy(),
        world.price_per_kwh[0, : int(params.n_steps[0])].copy(),
    )


def hours_of(setting: Setting) -> Ints:
    """Returns the hour of the day at the start of each step, shape (T,)."""
    first_h = setting.start.hour + setting.start.minute / 60
    hours = first_h + setting.step_h * np.arange(len(setting.price_per_kwh))
    whole: Ints = (np.floor(hours + 1e-9) % DAY_H).astype(np.int64)
    return whole


def _sources(flows: Flows) -> dict[str, Floats]:
    """Returns the power of each source, shape (T, R) [kW].

    The power used from plants on site is divided between the plants in proportion to their generation.
    """
    load = flows.it_kw + flows.cooling_kw + flows.wan_kw + flows.charge_kw
    bought = {
        "direct line": flows.direct_used_kw,
        "contract": flows.contract_kw,
        "stores": flows.discharge_kw,
        "grid": flows.grid_kw,
    }
    used = np.maximum(0.0, load - np.sum(list(bought.values()), axis=0))
    given = {name: np.sum([getattr(flows, field) for field in fields], axis=0) for name, fields in ON_SITE.items()}
    whole = np.sum(list(given.values()), axis=0)
    share = np.divide(used, whole, out=np.zeros_like(used), where=whole > 0.0)
    return {**{name: kw * share for name, kw in given.items()}, **bought}


def saved_cost(ours: Replay, floor: Replay) -> Floats:
    """Returns the cost of `floor` minus the cost of `ours`, summed up to the end of each step, (T,) [currency]."""
    saved: Floats = np.cumsum(floor.total_cost - ours.total_cost)
    return saved


def blocks_of(values: Floats, every: int) -> Floats:
    """Averages blocks of `every` consecutive steps: shape (T, ...) becomes (ceil(T / every), ...).

    The last block may have fewer steps.
    """
    starts = np.arange(0, len(values), every)
    counts = np.diff([*starts, len(values)]).reshape(-1, *[1] * (values.ndim - 1))
    means: Floats = np.add.reduceat(values, starts, axis=0) / counts
    return means


def as_setting(setting: Setting, every: int) -> dict[str, Any]:
    """Converts a setting to values for JSON, in blocks of `every` steps; a series is one list for each region."""
    return {
        "start": setting.start.isoformat(),
        "step_h": setting.step_h * every,
        "steps": len(range(0, len(setting.price_per_kwh), every)),
        "regions": list(setting.regions),
        "fleet_gpus": [float(gpus) for gpus in setting.fleet_gpus],
        "price": _rounded(blocks_of(setting.price_per_kwh, every), 4),
    }


def as_replay(played: Replay, floor: Replay, every: int) -> dict[str, Any]:
    """Converts a replay to values for JSON, in blocks of `every` steps; sources that are always zero are omitted."""
    last = np.minimum(np.arange(0, len(played.total_cost), every) + every, len(played.total_cost)) - 1
    sources = {name: kw for name, kw in played.sources_kw.items() if kw.any()}
    return {
        "modes": ["".join(str(mode) for mode in region) for region in played.modes[::every].T],
        "sources": {name: _rounded(blocks_of(kw, every), 1) for name, kw in sources.items()},
        "unused": _rounded(blocks_of(played.unused_kw, every), 1),
        "interactive": _rounded(blocks_of(played.interactive_gpus, every), 1),
        "deferrable": _rounded(blocks_of(played.deferrable_gpus, every), 1),
        "queue": _rounded(played.queue_gpu_h[last], 0),
        "saved": [round(float(cost)) for cost in saved_cost(played, floor)[last]],
        "total_cost": round(float(played.total_cost.sum()), 2),
        "kpis": {name: round(float(value), 4) for name, value in played.kpis.items()},
    }


def _rounded(values: Floats, digits: int) -> list[list[float]]:
    """Converts a series (T, R) to R rounded lists; whole numbers become integers, which keeps the file small."""
    return [[_short(number, digits) for number in region] for region in values.T]


def _short(number: float, digits: int) -> float:
    rounded = round(float(number), digits)
    return int(rounded) if rounded == int(rounded) else rounded
