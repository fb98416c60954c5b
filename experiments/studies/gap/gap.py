"""Measures the bracket around the optimum: the bound below, and above it what searches with full foresight reach."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
from joblib import Parallel, delayed

from wattward.baselines import registry
from wattward.baselines.bound.bound import Bound, bound
from wattward.baselines.optimisers.hindsight import HindsightPlanner, PlanReplay
from wattward.baselines.schedules.best import best_schedule
from wattward.configs.files import write_json, write_text
from wattward.configs.loading.worlds import load_scenario
from wattward.configs.schema.scenario import Scenario
from wattward.configs.schema.suite import Precision
from wattward.envs.checks.balances import played_cost
from wattward.envs.interfaces.cluster_env import ClusterEnv
from wattward.envs.world.splits import WORLDS_VERSION
from wattward.experiments.common import tables
from wattward.experiments.common.provenance import provenance
from wattward.experiments.evaluation import scores
from wattward.experiments.studies.gap.local_search import FINE, Actions, descend, executed
from wattward.experiments.studies.gap.relaxed import relaxed

Row = dict[str, Any]
NOTE = (
    "Score: share of the saving that the fast bound leaves possible. Tight: what the tight bound takes off it; s: CPU "
    "seconds of either. Plan replayed: the fast bound's plan, followed as far as the dispatcher can, by continuous "
    "shares. Search: the planner with everything known a day ahead, by modes. Descended: the search's modes, changed "
    "block by block wherever the cost of the whole known episode falls, until nothing falls. Best known: the best "
    "schedule per job that was found with everything known, as the simulator plays it. Bracket: cost of the best of "
    "these over the bound, less 1; the optimum lies between them."
)
COLUMNS: tuple[tables.Column, ...] = (
    ("scenario", tables.text("scenario")),
    ("changed", tables.text("changed")),
    ("episodes", tables.number("episodes", "d")),
    ("run on arrival", tables.number("run_on_arrival_cost", ",.0f")),
    ("bound", tables.number("bound_cost", ",.0f")),
    ("s", tables.number("bound_cpu_s", ".2f")),
    ("tight", tables.number("tighter_by", ".2%")),
    ("s", tables.number("tight_cpu_s", ".1f")),
    ("plan replayed", tables.number("replay_score", ".3f")),
    ("search", tables.number("search_score", ".3f")),
    ("descended", tables.number("descended_score", ".3f")),
    ("best known", tables.number("best_known_score", ".3f")),
    ("bracket", tables.number("gap", ".2%")),
)

BRACKET_NOTE = (
    "The optimum lies between the bound and the cost of the best known schedule: a search that knows the whole episode "
    "found it, job by job, and the simulator played it. Score: 0 is RunOnArrival, 1 the bound. Least: the lowest score "
    "of an episode. Bracket: cost of the best known schedule over the bound, less 1. s: CPU seconds of the search for "
    "an episode."
)
BRACKET_COLUMNS: tuple[tables.Column, ...] = (
    ("scenario", tables.text("scenario")),
    ("episodes", tables.number("episodes", "d")),
    ("run on arrival", tables.number("run_on_arrival_cost", ",.0f")),
    ("bound", tables.number("bound_cost", ",.0f")),
    ("best known", tables.number("best_known_cost", ",.0f")),
    ("score", tables.number("best_known_score", ".3f")),
    ("least", tables.number("least", ".3f")),
    ("bracket", tables.number("gap", ".2%")),
    ("s", tables.number("search_cpu_s", ".0f")),
)


def best_known_only(scenario: str, episodes: Sequence[int], *, split: str = "test", jobs: int = 2) -> list[Row]:
    """The bound and the best known schedule alone; one row for each episode.

    The arguments are as for `bracket`.
    """
    found = Parallel(n_jobs=jobs)(delayed(_best_known_row)(scenario, split, episode) for episode in episodes)
    return list(found)


def bracket_means(rows: Sequence[Row]) -> list[Row]:
    """One row for each scenario: means over its episodes, their number, and the lowest score."""
    least: dict[str, float] = {}
    for row in rows:
        least[row["scenario"]] = min(row["best_known_score"], least.get(row["scenario"], 1.0))
    return [mean | {"least": least[mean["scenario"]]} for mean in means([row | {"changed": ""} for row in rows])]


def publish_bracket(rows: Sequence[Row], out: Path) -> list[Path]:
    """Writes bracket.json and bracket.md and returns their paths."""
    paths = [out / "bracket.json", out / "bracket.md"]
    write_json(paths[0], {"rows": list(rows), "provenance": provenance()})
    table = tables.markdown(BRACKET_COLUMNS, bracket_means(rows))
    write_text(paths[1], f"# The bracket around the optimum\n\n{BRACKET_NOTE}\n\n{table}")
    return paths


def _best_known_row(scenario: str, split: str, episode: int) -> Row:
    env = ClusterEnv(scenario)
    floor = played_cost(env, registry.make("RunOnArrival"), split, episode)
    lowest, began = bound(env.params, env.world).total_cost, process_time()
    found = best_schedule(env, split, episode).total_cost
    return {
        "scenario": env.scenario.name,
        "split": split,
        "episode": episode,
        "run_on_arrival_cost": floor,
        "bound_cost": lowest,
        "best_known_cost": found,
        "best_known_score": (floor - found) / (floor - lowest),
        "gap": found / lowest - 1.0,
        "search_cpu_s": process_time() - began,
    }


def bracket(
    scenario: str,
    episodes: Sequence[int],
    *,
    split: str = "test",
    jobs: int = 2,
    relax: bool = False,
    improve: bool = False,
) -> list[Row]:
    """Measures the gap; one row for each episode and scenario.

    Args:
        scenario: Name of the scenario.
        episodes: Numbers of the episodes in the split.
        split: Split of the episodes.
        jobs: Number of processes.
        relax: Whether to add relaxed scenarios, see `wattward.experiments.studies.gap.relaxed`.
        improve: Whether to improve the search's modes, see `wattward.experiments.studies.gap.local_search`.
    """
    whole = load_scenario(scenario)
    worlds = relaxed(whole) if relax else {"": whole}
    rows = product(worlds.items(), episodes)
    play = delayed(_row)
    return list(Parallel(n_jobs=jobs)(play(*world, split, episode, improve) for world, episode in rows))


def means(rows: Sequence[Row]) -> list[Row]:
    """One row for each scenario and change: means over its episodes, and their number."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row["scenario"], row["changed"]), []).append(row)
    numbers = [key for key, value in rows[0].items() if isinstance(value, float)]
    return [
        {"scenario": scenario, "changed": changed, "episodes": len(group)}
        | {key: float(np.mean([row[key] for row in group])) for key in numbers}
        for (scenario, changed), group in groups.items()
    ]


def publish(rows: Sequence[Row], out: Path, name: str) -> list[Path]:
    """Writes NAME.json and NAME.md and returns their paths."""
    paths = [out / f"{name}.json", out / f"{name}.md"]
    write_json(paths[0], {"rows": list(rows), "provenance": provenance()})
    write_text(
        paths[1],
        f"# Between the bound and what can be done\n\nWorlds: {WORLDS_VERSION}. {NOTE}\n\n"
        f"{tables.markdown(COLUMNS, means(rows))}",
    )
    return paths


def _row(changed: str, scenario: Scenario, split: str, episode: int, improve: bool) -> Row:
    env, shares = ClusterEnv(scenario), ClusterEnv(scenario, action="shares")
    floor = played_cost(env, registry.make("RunOnArrival"), split, episode)
    plan, spent_s = _timed_bound(env, "fast")
    tight, tight_s = _timed_bound(env, "tight")
    replay = played_cost(shares, PlanReplay(plan), split, episode)
    actions, search = executed(env, HindsightPlanner(), split, episode)
    descended = _descended(env, actions) if improve else None
    found = best_schedule(env, split, episode).total_cost
    reached = [replay, search, search if descended is None else descended, found]
    known = scores.score(np.array(reached), np.full(4, floor), np.full(4, plan.total_cost)).tolist()
    return {
        "scenario": scenario.name,
        "changed": changed,
        "split": split,
        "episode": episode,
        "run_on_arrival_cost": floor,
        "bound_cost": plan.total_cost,
        "bound_cpu_s": spent_s,
        "tight_cost": tight.total_cost,
        "tight_cpu_s": tight_s,
        "tighter_by": (tight.total_cost - plan.total_cost) / (floor - plan.total_cost),
        "replay_cost": replay,
        "search_cost": search,
        "replay_score": known[0],
        "search_score": known[1],
        "descended_cost": descended,
        "descended_score": None if descended is None else known[2],
        "best_known_cost": found,
        "best_known_score": known[3],
        "gap": min(reached) / plan.total_cost - 1.0,
    }


def _descended(env: ClusterEnv, actions: Actions) -> float:
    """Cost [currency] of the actions after improving them hour by hour, then step by step."""
    hours, _ = descend(env, actions, block=max(1, round(1.0 / env.scenario.step_h)))
    return descend(env, hours, block=1, widths=FINE)[1]


def _timed_bound(env: ClusterEnv, precision: Precision) -> tuple[Bound, float]:
    began = process_time()
    return bound(env.params, env.world, precision=precision), process_time() - began
