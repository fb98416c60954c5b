"""Makes one HTML page from a results folder or from one policy's episode."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from wattward.configs.files import write_text
from wattward.configs.loading.worlds import load_scenario
from wattward.configs.schema.base import ConfigError
from wattward.experiments.common import captions
from wattward.experiments.common.provenance import provenance
from wattward.experiments.common.records import BEST_KNOWN_COST
from wattward.experiments.evaluation import trajectory as replay
from wattward.experiments.evaluation.methods import Method, method
from wattward.experiments.evaluation.playing import FLOOR, references
from wattward.experiments.evaluation.worlds import Worlds
from wattward.experiments.report.data import (
    BRACKET,
    Results,
    board_data,
    columns_for,
    facts_of,
    method_of,
    ranked_cost,
    read_results,
    reference_cost,
    worlds_of,
)
from wattward.experiments.report.page import MOST_BYTES, Page, Table, render

COARSER = (1, 2, 4, 8, 24)
"""Numbers of steps to average, tried in turn until the page is small enough."""
Tick = Callable[[str], None]
Week = tuple[replay.Setting, replay.Replay, list[tuple[dict[str, Any], replay.Replay]], dict[str, Any]]
"""The setting, RunOnArrival, every method with facts about it, and facts about the week."""


def report(folder: Path, out: Path, *, episode: int = 0, tick: Tick = lambda _: None) -> int:
    """Writes the report of a results folder to `out`.

    Args:
        folder: a results folder of `wattward leaderboard`.
        out: file of the page.
        episode: episode of the split that is shown.
        tick: called with the name of what is played next.

    Returns:
        Size of the page [bytes].

    Raises:
        ConfigError: the folder cannot be read, or the episode is not in it.
    """
    results = read_results(folder)
    ranked = sorted(int(number) for number in results.episodes["episode"].unique())
    if episode not in ranked:
        raise ConfigError(f"--episode {episode}: must be one of those ranked, {ranked[0]} to {ranked[-1]}")
    weeks = {board: _week(results, board, worlds, episode, tick) for board, worlds in worlds_of(results).items()}
    tables = [Table(name, columns_for(rows), rows) for name in results.boards if (rows := results.rows_of(name))]
    boards = [board_data(results, board) for board in results.boards]
    page = Page(results.title, _lead(results), tables, facts_of(results))
    return _write(out, weeks, lambda shown: render(page, {"boards": boards, "weeks": shown}))


def replay_page(who: Method, worlds: Worlds, episode: int, out: Path, cache_dir: Path) -> int:
    """Writes one policy's episode to `out`, with RunOnArrival and the bound; returns the size of the page [bytes].

    Raises:
        ConfigError: the scenario, the recording or the checkpoint cannot be used.
    """
    against = references(worlds, episode, cache_dir)
    setting, floor = replay.play(method(FLOOR), worlds, episode)
    ours = floor if who.name == FLOOR else replay.play(who, worlds, episode)[1]
    played = [(_about(who, ours), ours)] + ([] if ours is floor else [(_about(method(FLOOR), floor), floor)])
    said = _said(worlds, episode, floor, against.bound_cost)
    weeks: dict[str, Week] = {worlds.scenario: (setting, floor, played, said)}
    about = provenance()
    facts = [(key.replace("_", " "), str(about[key])) for key in ("command", "worlds", "git_commit", "code", "python")]
    title = f"{_label(who)} on {worlds.scenario}"
    lead = f"{load_scenario(worlds.scenario).title}. Episode {episode} of the {worlds.split} split, step by step."
    page = Page(title, lead, [], facts)
    return _write(out, weeks, lambda shown: render(page, {"boards": [], "weeks": shown}))


def _week(results: Results, board: str, worlds: Worlds, episode: int, tick: Tick) -> Week:
    """Plays every method of a ranking on one of its episodes. Methods that cannot play are listed with the reason."""
    tick(f"{board} · {FLOOR}")
    setting, floor = replay.play(method(FLOOR), worlds, episode)
    played, left_out = [], []
    for row in results.rows_of(board):
        if row["kind"] in BRACKET or not row.get("episodes", 1):
            continue
        tick(f"{board} · {row['method']}")
        try:
            who = method_of(results, row, worlds.scenario)
            ours = floor if who.name == FLOOR else replay.play(who, worlds, episode)[1]
        except ConfigError as error:
            left_out.append(f"{row['method']}: {str(error).splitlines()[0]}")
            continue
        played.append((_about(who, ours) | {"ranked_cost": ranked_cost(results, board, who, episode)}, ours))
    bound, known = (reference_cost(results, board, episode, name) for name in ("bound_cost", BEST_KNOWN_COST))
    said = _said(worlds, episode, floor, bound, known)
    return setting, floor, played, said | {"left_out": left_out}


def _about(who: Method, ours: replay.Replay) -> dict[str, Any]:
    return {"method": who.name, "label": _label(who), "learned": who.learned, "kpis": ours.kpis}


def _label(who: Method) -> str:
    return who.name if who.train_seed is None else f"{who.name} (seed {who.train_seed})"


def _said(
    worlds: Worlds, episode: int, floor: replay.Replay, bound: float | None, known: float | None = None
) -> dict[str, Any]:
    scenario = load_scenario(worlds.scenario)
    return {
        "scenario": worlds.scenario,
        "title": scenario.title,
        "currency": scenario.currency,
        "timezone": scenario.timezone,
        "split": worlds.split,
        "recorded": worlds.recording is not None,
        "episode": episode,
        "floor_cost": round(float(floor.total_cost.sum()), 2),
        "bound_cost": None if bound is None else round(bound, 2),
        "best_known_cost": None if known is None else round(known, 2),
    }


def _write(out: Path, weeks: Mapping[str, Week], page: Callable[[dict[str, Any]], str]) -> int:
    """Writes the page with the finest time resolution that its size limit allows."""
    html = ""
    for every in COARSER:
        html = page({name: _shown(week, every) for name, week in weeks.items()})
        if len(html.encode()) <= MOST_BYTES:
            write_text(out, html)
            return len(html.encode())
    raise ConfigError(f"{out}: would have {len(html.encode()):,} bytes; must be at most {MOST_BYTES:,}")


def _shown(week: Week, every: int) -> dict[str, Any]:
    setting, floor, played, said = week
    methods = [about | replay.as_replay(ours, floor, every) for about, ours in played]
    return {**said, **replay.as_setting(setting, every), "averaged_steps": every, "methods": methods}


def _lead(results: Results) -> str:
    suite = results.suite
    boards: Sequence[str] = results.boards
    where = boards[0] if len(boards) == 1 else "each scenario"
    episodes = f"{suite.get('episodes', '?')} {suite.get('split', '')} episodes"
    return (
        f"{_best(results, boards[0])}All methods play the same {episodes} of {where}. A score of 0 is the cost of "
        "running every job on arrival; 1 is the hindsight bound, which no policy can pass."
    )


def _best(results: Results, board: str) -> str:
    """The best method of each kind."""
    rows = results.rows_of(board)
    told = captions.best(rows)
    return f"{told}{'' if len(results.boards) == 1 else f' These are the scores of {board}.'} " if told else ""
