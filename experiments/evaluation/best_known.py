"""The best known schedule of an episode, as boards take it."""

from __future__ import annotations

from wattward.experiments.evaluation.playing import environment
from wattward.experiments.evaluation.worlds import Worlds


def best_known(worlds: Worlds, episode: int) -> float:
    """Cost of the best known schedule of an episode [currency], for `run_suite(..., best_known=best_known)`.

    Raises:
        ConfigError: the scenario or the recording cannot be used.
    """
    from wattward.baselines.schedules.best import best_schedule

    env = environment(worlds.scenario, worlds.recording)
    return best_schedule(env, worlds.split, episode).total_cost
