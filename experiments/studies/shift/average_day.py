"""Averages modes and prices by hour of day, for methods of a suite that compares a scenario before and after."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from wattward.configs.loading.worlds import load_scenario
from wattward.configs.schema.base import ConfigError
from wattward.envs.decisions.action import Mode
from wattward.envs.model.types import Floats
from wattward.experiments.common.plotting import DAY_H
from wattward.experiments.evaluation import trajectory as replay
from wattward.experiments.evaluation.methods import Method, checkpoint
from wattward.experiments.evaluation.playing import environment
from wattward.experiments.evaluation.trajectory import hours_of
from wattward.experiments.evaluation.worlds import Worlds
from wattward.experiments.leaderboard.compare import SIDES, Pair
from wattward.experiments.report.data import Results, folders_of, method_of
from wattward.experiments.studies.shift.figure import Day, Panel, Picture

CLOCK_RULE = "PeakOffset"
Row = dict[str, Any]
Tick = Callable[[str], None]


def picture_of(
    results: Results, rows: Sequence[Row], methods: Sequence[str], episodes: int, tick: Tick = lambda _: None
) -> Picture:
    """Plays the methods on the first episodes of both scenarios.

    Args:
        results: a results folder whose suite compares two scenarios.
        rows: its rows of `shift.compare`.
        methods: names of methods in `rows`; if empty, the clock rule and the best learned method.
        episodes: number of episodes played for the modes, at most those of the suite. Prices are means over all
            episodes of the suite.
        tick: called with a description of what is played next.

    Raises:
        ConfigError: a method has no row, or cannot be played here.
    """
    pair, suite = _pair(results), results.suite
    both = tuple(Worlds(name, str(suite["split"]), _recording(suite)) for name in pair)
    played, of_suite = min(episodes, int(suite["episodes"])), int(suite["episodes"])
    panels = tuple(_panel(results, row, both, range(played), tick) for row in _shown(rows, methods))
    scenario = load_scenario(pair[0])
    return Picture(
        title=results.title,
        pair=pair,
        labels=tuple(_label(region) for region in scenario.regions),
        currency=scenario.currency,
        timezone=scenario.timezone,
        price_per_kwh=(prices(both[0], of_suite), prices(both[1], of_suite)),
        panels=panels,
        about=f"prices: means over {of_suite} {suite['split']} episodes; modes and work: over {played} of them",
    )


def prices(worlds: Worlds, episodes: int) -> Floats:
    """Mean price by hour of day over the first episodes, shape (24, R) [currency/kWh]."""
    env = environment(worlds.scenario, worlds.recording)
    total = np.zeros((DAY_H, env.scenario.n_regions))
    count = np.zeros((DAY_H, 1))
    for episode in range(episodes):
        env.reset(options={"split": worlds.split, "episode": episode})
        setting = replay.setting_of(env)
        hour = hours_of(setting)
        np.add.at(total, hour, setting.price_per_kwh)
        np.add.at(count, hour, 1.0)
    mean: Floats = total / np.maximum(count, 1.0)
    return mean


def average_day(seeds: Sequence[Method], worlds: Worlds, episodes: range) -> Day:
    """The average day of a method, over its training seeds and some episodes."""
    regions = environment(worlds.scenario, worlds.recording).scenario.n_regions
    modes, work, count = np.zeros((DAY_H, regions, len(Mode))), np.zeros((DAY_H, regions)), np.zeros(DAY_H)
    paid = held = 0.0
    for who in seeds:
        for episode in episodes:
            setting, did = replay.play(who, worlds, episode)
            hour = hours_of(setting)
            np.add.at(modes, hour, did.modes[:, :, None] == np.arange(len(Mode)))
            np.add.at(work, hour, did.deferrable_gpus / setting.fleet_gpus)
            np.add.at(count, hour, 1.0)
            paid += float((did.deferrable_gpus * setting.price_per_kwh).sum())
            held += float(did.deferrable_gpus.sum())
    often = np.maximum(count, 1.0)
    return Day(modes / often[:, None, None], work / often[:, None], paid / max(held, 1e-9))


def _shown(rows: Sequence[Row], methods: Sequence[str]) -> list[Row]:
    by_name = {str(row["method"]): row for row in rows}
    unknown = [name for name in methods if name not in by_name]
    if unknown:
        raise ConfigError(f"--method {unknown[0]}: must be one of {', '.join(sorted(by_name))}")
    if methods:
        return [by_name[name] for name in dict.fromkeys(methods)]
    learned = next((name for name, row in by_name.items() if row["kind"] == "learned"), None)
    usual = [name for name in (CLOCK_RULE, learned) if name in by_name]
    return [by_name[name] for name in usual or [next(iter(by_name))]]


def _panel(results: Results, row: Row, both: Sequence[Worlds], episodes: range, tick: Tick) -> Panel:
    days = []
    for worlds in both:
        tick(f"{row['method']} in {worlds.scenario}")
        days.append(average_day(_seeds(results, row, worlds.scenario), worlds, episodes))
    return Panel(str(row["method"]), (days[0], days[1]), (row["score_before"], row["score_after"]))


def _seeds(results: Results, row: Row, scenario: str) -> list[Method]:
    if row["kind"] != "learned":
        return [method_of(results, row, scenario)]
    name = str(row["method"])
    found = [checkpoint(name, folder) for folder in dict.fromkeys(folders_of(results, name, scenario))]
    return found or [method_of(results, row, scenario)]


def _pair(results: Results) -> Pair:
    pair = results.suite.get("compare")
    if not isinstance(pair, list) or len(pair) != len(SIDES):
        raise ConfigError(f"{results.folder}: its suite says no `compare: [BEFORE, AFTER]`")
    return str(pair[0]), str(pair[1])


def _recording(suite: dict[str, Any]) -> str | None:
    if suite.get("recording") and not suite.get("also_recorded"):
        raise ConfigError("recorded worlds: a picture of them is not drawn; run the suite without --recording")
    return None


def _label(region: Any) -> str:  # noqa: ANN401 - Region
    return f"{region.name}, {region.site.province}" if region.site.province else str(region.name)
