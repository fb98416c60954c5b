"""Weeks of a recorded year played side by side by one rule, every step of every week checked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, NamedTuple

import numpy as np

from wattward import baselines
from wattward.configs.schema.scenario import Scenario
from wattward.envs.accounting.check import ledger_difference
from wattward.envs.accounting.hourly import Ledger
from wattward.envs.accounting.kpis import kpis_of
from wattward.envs.checks.balances import assert_conserves
from wattward.envs.model.params import make_params
from wattward.envs.model.types import COST_TERMS, Exogenous, Floats, Flows, Params
from wattward.envs.policy.outlook import Outlook
from wattward.envs.policy.protocol import Policy
from wattward.envs.simulator.bank import Bank
from wattward.envs.simulator.simulator import Simulator, Snapshot
from wattward.envs.world.draw import draw, episode_seed
from wattward.envs.world.recording import Recording
from wattward.experiments.common.records import Record
from wattward.experiments.evaluation.evaluate import policy_seed
from wattward.experiments.evaluation.methods import Method

SPLIT = "test"
LEDGER_TOLERANCE = 1e-9
KEPT = ("total_cost", "late_gpu_h", "dropped_gpu_h", "unfinished_gpu_h", "work_gpu_h")
NEGATIVE = ("negative_price_h", "negative_price_kwh", "negative_bill_h", "negative_bill_kwh")
KWH = ("facility_kwh", "green_kwh", "grid_kwh", "curtailed_kwh")


class Worst(NamedTuple):
    """The largest imbalance of any step so far, by environment, each (B,)."""

    energy_kwh: Floats
    work_gpu_h: Floats
    cost: Floats


class Episodes(NamedTuple):
    """Episodes of equal length, side by side."""

    scenario: Scenario
    params: Params  # B rows
    world: Exogenous  # B rows
    numbers: tuple[int, ...]
    starts: tuple[date, ...]


def episodes_of(
    scenario: Scenario, recording: Recording, starts: Sequence[date], days: float, first_number: int
) -> Episodes:
    """Draws an episode of `days` for each start; what the recording does not hold is that of test episode number i."""
    numbers = tuple(range(first_number, first_number + len(starts)))
    own = scenario.model_copy(update={"episode_days": days, "calendar_year": starts[0].year})
    worlds = [
        draw(own.model_copy(update={"start": start.isoformat()}), episode_seed(SPLIT, number), recording)
        for start, number in zip(starts, numbers, strict=True)
    ]
    params = make_params(own, recorded_max_price_per_kwh=recording.max_price_per_kwh)
    rows = Params._make(np.repeat(field, len(starts), axis=0) for field in params)
    return Episodes(own, rows, _side_by_side(worlds), numbers, tuple(starts))


def play(rule: str, episodes: Episodes) -> list[Record]:
    """Plays the episodes under a rule.

    Returns:
        A record of each: its bill, its kWh, what was bought at negative prices, and its largest imbalances.

    Raises:
        AssertionError: a balance is violated, or a ledger differs from the simulator; names rule and episodes.
    """
    simulator, ledgers = _begin(episodes), _ledgers(episodes)
    policies = _policies(rule, simulator, episodes)
    n, worst = len(ledgers), Worst(*np.zeros((3, len(ledgers))))
    negative, class_gpu_h = np.zeros((4, n)), np.zeros_like(simulator.class_gpu_h)
    for t in range(episodes.scenario.n_steps):
        before = simulator.save()
        _act(policies, simulator, episodes)
        try:
            assert_conserves(episodes.params, episodes.world, before, simulator.state, simulator.flows)
        except AssertionError as error:
            raise AssertionError(f"{rule}, from {episodes.starts[0]}, step {t}: {error}") from error
        worst = _worse(worst, before, simulator, episodes, t)
        negative += _at_negative_prices(simulator.flows, episodes, t)
        class_gpu_h += simulator.class_gpu_h
        for ledger in ledgers:
            ledger.record(simulator.flows, simulator.class_gpu_h)
    differences = [_difference(rule, ledger, simulator, class_gpu_h, b) for b, ledger in enumerate(ledgers)]
    return [_record(rule, episodes, simulator, b, worst, negative, differences[b]) for b in range(n)]


def _side_by_side(worlds: Sequence[Exogenous]) -> Exogenous:
    """One batch; job tables are filled up with nothing to the longest."""
    most = max(world.job_gpus.shape[1] for world in worlds)

    def joined(name: str) -> Any:  # noqa: ANN401 - floats or whole numbers
        rows = [getattr(world, name) for world in worlds]
        if name.startswith("job_"):
            rows = [np.pad(row, ((0, 0), (0, most - row.shape[1]))) for row in rows]
        return np.concatenate(rows)

    return Exogenous(**{name: joined(name) for name in Exogenous._fields})


def _begin(episodes: Episodes) -> Simulator:
    simulator = Simulator(episodes.params, len(episodes.starts), Bank(episodes.params, len(episodes.starts)))
    for b in range(len(episodes.starts)):
        simulator.load(b, Exogenous._make(field[b : b + 1] for field in _unpadded(episodes.world, b)))
    return simulator


def _unpadded(world: Exogenous, b: int) -> Exogenous:
    n_jobs = int(world.n_jobs[b])
    tables = {name: getattr(world, name)[:, :n_jobs] for name in Exogenous._fields if name.startswith("job_")}
    return world._replace(**tables)


def _ledgers(episodes: Episodes) -> list[Ledger]:
    regions = [region.name for region in episodes.scenario.regions]
    classes = [job_class.name for job_class in episodes.scenario.job_classes]
    start = episodes.world.start_minute
    offset = episodes.scenario.utc_offset_minutes
    return [
        Ledger(episodes.params, int(start[b]), regions, classes, utc_offset_minutes=offset, b=b)
        for b in range(len(start))
    ]


def _outlook(simulator: Simulator, episodes: Episodes, b: int) -> Outlook:
    observation = simulator.fleet.observations[b]
    return Outlook(episodes.params, simulator.state, episodes.world, b, episodes.scenario.regions, observation)


def _policies(rule: str, simulator: Simulator, episodes: Episodes) -> list[Policy]:
    policies = [baselines.make(rule) for _ in episodes.starts]
    for b, policy in enumerate(policies):
        seed = policy_seed(Method(rule), episodes.numbers[b], 0)
        policy.reset(_outlook(simulator, episodes, b), np.random.default_rng(seed))
    return policies


def _act(policies: Sequence[Policy], simulator: Simulator, episodes: Episodes) -> None:
    """One step of all; stores that a rule does not order go by the scenario's own rule, mode 0."""
    modes = simulator.fleet.modes
    modes[:] = 0
    for b, policy in enumerate(policies):
        chosen = policy.act(_outlook(simulator, episodes, b))
        modes[b, : len(chosen)] = chosen
    error_code = simulator.advance()
    if error_code:
        raise ValueError(f"the simulator refuses modes {modes.tolist()}: {error_code}")


def _worse(worst: Worst, before: Snapshot, simulator: Simulator, episodes: Episodes, t: int) -> Worst:
    flows, was, step_h = simulator.flows, before.flows, episodes.scenario.step_h
    own_kw = flows.sun_kw + flows.wind_kw + flows.hydro_kw + flows.recovered_kw
    in_kw = own_kw + flows.direct_kw + flows.contract_kw + flows.discharge_kw + flows.grid_kw
    load_kw = flows.it_kw + flows.cooling_kw + flows.wan_kw + flows.charge_kw
    energy_kwh = (in_kw - load_kw - flows.curtailed_kw - flows.sold_kw) * step_h
    came = flows.arrived_gpu_h + flows.restart_gpu_h + flows.moved_in_gpu_h
    here = was.waiting_gpu_h + came - flows.done_gpu_h - flows.moved_out_gpu_h - flows.waiting_gpu_h
    moving = (was.transit_gpu_h + flows.moved_out_gpu_h - flows.moved_in_gpu_h - flows.transit_gpu_h).sum(axis=1)
    bill = flows.grid_kw * step_h * episodes.world.price_per_kwh[:, t] - flows.energy_cost
    terms = sum(getattr(flows, term).sum(axis=1) for term in COST_TERMS) - simulator.tally.total_cost
    found = (
        np.abs(energy_kwh).max(axis=1),
        np.maximum(np.abs(here).max(axis=1), np.abs(moving)),
        np.maximum(np.abs(bill).max(axis=1), np.abs(terms)),
    )
    return Worst(*(np.maximum(old, new) for old, new in zip(worst, found, strict=True)))


def _at_negative_prices(flows: Flows, episodes: Episodes, t: int) -> Floats:
    """Hours of all regions and the energy bought in them [kWh], by the market's price and by what is paid, (4, B).

    Where a region has bought a ceiling, what is paid is the market's price and the ceiling's premium.
    """
    contracts = [region.cap_contract for region in episodes.scenario.regions]
    premium = np.array([0.0 if contract is None else contract.premium_per_kwh for contract in contracts])
    paid = episodes.world.price_per_kwh[:, t]
    market, bill = paid < premium, paid < 0.0
    counts = [market, flows.grid_kw * market, bill, flows.grid_kw * bill]
    return np.stack([count.sum(axis=1) for count in counts]) * episodes.scenario.step_h


def _difference(rule: str, ledger: Ledger, simulator: Simulator, class_gpu_h: Floats, b: int) -> float:
    step_h = float(simulator.params.step_h[b])
    difference = ledger_difference(ledger.hourly(), simulator.tally.total, class_gpu_h, step_h, b)
    if difference > LEDGER_TOLERANCE:
        raise AssertionError(f"{rule}, episode {b} of the batch: the ledger differs by {difference:g}, relative")
    return difference


def _record(
    rule: str, episodes: Episodes, simulator: Simulator, b: int, worst: Worst, negative: Floats, difference: float
) -> Record:
    kpis = kpis_of(episodes.params, simulator.state, simulator.tally, b)
    return {
        "rule": rule,
        "start": episodes.starts[b].isoformat(),
        "days": episodes.scenario.episode_days,
        "steps": episodes.scenario.n_steps,
        **{name: kpis[name] for name in (*KEPT, *KWH)},
        **dict(zip(NEGATIVE, negative[:, b].tolist(), strict=True)),
        "energy_imbalance_kwh": float(worst.energy_kwh[b]),
        "work_imbalance_gpu_h": float(worst.work_gpu_h[b]),
        "cost_imbalance": float(worst.cost[b]),
        "ledger_difference": difference,
    }
