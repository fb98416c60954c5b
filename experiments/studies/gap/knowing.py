"""What each truth is worth to a method: its score when it knows none, one at a time, and all of them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any, Literal

import numpy as np
from joblib import Parallel, delayed

from wattward.baselines import registry
from wattward.baselines.bound.bound import bound
from wattward.baselines.schedules.best import best_schedule
from wattward.configs.files import write_json, write_text
from wattward.envs.checks.balances import played_cost
from wattward.envs.interfaces.cluster_env import ClusterEnv
from wattward.envs.policy.episode import play_episode
from wattward.envs.policy.lookout import Lookout
from wattward.envs.policy.outlook import Outlook
from wattward.envs.policy.protocol import Decision, Policy, Sight
from wattward.experiments.common import tables
from wattward.experiments.common.provenance import provenance
from wattward.experiments.evaluation import scores

Row = dict[str, Any]
Truth = Literal["arrivals", "lengths", "forecasts"]
TRUTHS: tuple[Truth, ...] = ("arrivals", "lengths", "forecasts")
"""What may be known: which jobs come when; how much work jobs have; sun, wind, requests and carbon of a day ahead."""
NOTE = (
    "Mean score (0 RunOnArrival, 1 the bound) of each method as it is; when it also knows which jobs will arrive "
    "(arrivals), the true work of the jobs present (lengths), or the true sun, wind, requests and carbon of the coming "
    "day (forecasts), one at a time; and when it knows all three. A method that does not plan with jobs to come gains "
    "nothing by arrivals. What a method loses even with all truths is its own: what it decides, and how well it "
    "searches. Best known: the best schedule per job that was found with everything known."
)
COLUMNS: tuple[tables.Column, ...] = (
    ("scenario", tables.text("scenario")),
    ("method", tables.text("method")),
    ("episodes", tables.number("episodes", "d")),
    ("as it is", tables.number("none", ".3f")),
    *((f"+ {truth}", tables.number(truth, ".3f")) for truth in TRUTHS),
    ("all", tables.number("all", ".3f")),
    ("best known", tables.number("best_known", ".3f")),
)
SETS: dict[str, frozenset[Truth]] = {
    "none": frozenset(),
    **{truth: frozenset({truth}) for truth in TRUTHS},
    "all": frozenset(TRUTHS),
}
"""The sets of truths that methods are shown, by the name of the column."""


def worth_of_truths(
    scenario: str, methods: Sequence[str], episodes: Sequence[int], *, split: str = "test", jobs: int = 2
) -> list[Row]:
    """Scores of methods by what they know; one row for each method and episode.

    Args:
        scenario: Name of the scenario.
        methods: Names of rules and optimisers.
        episodes: Numbers of the episodes in the split.
        split: Split of the episodes.
        jobs: Number of processes.

    Raises:
        ConfigError: a method or the scenario is unknown.
    """
    for name in methods:
        registry.make(name)
    limits = Parallel(n_jobs=jobs)(delayed(_limits)(scenario, split, episode) for episode in episodes)
    against = dict(zip(episodes, limits, strict=True))
    play = delayed(_row)
    rows = Parallel(n_jobs=jobs)(
        play(scenario, split, name, episode, against[episode]) for name, episode in product(methods, episodes)
    )
    return list(rows)


def means(rows: Sequence[Row]) -> list[Row]:
    """One row for each scenario and method: means over its episodes, and their number."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row["scenario"], row["method"]), []).append(row)
    return [
        {"scenario": scenario, "method": method, "episodes": len(group)}
        | {key: float(np.mean([row[key] for row in group])) for key in (*SETS, "best_known")}
        for (scenario, method), group in groups.items()
    ]


def publish(rows: Sequence[Row], out: Path) -> list[Path]:
    """Writes truths.json and truths.md and returns their paths."""
    paths = [out / "truths.json", out / "truths.md"]
    write_json(paths[0], {"rows": list(rows), "provenance": provenance()})
    write_text(paths[1], f"# What each truth is worth\n\n{NOTE}\n\n{tables.markdown(COLUMNS, means(rows))}")
    return paths


Limits = tuple[float, float, float]
"""Costs of RunOnArrival, the bound and the best known schedule [currency]."""


def _limits(scenario: str, split: str, episode: int) -> Limits:
    env = ClusterEnv(scenario)
    floor = played_cost(env, registry.make("RunOnArrival"), split, episode)
    lowest = bound(env.params, env.world).total_cost
    return floor, lowest, best_schedule(env, split, episode).total_cost


def _row(scenario: str, split: str, method: str, episode: int, limits: Limits) -> Row:
    env, (floor, lowest, known) = ClusterEnv(scenario), limits
    costs = [known]
    for truths in SETS.values():
        policy, rng = Knowing(registry.make(method), truths), np.random.default_rng(episode)
        costs.append(play_episode(policy, env, split=split, episode=episode, rng=rng).total_cost)
    earned = scores.score(np.array(costs), np.full(len(costs), floor), np.full(len(costs), lowest)).tolist()
    return {
        "scenario": env.scenario.name,
        "method": method,
        "split": split,
        "episode": episode,
        **dict(zip(("best_known", *SETS), earned, strict=True)),
    }


class Knowing:
    """A policy that knows some truths. It is a diagnostic and must never be ranked.

    A policy that does not plan with jobs to come gains nothing by `arrivals`, except that it sees the true power of
    direct lines and rivers.
    """

    sees: Sight = "everything"

    def __init__(self, policy: Policy, truths: frozenset[Truth]) -> None:
        """Shows `policy` the given truths, and otherwise what may be known."""
        self._policy, self._truths = policy, truths
        self.name = policy.name

    def reset(self, outlook: Outlook, rng: np.random.Generator) -> None:
        """Begins an episode.

        Raises:
            ValueError: the outlook is not perfect.
        """
        if outlook.truth is None:
            raise ValueError("the outlook is not perfect: it holds no truths to show")
        self._lookout = Lookout(outlook.scenario, outlook.params, outlook.truth.world)
        self._policy.reset(self._shown(outlook), rng)

    def act(self, outlook: Outlook) -> Decision:
        """The policy's decision, given what it is shown."""
        return self._policy.act(self._shown(outlook))

    def _shown(self, outlook: Outlook) -> Outlook:
        truth = outlook.truth
        return outlook.in_part(
            forecasts=None if "forecasts" in self._truths else self._lookout.forecasts(outlook.step),
            expected_gpu_h=None if "lengths" in self._truths or truth is None else truth.estimate_gpu_h,
            truth=truth if "arrivals" in self._truths else None,
        )
