"""The gap between the bound and what can be done: its plan replayed, and a search that knows what comes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
from joblib import Parallel, delayed

from wattward import baselines
from wattward.baselines.bound import bound
from wattward.baselines.hindsight import HindsightPlanner, PlanReplay
from wattward.envs.cluster_env import ClusterEnv
from wattward.envs.testing import played_yuan
from wattward.experiments import scores, tables
from wattward.experiments.records import provenance, write_json, write_text

Row = dict[str, Any]
NOTE = (
    "Score: share of the saving that the bound leaves possible. Plan replayed: the bound's plan, followed as far as "
    "the dispatcher can, by continuous shares. Search: the planner with everything known a day ahead, by modes. Gap: "
    "cost of the better of the two over the bound, less 1: what the bound relaxes, and what neither finds."
)
COLUMNS: tuple[tables.Column, ...] = (
    ("scenario", tables.text("scenario")),
    ("episode", tables.number("episode", "d")),
    ("run on arrival", tables.number("run_on_arrival_yuan", ",.0f")),
    ("bound", tables.number("bound_yuan", ",.0f")),
    ("bound s", tables.number("bound_cpu_s", ".2f")),
    ("plan replayed", tables.number("replay_score", ".3f")),
    ("search", tables.number("search_score", ".3f")),
    ("gap", tables.number("gap", ".1%")),
)


def sandwich(scenario: str, episodes: Sequence[int], *, split: str = "test", jobs: int = 2) -> list[Row]:
    """A row an episode.

    Args:
        scenario: Its name.
        episodes: Numbers of the split.
        split: Where they come from.
        jobs: Processes.
    """
    return list(Parallel(n_jobs=jobs)(delayed(_row)(scenario, split, episode) for episode in episodes))


def publish(rows: Sequence[Row], out: Path, name: str) -> list[Path]:
    """Writes NAME.json and NAME.md and returns their paths."""
    paths = [out / f"{name}.json", out / f"{name}.md"]
    write_json(paths[0], {"rows": list(rows), "provenance": provenance()})
    write_text(paths[1], f"# Between the bound and what can be done\n\n{NOTE}\n\n{tables.markdown(COLUMNS, rows)}")
    return paths


def _row(scenario: str, split: str, episode: int) -> Row:
    env, shares = ClusterEnv(scenario), ClusterEnv(scenario, action="shares")
    floor = played_yuan(env, baselines.make("RunOnArrival"), split, episode)
    began = process_time()
    plan = bound(env.params, env.world)
    spent_s = process_time() - began
    replay = played_yuan(shares, PlanReplay(plan), split, episode)
    search = played_yuan(env, HindsightPlanner(env), split, episode)
    both = scores.score(np.array([replay, search]), np.array([floor, floor]), np.full(2, plan.cost_yuan)).tolist()
    return {
        "scenario": scenario,
        "split": split,
        "episode": episode,
        "run_on_arrival_yuan": floor,
        "bound_yuan": plan.cost_yuan,
        "bound_cpu_s": spent_s,
        "replay_yuan": replay,
        "search_yuan": search,
        "replay_score": both[0],
        "search_score": both[1],
        "gap": min(replay, search) / plan.cost_yuan - 1.0,
    }
