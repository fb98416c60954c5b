"""Plays the weeks of a recorded year one by one under a rule and checks every step."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from wattward.baselines import registry
from wattward.configs.schema.scenario import Scenario
from wattward.envs.accounting.check import ledger_difference
from wattward.envs.accounting.hourly import Ledger
from wattward.envs.checks.balances import assert_conserves
from wattward.envs.interfaces.cluster_env import ClusterEnv
from wattward.envs.model.types import COST_TERMS, Floats, Flows
from wattward.envs.policy.episode import Kept, Trajectory, play_episode
from wattward.envs.world.recording import Recording
from wattward.experiments.common.records import Record
from wattward.experiments.evaluation.methods import Method, policy_seed

SPLIT = "test"
KEPT_OF_EPISODE: tuple[Kept, ...] = ("flows", "class_gpu_h", "snapshots")
LEDGER_TOLERANCE = 1e-9
KEPT = ("total_cost", "late_gpu_h", "dropped_gpu_h", "unfinished_gpu_h", "work_gpu_h")
NEGATIVE = ("negative_price_h", "negative_price_kwh", "negative_bill_h", "negative_bill_kwh")
KWH = ("facility_kwh", "green_kwh", "grid_kwh", "curtailed_kwh")


class Episodes(NamedTuple):
    """Episodes of equal length. Series that the recording lacks are those of the test episodes in `numbers`."""

    scenario: Scenario
    recording: Recording
    numbers: tuple[int, ...]
    starts: tuple[date, ...]


def episodes_of(
    scenario: Scenario, recording: Recording, starts: Sequence[date], days: float, first_number: int
) -> Episodes:
    """One episode of `days` for each start. Its number is that of the test episode that supplies unrecorded series."""
    numbers = tuple(range(first_number, first_number + len(starts)))
    own = scenario.model_copy(update={"episode_days": days, "calendar_year": starts[0].year})
    return Episodes(own, recording, numbers, tuple(starts))


def play(rule: str, episodes: Episodes) -> list[Record]:
    """Plays the episodes under a rule.

    Returns:
        One record for each episode: bill, energy, purchases at negative prices, and largest imbalances.

    Raises:
        AssertionError: a balance is violated, or a ledger differs from the simulator. The message names rule and
            episode.
    """
    return [_play(rule, episodes, *one) for one in zip(episodes.starts, episodes.numbers, strict=True)]


def _play(rule: str, episodes: Episodes, start: date, number: int) -> Record:
    scenario = episodes.scenario.model_copy(update={"start": start.isoformat()})
    env, policy = ClusterEnv(scenario, recording=episodes.recording), registry.make(rule)
    rng = np.random.default_rng(policy_seed(Method(rule), number, 0))
    played = play_episode(policy, env, split=SPLIT, episode=number, rng=rng, keep=KEPT_OF_EPISODE)
    check_balances(start, env, played)
    return {
        "rule": rule,
        "start": start.isoformat(),
        "days": scenario.episode_days,
        "steps": scenario.n_steps,
        **{name: played.kpis[name] for name in (*KEPT, *KWH)},
        **dict(zip(NEGATIVE, _at_negative_prices(env, played).tolist(), strict=True)),
        **_imbalances(env, played),
        "ledger_difference": _ledger_difference(start, env, played),
    }


def check_balances(start: date, env: ClusterEnv, played: Trajectory) -> None:
    """Checks every step of an episode that `env` has just played with snapshots kept.

    Raises:
        AssertionError: a balance is violated. The message names the rule, the episode's first day and the step.
    """
    for step, (before, after) in enumerate(pairwise(played.snapshots)):
        try:
            assert_conserves(env.params, env.world, before, after.state, after.flows)
        except AssertionError as error:
            raise AssertionError(f"{played.method}, from {start}, step {step}: {error}") from error


def _imbalances(env: ClusterEnv, played: Trajectory) -> dict[str, float]:
    """The largest imbalances of any step: energy in a region, work, and cost."""
    flows, first, step_h = played.flows, played.snapshots[0].flows, env.scenario.step_h
    waited, moved = (
        np.concatenate([getattr(first, name), getattr(flows, name)[:-1]]) for name in ("waiting_gpu_h", "transit_gpu_h")
    )
    own_kw = flows.sun_kw + flows.wind_kw + flows.hydro_kw + flows.recovered_kw
    in_kw = own_kw + flows.direct_kw + flows.contract_kw + flows.discharge_kw + flows.grid_kw
    load_kw = flows.it_kw + flows.cooling_kw + flows.wan_kw + flows.charge_kw
    energy_kwh = (in_kw - load_kw - flows.curtailed_kw - flows.sold_kw) * step_h
    came = flows.arrived_gpu_h + flows.restart_gpu_h + flows.moved_in_gpu_h
    here = waited + came - flows.done_gpu_h - flows.moved_out_gpu_h - flows.waiting_gpu_h
    moving = (moved + flows.moved_out_gpu_h - flows.moved_in_gpu_h - flows.transit_gpu_h).sum(axis=1)
    bill = flows.grid_kw * step_h * env.world.price_per_kwh[0, : played.n_steps] - flows.energy_cost
    terms = sum(getattr(flows, term).sum(axis=1) for term in COST_TERMS) - played.step_cost
    return {
        "energy_imbalance_kwh": float(np.abs(energy_kwh).max()),
        "work_imbalance_gpu_h": float(max(np.abs(here).max(), np.abs(moving).max())),
        "cost_imbalance": float(max(np.abs(bill).max(), np.abs(terms).max())),
    }


def _at_negative_prices(env: ClusterEnv, played: Trajectory) -> Floats:
    """Region-hours with negative prices [h] and the energy bought in them [kWh], shape (4,).

    The first two numbers are for the market's price, the last two for the price paid. If a region has a contract that
    caps its price, the price paid is the market's price plus the premium of that contract.
    """
    contracts = [region.cap_contract for region in env.scenario.regions]
    premium = np.array([0.0 if contract is None else contract.premium_per_kwh for contract in contracts])
    paid, grid_kw = env.world.price_per_kwh[0, : played.n_steps], played.flows.grid_kw
    market, bill = paid < premium, paid < 0.0
    counts = np.stack([market, grid_kw * market, bill, grid_kw * bill], axis=1).sum(axis=2) * env.scenario.step_h
    total: Floats = np.add.accumulate(counts)[-1]
    return total


def _ledger_difference(start: date, env: ClusterEnv, played: Trajectory) -> float:
    regions = [region.name for region in env.scenario.regions]
    classes = [job_class.name for job_class in env.scenario.job_classes]
    start_minute, offset = int(env.world.start_minute[0]), env.scenario.utc_offset_minutes
    ledger = Ledger(env.params, start_minute, regions, classes, utc_offset_minutes=offset)
    flows, class_gpu_h = played.flows, played.class_gpu_h
    for step in range(played.n_steps):
        now = slice(step, step + 1)
        ledger.record(Flows._make(series[now] for series in flows), class_gpu_h[now])
    done = np.add.accumulate(class_gpu_h)[-1:]
    total = played.snapshots[-1].tally.total
    difference = ledger_difference(ledger.hourly(), total, done, env.scenario.step_h)
    if difference > LEDGER_TOLERANCE:
        raise AssertionError(f"{played.method}, from {start}: the ledger differs by {difference:g}, relative")
    return difference
