"""Selects a typical day of a scenario and plays it with all work running on arrival."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from wattward import baselines
from wattward.configs.schema.base import ConfigError
from wattward.configs.schema.scenario import Scenario
from wattward.envs.interfaces.cluster_env import ClusterEnv
from wattward.envs.model.stores import is_cooling, store_flows
from wattward.envs.model.types import COST_TERMS, IN_TRANSIT, WAITING, Floats, Flows, Ints, Params, State
from wattward.envs.policy.episode import Kept, play_episode
from wattward.envs.world.draw import draw
from wattward.envs.world.splits import episode_seed

MOST_REGIONS = 8
"""Number of regions that are listed or drawn. The others are counted."""

CANDIDATES = 30
"""Number of training episodes among which the typical day is chosen."""
ON_ARRIVAL = "RunOnArrival"
LATEST_EPISODE = 999_999
"""Higher numbers are refused: 20260301 probably means a date, not an episode."""


PLAIN = (
    *("sun_kw", "wind_kw", "hydro_kw", "recovered_kw", "direct_kw", "contract_kw", "charge_kw", "discharge_kw"),
    *("grid_kw", "curtailed_kw", "sold_kw", "asleep_gpus"),
)
"""Fields of `Flows` that a day takes over."""


class Day(NamedTuple):
    """A day of T steps in R regions. Values are means over each step, except for queues, which are at its end."""

    scenario: Scenario
    about: str  # origin of the day
    start: datetime  # of the scenario's clock
    price_per_kwh: Floats  # (T, R)
    sun_kw: Floats  # (T, R)
    wind_kw: Floats  # (T, R)
    hydro_kw: Floats  # (T, R)
    recovered_kw: Floats  # (T, R) from a turbine in the return water
    direct_kw: Floats  # (T, R) power offered by the direct line
    contract_kw: Floats  # (T, R) power used from the green contract
    charge_kw: Floats  # (T, R) into power stores, a part of the load
    discharge_kw: Floats  # (T, R) out of power stores
    chilling_kw: Floats  # (T, R) additional power of chillers to fill cooling stores; negative when stores save power
    cold_kwh: Floats  # (T, R) in cooling stores at the step's end
    load_kw: Floats  # (T, R) IT, cooling, network and the charge of power stores
    grid_kw: Floats  # (T, R)
    curtailed_kw: Floats  # (T, R) unused green power
    sold_kw: Floats  # (T, R) fed into the grid
    cut_limit_kw: Floats  # (T, R) limit of grid power during a requested cut, else NaN
    asleep_gpus: Floats  # (T, R)
    interactive_gpus: Floats  # (T, R) served
    deferrable_gpus: Floats  # (T, R) held by deferrable work
    utilisation: Floats  # (T, R) share of the fleet at work or held
    queue_gpu_h: Floats  # (T, R) true work present, running or not
    waiting_gpu_h: Floats  # (T, R) work that got no GPUs
    total_cost: Floats  # (T, R) all terms

    @property
    def green_kw(self) -> Floats:
        """Power of all plants on site, shape (T, R) [kW]."""
        return self.sun_kw + self.wind_kw + self.hydro_kw + self.recovered_kw

    @property
    def bare_load_kw(self) -> Floats:
        """The load without stores, shape (T, R) [kW]."""
        return self.load_kw - self.charge_kw - self.chilling_kw


class Choice(NamedTuple):
    """A day to play: day `day` (from 0) of an episode of the scenario's training split."""

    scenario: Scenario
    episode: int
    day: int
    about: str


def play_day(scenario: Scenario, day: str = "typical") -> Day:
    """Plays one day with all work run on arrival.

    Args:
        scenario: Any scenario.
        day: "typical"; a date of the calendar year as 2026-03-31; or the number of a training episode.

    Raises:
        ConfigError: `day` is none of these.
    """
    choice = _choose(scenario, day)
    env, policy, rng = ClusterEnv(choice.scenario), baselines.make(ON_ARRIVAL), np.random.default_rng(0)
    keep: tuple[Kept, ...] = ("flows", "snapshots")
    played = play_episode(policy, env, split="train", episode=choice.episode, rng=rng, keep=keep)
    day_steps = round(24 / scenario.step_h)
    first = choice.day * day_steps
    last = min(first + day_steps, scenario.n_steps)
    flows = Flows._make(series[first:last] for series in played.flows)
    states = [snapshot.state for snapshot in played.snapshots[first : last + 1]]
    queues = [_queue(after, int(before.next_job[0]), env.scenario.n_regions) for before, after in pairwise(states)]
    rows = _flows(flows, env.params) | {name: np.stack([queue[name] for queue in queues]) for name in queues[0]}
    rows |= _cold(env.params, np.concatenate([state.stored_kwh for state in states]))
    start = datetime(1970, 1, 1) + timedelta(minutes=int(env.world.start_minute[0]), days=choice.day)
    price = env.world.price_per_kwh[0, first:last]
    return Day(scenario=scenario, about=choice.about, start=start, price_per_kwh=price, **rows)


def _flows(flows: Flows, params: Params) -> dict[str, Floats]:
    """Fields of a day that come from flows of shape (T, R)."""
    busy = flows.interactive_gpus + flows.held_gpus
    limit_kw = np.maximum(0.0, params.event_baseline_kw[0] - flows.asked_cut_kw)
    return {
        **{name: getattr(flows, name) for name in PLAIN},
        "cut_limit_kw": np.where(flows.asked_cut_kw > 0.0, limit_kw, np.nan),
        "load_kw": flows.it_kw + flows.cooling_kw + flows.wan_kw + flows.charge_kw,
        "interactive_gpus": flows.interactive_gpus,
        "deferrable_gpus": flows.held_gpus,
        "utilisation": busy / params.fleet_gpus[0],
        "total_cost": np.sum([getattr(flows, term) for term in COST_TERMS], axis=0),
    }


def _cold(params: Params, stored_kwh: Floats) -> dict[str, Floats]:
    """Cold in cooling stores and additional power of chillers, from the contents of stores, shape (T + 1, R, S)."""
    cools = is_cooling(params)
    into_kw, out_kw = store_flows(params, stored_kwh[:-1], stored_kwh[1:])
    chilling_kw = into_kw / params.store_charge_cop - out_kw / params.store_cop
    return {
        "chilling_kw": (chilling_kw * cools).sum(axis=2),
        "cold_kwh": (stored_kwh[1:] * cools).sum(axis=2),
    }


def _queue(state: State, arrived: int, regions: int) -> dict[str, Floats]:
    """Work present among the first `arrived` jobs; later jobs have not had a step yet."""
    n = int(state.n_active[0])
    status, region, left = state.job_status[0, :n], state.job_region[0, :n], state.job_left_gpu_h[0, :n]
    here = (state.job_number[0, :n] < arrived) & (status != IN_TRANSIT)
    waiting = here & (status == WAITING)
    return {
        "queue_gpu_h": _sums(region[here], left[here], regions),
        "waiting_gpu_h": _sums(region[waiting], left[waiting], regions),
    }


def _sums(region: Ints, values: Floats, regions: int) -> Floats:
    return np.bincount(region, values, regions).astype(np.float64)


def _choose(scenario: Scenario, day: str) -> Choice:
    second = _day_shown(scenario)
    if day == "typical":
        episode = typical_episode(scenario)
        about = f"typical of {CANDIDATES} training days by sun, wind and load (episode {episode})"
        return Choice(scenario, episode, second, about)
    if day.isascii() and day.isdigit() and int(day) <= LATEST_EPISODE:
        return Choice(scenario, int(day), second, f"training episode {int(day)}, day {second + 1}")
    asked = _date(scenario, day)
    before = min(second, (asked - date(scenario.calendar_year, 1, 1)).days)
    started = scenario.model_copy(update={"start": (asked - timedelta(days=before)).isoformat()})
    return Choice(started, 0, before, f"as drawn from training seed 0, day {before + 1} of its episode")


def _day_shown(scenario: Scenario) -> int:
    """The second day of an episode, after the first has filled the queue; the first day if the second is the last."""
    return 1 if scenario.episode_days >= 3 else 0


def _date(scenario: Scenario, day: str) -> date:
    year = scenario.calendar_year
    try:
        asked = date.fromisoformat(day)
    except ValueError:
        asked = None
    if asked is None or asked.year != year or asked.isoformat() != day:
        raise ConfigError(
            f"--day {day}: must be typical, a date of the scenario's year as {year}-03-31, or the number of a "
            f"training episode from 0 to {LATEST_EPISODE}"
        )
    return asked


def typical_episode(scenario: Scenario) -> int:
    """The training episode whose day is nearest to the median day in sun, wind and load of each region.

    Daily means are divided by their standard deviations over the candidates; constant ones are ignored. The episode
    with the least sum of squared differences is taken, the first of equals.
    """
    no_jobs = {"jobs_per_day": (0.0,) * scenario.n_regions}
    jobless = tuple(job_class.model_copy(update=no_jobs) for job_class in scenario.job_classes)
    quiet = scenario.model_copy(update={"job_classes": jobless})
    means = np.stack([_day_means(quiet, episode) for episode in range(CANDIDATES)])
    spread = means.std(axis=0)
    varies = spread > 1e-9 * np.abs(means).max(axis=0)
    away = (means - np.median(means, axis=0))[:, varies] / spread[varies]
    return int(np.argmin((away**2).sum(axis=1)))


def _day_means(scenario: Scenario, episode: int) -> Floats:
    """Mean sun [kW], wind [kW] and interactive load [GPUs] of each region over the shown day, shape (3 R,)."""
    world = draw(scenario, episode_seed("train", episode))
    day_steps = round(24 / scenario.step_h)
    first = _day_shown(scenario) * day_steps
    parts = (world.sun_kw, world.wind_kw, world.interactive_gpus)
    return np.concatenate([part[0, first : first + day_steps].mean(axis=0) for part in parts])


def hourly(values: Floats, step_h: float) -> Floats:
    """Hourly means of values by step, shape (T, ...) to (hours, ...). The last hour may be incomplete."""
    per_hour = round(1 / step_h)
    starts = np.arange(0, len(values), per_hour)
    counts = np.diff([*starts, len(values)]).reshape(-1, *[1] * (values.ndim - 1))
    means: Floats = np.add.reduceat(values, starts, axis=0) / counts
    return means
