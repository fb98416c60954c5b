"""How methods stand in each world: their scores, the limits they exceed, the episodes that they failed or missed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from wattward.configs.schema.base import ConfigError
from wattward.experiments.common.captions import DROPPED, FAILED, LATE
from wattward.experiments.common.records import BEST_KNOWN_COST, FAILURE, RECORDED, Record, frame
from wattward.experiments.evaluation import scores
from wattward.experiments.evaluation.scores import Floats

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Limits:
    """Largest shares of late and dropped work under the contract; None for no limit."""

    most_late_share: float | None = None
    most_dropped_share: float | None = None


NO_LIMITS = Limits()


class Mark(NamedTuple):
    """What is wrong with a method's episodes in one world: the mark in a table, and the reason in words."""

    mark: str
    reason: str


@dataclass(frozen=True)
class World:
    """Records of one world by method, scores of the methods that finished every episode, and marks."""

    episodes: pd.DataFrame  # one record of each episode, for what does not depend on the method
    groups: Mapping[str, pd.DataFrame]
    tables: Mapping[str, Floats]  # shape (S, E) each, with the same E episodes
    marks: Mapping[str, Mark]
    best_known: Floats | None  # scores of the best known schedules, shape (1, E); None if an episode has none


def worlds_in(records: Sequence[Record], limits: Limits = NO_LIMITS) -> dict[str, World]:
    """Groups records by world: a scenario, drawn or recorded.

    A method must play every episode that any method played in the same world. One that did not, or that failed in an
    episode, has no scores there, but a mark.

    Raises:
        ConfigError: nothing could be saved in any episode of a world, or two checkpoints have the same training seed.
    """
    table = frame(records)
    recorded = table["recorded"] if "recorded" in table else 0 * table["episode"]
    labels = table["scenario"] + np.where(recorded == 1, RECORDED, "")
    return {str(label): _world(str(label), table[labels == label], limits) for label in labels.unique()}


def _world(label: str, records: pd.DataFrame, limits: Limits) -> World:
    episodes = sorted(int(episode) for episode in records["episode"].unique())
    groups = {str(name): group for name, group in records.groupby("method", sort=False)}
    tables, marks = {}, {}
    for name, group in groups.items():
        table = score_table(group, episodes)
        mark = failure(group) or absence(group, episodes)
        if mark is None:
            tables[name] = table
            mark = breach(group, limits)
        if mark is not None:
            marks[name] = mark
    if any(np.isnan(table).all() for table in tables.values()):
        raise ConfigError(f"{label}: nothing can be saved in any of its {len(episodes)} episodes, so no score exists")
    one_each = records.drop_duplicates("episode").sort_values("episode")
    return World(one_each, groups, tables, marks, _best_known_scores(one_each))


def _best_known_scores(episodes: pd.DataFrame) -> Floats | None:
    if BEST_KNOWN_COST not in episodes or episodes[BEST_KNOWN_COST].isna().any():
        return None
    costs = (episodes[name].to_numpy(dtype=np.float64) for name in (BEST_KNOWN_COST, *scores.REFERENCES))
    return scores.score(*costs)[None, :]


def failure(group: pd.DataFrame) -> Mark | None:
    """The mark of a method that failed in some of its episodes, with the reason of the first failure."""
    failed = group[group[FAILURE].notna()] if FAILURE in group else group.iloc[:0]
    if failed.empty:
        return None
    seed, first = int(train_seeds(failed).iloc[0]), failed.iloc[0]
    run = f"{'' if seed < 0 else f'training seed {seed}, '}episode {first['episode']}"
    return Mark(FAILED, f"failed in {len(failed)} of {len(group)} episodes; {run}, {first[FAILURE]}")


def absence(group: pd.DataFrame, episodes: Sequence[int]) -> Mark | None:
    """The mark of a method that did not play all of these episodes with each of its training seeds."""
    for seed, own in group.groupby(train_seeds(group)):
        missed = sorted(set(episodes) - set(own["episode"].astype(int)))
        if missed:
            who = "" if seed < 0 else f"training seed {seed}: "
            more = f" and {len(missed) - 1} more" if len(missed) > 1 else ""
            return Mark(FAILED, f"failed: {who}episode {missed[0]}{more} is not in the records")
    return None


def breach(group: pd.DataFrame, limits: Limits) -> Mark | None:
    """The mark of a method that exceeds limits of the contract."""
    shares = (
        (LATE, limits.most_late_share, "late_gpu_h", ("work_gpu_h", "unfinished_gpu_h")),
        (DROPPED, limits.most_dropped_share, "dropped_gpu_h", ("dropped_gpu_h", "interactive_gpu_h")),
    )
    found = {}
    for word, most, column, asked in shares:
        if most is not None:
            whole = sum(float(group[part].sum()) for part in asked)
            share = float(group[column].sum()) / whole if whole > 0 else 0.0
            if share > most:
                found[word] = f"{word} {share:.2%} > {100 * most:g}%"
    return Mark(", ".join(found), ", ".join(found.values())) if found else None


def train_seeds(group: pd.DataFrame) -> pd.Series[int]:
    """The training seed of each record; -1 for none."""
    return group["train_seed"].fillna(-1).astype(int)


def score_table(group: pd.DataFrame, episodes: Sequence[int] | None = None) -> Floats:
    """Scores of one method by training seed and episode, shape (S, E).

    Episodes in which nothing could be saved are NaN, and so are episodes that are not among the records.

    Args:
        group: Records of one method in one world.
        episodes: The episodes; by default those of the records.

    Raises:
        ConfigError: two checkpoints have the same training seed.
    """
    runs = group.assign(train_seed=train_seeds(group))
    if runs.duplicated(["train_seed", "episode"]).any():
        raise ConfigError(f"method {group['method'].iloc[0]!r}: two checkpoints have the same training seed")
    wide = runs.set_index(["train_seed", "episode"])["score"].astype(float).unstack()  # noqa: PD010 - no pair occurs twice
    whole = wide if episodes is None else wide.reindex(columns=list(episodes))
    return np.asarray(whole.to_numpy(), dtype=np.float64)
