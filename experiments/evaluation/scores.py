"""Scores of single episodes; `statistics` summarises the scores of many episodes."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from wattward.configs.schema.base import ConfigError
from wattward.experiments.common.records import BEST_KNOWN_COST, FAILURE, Record

Floats = NDArray[np.float64]
BOUND_MARGIN = 1e-9
"""Relative margin, the same as `wattward.baselines.lp` subtracts from its dual values."""
SCORE_MARGIN = 1e-6
"""How far a score may lie above 1 because of rounding."""
REFERENCES = ("run_on_arrival_cost", "bound_cost")
COSTED = {
    "RunOnArrival costs": "run_on_arrival_cost",
    "the best known schedule costs": BEST_KNOWN_COST,
    "costs": "total_cost",
}
"""How a message begins about each cost that must not be below the bound."""


def score(total_cost: Floats, run_on_arrival_cost: Floats, bound_cost: Floats) -> Floats:
    """Returns the attained share of the possible saving: 0 is running on arrival, 1 is the hindsight bound.

    An episode in which nothing can be saved has no score (NaN). A cost that is below the bound by no more than the
    bound's own margin scores 1.
    """
    attainable = np.asarray(run_on_arrival_cost, dtype=np.float64) - bound_cost
    attained = np.asarray(run_on_arrival_cost, dtype=np.float64) - total_cost
    possible = attainable > 1e-9 * np.abs(run_on_arrival_cost)
    share = attained / np.where(possible, attainable, 1.0)
    at_bound = (share > 1.0) & ~_is_below(np.asarray(total_cost), np.asarray(bound_cost))
    return np.where(possible, np.where(at_bound, 1.0, share), np.nan)


def _is_below(total_cost: Floats, bound_cost: Floats) -> NDArray[np.bool_]:
    """Returns whether costs are below the bound by more than its safety margin."""
    return np.asarray(total_cost < bound_cost - BOUND_MARGIN * np.abs(bound_cost))


def refuse_impossible(record: Record) -> None:
    """Checks that an episode's costs and score are possible.

    Raises:
        ConfigError: a cost is not finite, a cost is below the hindsight bound, or the score is above 1. The message
            names method, scenario and episode.
    """
    fault = next(_faults(record), None)
    if fault is not None:
        seed = "" if record.get("train_seed") is None else f" (training seed {record['train_seed']})"
        where = f"scenario {record['scenario']}, {record.get('split', '')} episode {record['episode']}"
        raise ConfigError(f"method {record['method']}{seed}, {' '.join(where.split())}: {fault}")


def _faults(record: Record) -> Iterator[str]:
    failed = bool(record.get(FAILURE))
    schedule = [BEST_KNOWN_COST] if record.get(BEST_KNOWN_COST) is not None else []
    played = [] if failed else [name for name in record if name.endswith("_cost") and name != BEST_KNOWN_COST]
    needed = dict.fromkeys((*REFERENCES, *schedule, *played))
    wrong = [name for name in needed if not _is_finite(record.get(name))]
    if wrong:
        yield f"its {wrong[0]} is {record.get(wrong[0])}; must be a finite number"
        return
    bound = float(record["bound_cost"] or 0.0)
    for who, name in COSTED.items():
        cost = float(record[name] or 0.0) if name in needed else bound
        if _is_below(np.asarray(cost), np.asarray(bound)):
            yield f"{who} {cost!r}, less than the hindsight bound, {bound!r}; the method or the bound is at fault"
    score = record.get("score")
    if score is not None and not float(score) <= 1.0 + SCORE_MARGIN:
        yield f"its score is {score}; must be at most 1, the score of the hindsight bound"


def _is_finite(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def saving(total_cost: Floats, run_on_arrival_cost: Floats) -> float:
    """Returns 1 - total cost / total cost of running on arrival, summed over all given episodes."""
    return float(1.0 - np.sum(total_cost) / np.sum(run_on_arrival_cost))
