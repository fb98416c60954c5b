"""Simulates published cases: one function for each case, which yields a line for each claim."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np

from wattward.baselines import registry
from wattward.configs.loading.worlds import load_tokens
from wattward.envs.accounting.chain import first_fault
from wattward.envs.accounting.economics import token_economics
from wattward.envs.accounting.matching import WAYS, balance_of, matching_rows
from wattward.envs.interfaces.cluster_env import ClusterEnv
from wattward.envs.model.types import Floats, Flows
from wattward.envs.policy.episode import play_episode
from wattward.experiments.evaluation.methods import method
from wattward.experiments.evaluation.worlds import Worlds
from wattward.experiments.ledger import files as ledger
from wattward.experiments.studies.cases.page import Line

HOURS_A_YEAR = 8760.0
ON_ARRIVAL = "RunOnArrival"


class Episode(NamedTuple):
    """Flows of an episode by step and region, with its prices, KPIs and step length."""

    flows: Flows  # (T, R) each
    price_per_kwh: Floats  # (T, R)
    kpis: Mapping[str, float]
    step_h: float


@cache
def played(scenario: str, policy: str, episodes: int) -> tuple[Episode, ...]:
    """Plays the first test episodes of a scenario under a rule."""
    env = ClusterEnv(scenario)
    return tuple(_play(env, policy, episode) for episode in range(episodes))


def _play(env: ClusterEnv, policy: str, episode: int) -> Episode:
    rng = np.random.default_rng(episode)
    week = play_episode(registry.make(policy), env, split="test", episode=episode, rng=rng, keep=("flows",))
    return Episode(week.flows, env.world.price_per_kwh[0, : week.n_steps], week.kpis, env.scenario.step_h)


def zhejiang_xinjiang(episodes: int) -> Iterator[Line]:
    """The clock rule, under the tariff it was made for and the one that replaced it."""
    for name, tariff in (("zhejiang-xinjiang-2024", "2024"), ("zhejiang-xinjiang", "2026")):
        rule, floor = (played(name, who, episodes) for who in ("PeakOffset", ON_ARRIVAL))
        saving = 1.0 - _total(rule, "energy_cost", "demand_cost") / _total(floor, "energy_cost", "demand_cost")
        band = np.mean([episode.kpis["in_band"] for episode in rule])
        old = tariff == "2024"
        yield Line(
            f"electricity bill of the clock rule, tariff of {tariff}",
            "electricity cost per token −18 %" if old else "–",
            f"{-saving:+.1%}, against work run on arrival; other readings below",
            "what can wait, its slack and the plants are assumptions; work pulled together raises the demand charge"
            if old
            else "the peak moved to the evening, the rule's clock did not",
        )
        published = "both sites at 60–80 % load" if tariff == "2024" else "–"
        why = "requests and rigid jobs that cannot pause do not fill valleys"
        yield Line(f"time at 60–80 % load, tariff of {tariff}", published, f"{band:.0%} of site hours", why)


def jinshuitan(episodes: int) -> Iterator[Line]:
    """The microgrid: gravity cooling, recovered energy, requests that stay local."""
    runs = played("jinshuitan-microgrid", ON_ARRIVAL, episodes)
    it, cooling = _kwh(runs, "it_kw", region=0), _kwh(runs, "cooling_kw", region=0)
    own = sum(_kwh(runs, name, region=0) for name in ("sun_kw", "hydro_kw", "recovered_kw"))
    unused = _kwh(runs, "curtailed_kw", region=0) + _kwh(runs, "sold_kw", region=0)
    yield Line("PUE of Jinshuitan", "1.13", f"{(it + cooling) / it:.3f}", "set from the publication; none of it is air")
    share = _kwh(runs, "recovered_kw", region=0) / (it + cooling)
    yield Line(
        "return water drives a turbine once more", "said, no figure", f"{share:.1%} of consumption", "an assumption"
    )
    green = (own - unused) / (it + cooling)
    yield Line(
        "roof sun and small hydro balance a DC microgrid",
        "said, no figure",
        f"{green:.0%} of consumption",
        "plant sizes are assumptions",
    )
    dropped = sum(episode.kpis["dropped_gpu_h"] for episode in runs)
    yield Line(
        "requests of milliseconds are served where they arise",
        "said",
        f"all of them; {dropped:,.1f} GPU-h dropped",
        "they never move, by construction",
    )


def pinghu(episodes: int) -> Iterator[Line]:
    """Cooling with and without the chilled-water tank."""
    tank, none = (played(name, ON_ARRIVAL, episodes) for name in ("pinghu-chilled-water", "pinghu-no-tank"))
    bills = [_cooling_cost_a_year(runs) for runs in (tank, none)]
    yield Line(
        "cooling cost with the tank",
        "−40 %",
        f"{bills[0] / bills[1] - 1.0:+.0%} (energy at the hour's price)",
        "the tariff's gap between valley and peak, and a tank that the price rule empties each day",
    )
    yield Line(
        "saved in a year",
        "over 2.4 million CNY",
        f"{(bills[1] - bills[0]) / 1e6:.1f} million CNY",
        "the hall here cools more: its size follows from the 13.5 MW below",
    )
    whole = [_total(runs, *("energy_cost", "demand_cost")) * _years(runs) for runs in (tank, none)]
    yield Line(
        "whole electricity bill with the tank",
        "–",
        f"{whole[0] / whole[1] - 1.0:+.1%}",
        "charging by night adds to the peak that the demand charge is paid for",
    )
    share = _kwh(none, "cooling_kw") / (_kwh(none, "cooling_kw") + _kwh(none, "it_kw"))
    yield Line(
        "cooling's share of consumption", "over 12 %", f"{share:.1%}", "PUE of air cooling at the site's temperature"
    )
    load = [episode.flows.it_kw + episode.flows.cooling_kw for episode in none]
    held = [
        episode.flows.it_kw + episode.flows.cooling_kw
        for episode in played("pinghu-chilled-water", "Threshold-0.5", episodes)
    ]
    swing = np.mean([np.abs(a - b).max() for a, b in zip(load, held, strict=True)]) / 1000.0
    yield Line(
        "power that can be moved",
        "13.5 MW",
        f"up to {swing:.1f} MW in a week",
        "tank and deferred work together; the tank alone moves what its chillers draw",
    )


def qingyang(episodes: int) -> Iterator[Line]:
    """Aggregated green power, a direct line, and two ways of cooling."""
    for name, label, published in (
        ("qingyang-green", "aggregated green power", "over 85 % green at 0.398 CNY/kWh"),
        ("qingyang-direct", "direct line", "0.35 CNY/kWh"),
    ):
        runs = played(name, ON_ARRIVAL, episodes)
        load = sum(_kwh(runs, part) for part in ("it_kw", "cooling_kw", "wan_kw", "charge_kw"))
        green = 1.0 - (_kwh(runs, "grid_kw") + _kwh(runs, "discharge_kw")) / load
        energy, demand = _total(runs, "energy_cost", "supply_cost"), _total(runs, "demand_cost")
        yield Line(
            f"{label}: green share and price",
            published,
            f"{green:.0%} by the hour; {energy / load:.3f} CNY/kWh of energy, "
            f"{(energy + demand) / load:.3f} with the demand charge",
            "the contract's price is the published one, the rest comes at the grid's; its energy is a year's need, "
            "so that by the year all would be green",
        )
    shares = [played(name, ON_ARRIVAL, episodes) for name in ("qingyang-green", "qingyang-air")]
    pue = [(_kwh(runs, "it_kw") + _kwh(runs, "cooling_kw")) / _kwh(runs, "it_kw") for runs in shares]
    yield Line(
        "PUE, immersion against air",
        "1.07 against 1.2",
        f"{pue[0]:.3f} against {pue[1]:.3f}",
        "a part of cooling is drawn at any load, so that PUE is above its value at full load",
    )


def shanghai(episodes: int) -> Iterator[Line]:
    """Power at Lingang around a request of the grid, in steps of three minutes."""
    ratios, reached, met = [], [], []
    for episode in played("shanghai-grid-event", "CutResponse", episodes):
        grid, asked, cut = (getattr(episode.flows, name)[:, 0] for name in ("grid_kw", "asked_cut_kw", "cut_kw"))
        for start in np.flatnonzero((asked[1:] > 0) & (asked[:-1] == 0)) + 1:
            if start >= 2:
                before = grid[start - 2]
                ratios.append(grid[start] / before - 1.0)
                reached.append(grid[start - 1] / before - 1.0)
                met.append(cut[start] / asked[start])
    if not ratios:
        yield Line("local power after a request", "−75 % in 3 minutes", "no request in these episodes", "–")
        return
    yield Line(
        "local power after a request",
        "−75 % in 3 minutes",
        f"{np.mean(reached):+.0%} in the step of the notice, {np.mean(ratios):+.0%} one step of three minutes later "
        f"({len(ratios)} requests)",
        "most work here can pause and its data lie at both ends; how much of the load that is, is an assumption",
    )
    shed = max(float(np.max(e.flows.cut_kw[:, 0])) for e in played("shanghai-grid-event", "CutResponse", episodes))
    yield Line(
        "sheddable",
        "up to 8 MW",
        f"{shed / 1000:.1f} MW, {np.mean(met):.0%} of what was asked",
        "the site's size follows from the 8 MW",
    )


def hubs(episodes: int) -> Iterator[Line]:
    """The rule for new hubs, and the programme `East data, West compute`."""
    runs = played("western-hubs-direct-supply", ON_ARRIVAL, episodes)
    soak = played("western-hubs-direct-supply", "Threshold-pull-0.5", episodes)
    green = [np.mean([episode.kpis["green_share"] for episode in part]) for part in (runs, soak)]
    yield Line(
        "new data centres at the hubs",
        "at least 80 % green",
        f"{green[0]:.0%} run on arrival, {green[1]:.0%} under Threshold-pull-0.5",
        "by the hour and the site; what is missing is bought, and priced in the scenario",
    )
    floor, rule = (played("eight-hubs", who, episodes) for who in (ON_ARRIVAL, "Threshold-pull-0.5"))
    saving = 1.0 - sum(e.kpis["total_cost"] for e in rule) / sum(e.kpis["total_cost"] for e in floor)
    moved = sum(e.kpis["moved_gpu_h"] for e in rule) / sum(e.kpis["work_gpu_h"] for e in rule)
    yield Line(
        "East data, West compute over eight hubs",
        "said, no figure",
        f"{saving:.1%} of the cost saved by Threshold-pull-0.5, {moved:.0%} of the work moved",
        "demand and plants are assumptions, tariffs and grids are published",
    )


def certificates(_: int) -> Iterator[Line]:
    """Hourly certificates of one week, and the revenue of its tokens."""
    week = ledger.play(method(ON_ARRIVAL), Worlds("zhejiang-xinjiang"), 0, tokens=load_tokens("deepseek-flash"))
    count, sound = len(week.entries), first_fault(week.entries) is None
    yield Line(
        "certificates by hour, plant and quantity",
        "225 users, 36 plants, 0.47 TWh by the hour",
        f"{count:,} entries for a week of two sites; the chain {'holds' if sound else 'is broken'}",
        "a week of two sites; hour, place and plant match, and a kWh is certified once",
    )
    shares = matching_rows(balance_of(week.entries))[-1]
    yield Line(
        "green share, by what must match",
        "form, place and time (CBAM)",
        ", ".join(f"{way} {float(shares[way]):.0%}" for way in WAYS),
        "the narrower the match, the smaller the share; a week stands for the year",
    )
    assert week.tokens is not None
    worth = token_economics(week.hourly, week.tokens)[-1]["revenue_per_kwh"]
    yield Line(
        "tokens that a kWh becomes are worth",
        "about 11 CNY",
        f"{worth:.1f} CNY",
        "output tokens alone, at one published fleet's rate per node",
    )


CASES: dict[str, Callable[[int], Iterator[Line]]] = {
    "Zhejiang–Xinjiang peak offset": zhejiang_xinjiang,
    "Jinshuitan, interactive load stays local": jinshuitan,
    "Chilled water at Pinghu": pinghu,
    "Qingyang": qingyang,
    "Shanghai, three minutes": shanghai,
    "Hubs": hubs,
    "Hourly certificates and tokens": certificates,
}
"""Function for each case by title. Its argument is the number of test episodes."""


def _kwh(runs: Sequence[Episode], name: str, *, region: int | None = None) -> float:
    at = slice(None) if region is None else region
    return float(sum(getattr(run.flows, name)[:, at].sum() * run.step_h for run in runs))


def _total(runs: Sequence[Episode], *names: str) -> float:
    return float(sum(getattr(run.flows, name).sum() for run in runs for name in names))


def _years(runs: Sequence[Episode]) -> float:
    """Factor that scales a sum over the episodes to one year."""
    return HOURS_A_YEAR / sum(len(run.price_per_kwh) * run.step_h for run in runs)


def _cooling_cost_a_year(runs: Sequence[Episode]) -> float:
    spent = sum(float((run.flows.cooling_kw * run.price_per_kwh).sum()) * run.step_h for run in runs)
    return spent * _years(runs)


def measured(episodes: int, names: Sequence[str] = ()) -> dict[str, list[Line]]:
    """Lines by title, for all cases or for those in `names`."""
    chosen = {title: measure for title, measure in CASES.items() if not names or title in names}
    return {title: list(measure(episodes)) for title, measure in chosen.items()}
