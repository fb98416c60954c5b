"""One method's episode step by step: what it chose, where its power came from, what waited, what it cost."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, NamedTuple

import numpy as np

from wattward.envs.decisions.action import nearest_modes
from wattward.envs.interfaces.cluster_env import ClusterEnv
from wattward.envs.model.types import Floats, Ints
from wattward.envs.policy.protocol import Modes
from wattward.experiments.evaluation.evaluate import environment, policy_seed
from wattward.experiments.evaluation.methods import Method
from wattward.experiments.evaluation.worlds import Worlds

EPOCH = datetime(1970, 1, 1)
ON_SITE = {"river": ("hydro_kw", "recovered_kw"), "wind": ("wind_kw",), "sun": ("sun_kw",)}
"""The plants on site, by the fields of `Flows` that they deliver."""
SOURCES = (*ON_SITE, "direct line", "contract", "battery", "grid")
"""Where a site's power comes from; their sum is its load."""


class Setting(NamedTuple):
    """What no method changes in an episode of T steps in R regions."""

    start: datetime  # Beijing time
    step_h: float
    regions: tuple[str, ...]
    fleet_gpus: Floats  # (R,)
    price_per_kwh: Floats  # (T, R)


class Replay(NamedTuple):
    """What one method did; means over the step, but for the queue, which is that at its end."""

    method: str
    modes: Ints  # (T, R) values of `Mode`
    sources_kw: dict[str, Floats]  # by SOURCES, each (T, R)
    unused_kw: Floats  # (T, R) green power sold or curtailed
    interactive_gpus: Floats  # (T, R) served
    deferrable_gpus: Floats  # (T, R) held by deferrable work
    queue_gpu_h: Floats  # (T, R) true work present, running or not
    total_cost: Floats  # (T,) all regions and terms
    kpis: dict[str, float]

    @property
    def load_kw(self) -> Floats:
        """All that the sites drew, shape (T, R) [kW]."""
        load: Floats = np.sum(list(self.sources_kw.values()), axis=0)
        return load


def play(who: Method, worlds: Worlds, episode: int, *, seed: int = 0) -> tuple[Setting, Replay]:
    """Plays one episode as `evaluate` does and keeps every step.

    Args:
        who: the method.
        worlds: where the episode comes from.
        episode: its index in the split.
        seed: of the policy's own randomness.

    Raises:
        ConfigError: the scenario, the recording or the checkpoint cannot be used.
    """
    policy, env = who.policy(), environment(worlds.scenario, worlds.recording)
    env.reset(options={"split": worlds.split, "episode": episode})
    policy.reset(env.outlook(), np.random.default_rng(policy_seed(who, episode, seed)))
    steps: list[dict[str, Any]] = []
    ended = False
    info: dict[str, Any] = {}
    while not ended:
        action = policy.act(env.outlook())
        _, _, ended, _, info = env.step(action)
        steps.append(_step(env, nearest_modes(action), float(info["total_cost"])))
    rows = {name: np.stack([step[name] for step in steps]) for name in steps[0]}
    sources = {name: rows.pop(name) for name in SOURCES}
    return setting_of(env), Replay(method=who.name, sources_kw=sources, kpis=dict(info["kpis"]), **rows)


def setting_of(env: ClusterEnv) -> Setting:
    """What everybody meets in the episode that `env` plays."""
    world, params, scenario = env.world, env.params, env.scenario
    return Setting(
        EPOCH + timedelta(minutes=int(world.start_minute[0])),
        float(params.step_h[0]),
        tuple(region.name for region in scenario.regions),
        params.fleet_gpus[0].copy(),
        world.price_per_kwh[0, : int(params.n_steps[0])].copy(),
    )


def _step(env: ClusterEnv, modes: Modes, total_cost: float) -> dict[str, Any]:
    flows = env.flows
    return {
        "modes": modes[: env.scenario.n_regions].copy(),
        **_sources(env),
        "unused_kw": flows.sold_kw[0] + flows.curtailed_kw[0],
        "interactive_gpus": flows.interactive_gpus[0].copy(),
        "deferrable_gpus": flows.held_gpus[0].copy(),
        "queue_gpu_h": flows.waiting_gpu_h[0].copy(),
        "total_cost": np.float64(total_cost),
    }


def _sources(env: ClusterEnv) -> dict[str, Floats]:
    """Power by source, each shape (R,) [kW]; plants on site share what was used in proportion to what they gave."""
    flows = env.flows
    load = flows.it_kw[0] + flows.cooling_kw[0] + flows.wan_kw[0] + flows.charge_kw[0]
    bought = {
        "direct line": flows.direct_used_kw[0].copy(),
        "contract": flows.contract_kw[0].copy(),
        "battery": flows.discharge_kw[0].copy(),
        "grid": flows.grid_kw[0].copy(),
    }
    used = np.maximum(0.0, load - np.sum(list(bought.values()), axis=0))
    given = {name: np.sum([getattr(flows, field)[0] for field in fields], axis=0) for name, fields in ON_SITE.items()}
    whole = np.sum(list(given.values()), axis=0)
    share = np.divide(used, whole, out=np.zeros_like(used), where=whole > 0.0)
    return {**{name: kw * share for name, kw in given.items()}, **bought}


def saved_cost(ours: Replay, floor: Replay) -> Floats:
    """What `ours` has cost less than `floor` up to the end of each step, shape (T,) [yuan]."""
    saved: Floats = np.cumsum(floor.total_cost - ours.total_cost)
    return saved


def blocks_of(values: Floats, every: int) -> Floats:
    """Means of `every` steps in a row, shape (T, ...) to (ceil(T / every), ...); the last may be of fewer."""
    starts = np.arange(0, len(values), every)
    counts = np.diff([*starts, len(values)]).reshape(-1, *[1] * (values.ndim - 1))
    means: Floats = np.add.reduceat(values, starts, axis=0) / counts
    return means


def as_setting(setting: Setting, every: int) -> dict[str, Any]:
    """A setting as JSON holds it, in blocks of `every` steps; series are lists by region."""
    return {
        "start": setting.start.isoformat(),
        "step_h": setting.step_h * every,
        "steps": len(range(0, len(setting.price_per_kwh), every)),
        "regions": list(setting.regions),
        "fleet_gpus": [float(gpus) for gpus in setting.fleet_gpus],
        "price": _rounded(blocks_of(setting.price_per_kwh, every), 4),
    }


def as_replay(played: Replay, floor: Replay, every: int) -> dict[str, Any]:
    """A replay as JSON holds it, in blocks of `every` steps; sources that never gave anything are left out."""
    last = np.minimum(np.arange(0, len(played.total_cost), every) + every, len(played.total_cost)) - 1
    sources = {name: kw for name, kw in played.sources_kw.items() if kw.any()}
    return {
        "modes": ["".join(str(mode) for mode in region) for region in played.modes[::every].T],
        "sources": {name: _rounded(blocks_of(kw, every), 1) for name, kw in sources.items()},
        "unused": _rounded(blocks_of(played.unused_kw, every), 1),
        "interactive": _rounded(blocks_of(played.interactive_gpus, every), 1),
        "deferrable": _rounded(blocks_of(played.deferrable_gpus, every), 1),
        "queue": _rounded(played.queue_gpu_h[last], 0),
        "saved": [round(float(yuan)) for yuan in saved_cost(played, floor)[last]],
        "total_cost": round(float(played.total_cost.sum()), 2),
        "kpis": {name: round(float(value), 4) for name, value in played.kpis.items()},
    }


def _rounded(values: Floats, digits: int) -> list[list[float]]:
    """Series by region, shape (T, R) to R lists; whole numbers without a point, since thousands of them are written."""
    return [[_short(number, digits) for number in region] for region in values.T]


def _short(number: float, digits: int) -> float:
    rounded = round(float(number), digits)
    return int(rounded) if rounded == int(rounded) else rounded


def hours_of(setting: Setting) -> Ints:
    """Hour of day of each step's beginning, shape (T,)."""
    first_h = setting.start.hour + setting.start.minute / 60
    hours = first_h + setting.step_h * np.arange(len(setting.price_per_kwh))
    whole: Ints = (np.floor(hours + 1e-9) % 24).astype(np.int64)
    return whole
