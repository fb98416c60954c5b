"""Reports results of `wattward benchmark`: every figure with its meaning, and targets beside measured values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from wattward.experiments.common.tables import MISSING, Column, Row, text

MEANINGS: dict[str, str] = {
    "single.steps_per_s": "steps within an episode",
    "single.steps_per_cpu_s": "the same, by processor time",
    "single.steps_per_s_with_resets": "with a fresh draw each episode",
    "single.cartpole_steps_per_s": "with its resets, every 20 steps",
    "single.cartpole_steps_per_cpu_s": "the same, by processor time",
    "single.ratio_to_cartpole": "steps_per_s over CartPole's",
    "vector.num_envs": "environments in the batch",
    "vector.load_average": "of the machine, before",
    "vector.steps_per_s": "VectorEnv, bank, one thread",
    "vector.steps_per_cpu_s": "the same, by processor time",
    "vector.ratio_to_cartpole": "by processor time, to one CartPole",
    "vector.two_thread_scaling": "wall clock, 2 threads against 1",
    "vector.steps_per_cpu_s_drawing": "no bank: all episodes drawn",
    "vector.steps_per_cpu_s_orders": "orders for jobs, bank, run on arrival",
    "vector.time_ratio_orders": "time a step to modes, run on arrival",
    "vector.sb3_steps_per_s": "SB3 VecEnv, bank, one thread",
    "vector.sb3_steps_per_cpu_s": "the same, by processor time",
    "profile.us_random": "µs a step in a batch, random modes",
    "profile.us_hold": "the same, always HOLD",
    "profile.us_run": "the same, always RUN",
    "profile.us_pull": "the same, always PULL",
    "profile.us_empty": "the same, no jobs in the world",
    "profile.jobs_random": "jobs present, random modes",
    "profile.jobs_hold": "jobs present, always HOLD",
    "profile.jobs_run": "jobs present, always RUN",
    "profile.jobs_pull": "jobs present, always PULL",
    "reset.draw_ms_per_region": "drawing an episode, mean",
    "reset.load_ms": "a drawn episode into place",
    "reset.reset_ms": "env.reset: both of these",
    "memory.num_envs": "environments in the batch",
    "memory.base_mb": "imports alone",
    "memory.rss_mb": "an own episode each",
    "memory.rss_bank_mb": "episodes of a shared bank",
    "memory.rss_one_mb": "one environment",
    "memory.peak_mb": "an own episode each, peak",
    "memory.peak_bank_mb": "episodes of a shared bank, peak",
    "scale.exponent_regions": "log cost on log regions",
    "scale.exponent_regions_of_largest": "between the two largest alone",
    "scale.exponent_jobs": "log cost on log active jobs",
    "scale.exponent_jobs_of_largest": "between the two largest alone",
    "training.ppo.frames_per_s": "decisions learnt from",
    "training.ppo.cartpole_frames_per_s": "stock SB3, same settings",
    "training.ppo.ratio_to_cartpole": "frames_per_s over CartPole's",
    "training.ppo.env_share": "of the time, in the environment",
    "training.dqn.frames_per_s": "decisions learnt from",
    "training.dqn.cartpole_frames_per_s": "stock SB3, same settings",
    "training.dqn.ratio_to_cartpole": "frames_per_s over CartPole's",
    "training.dqn.env_share": "of the time, in the environment",
    "start.first_step_s": "new process to first step done",
    "start.uncached_first_step_s": "the same where no kernel has been compiled yet",
    "start.help_cpu_s": "processor time of --help",
}
"""Meaning of every single figure, by its key."""

FAMILIES: dict[str, str] = {
    "scale.regions": "µs a step, REGIONSxJOBS",
    "scale.jobs": "µs a step, REGIONSxJOBS",
    "training.ppo.parts": "share of the time",
    "training.dqn.parts": "share of the time",
    "start.decision_us": "µs of a decision",
}
"""Meaning of figures that exist for each scenario, part or policy, by the key of the group."""


class Target(NamedTuple):
    """A limit that a figure must meet."""

    key: str
    at_least: float | None = None
    at_most: float | None = None

    def __str__(self) -> str:
        """The limit as text."""
        return f"≥ {self.at_least:g}" if self.at_least is not None else f"≤ {self.at_most:g}"

    def met(self, measured: float) -> bool:
        """Whether a measured figure meets the limit."""
        return (self.at_least is None or measured >= self.at_least) and (
            self.at_most is None or measured <= self.at_most
        )


TARGETS = (
    Target("single.ratio_to_cartpole", at_least=1.0),
    Target("vector.ratio_to_cartpole", at_least=10.0),
    Target("vector.two_thread_scaling", at_least=1.7),
    Target("vector.time_ratio_orders", at_most=1.5),
    Target("reset.draw_ms_per_region", at_most=2.0),
    Target("memory.rss_mb", at_most=2000.0),
    Target("scale.exponent_regions", at_most=1.1),
    Target("scale.exponent_jobs", at_most=1.1),
    Target("training.ppo.env_share", at_most=0.08),
    Target("training.ppo.ratio_to_cartpole", at_least=1.0),
    Target("training.dqn.env_share", at_most=0.08),
    Target("training.dqn.ratio_to_cartpole", at_least=1.0),
    Target("start.uncached_first_step_s", at_most=15.0),
    Target("start.first_step_s", at_most=3.0),
    Target("start.help_cpu_s", at_most=0.5),
)


def _number(key: str) -> Any:  # noqa: ANN401 - a column's cell
    return lambda row: MISSING if row.get(key) is None else _short(row[key])


def _short(value: float) -> str:
    for scale, suffix in ((1e6, "M"), (1e3, "k")):
        if abs(value) >= 10 * scale:
            return f"{value / scale:,.{0 if abs(value) >= 99.95 * scale else 1}f}{suffix}"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _range(row: Row) -> str:
    return MISSING if row["low"] is None else f"{_short(row['low'])} – {_short(row['high'])}"


FIGURES: tuple[Column, ...] = (
    ("figure", text("key")),
    ("median", _number("value")),
    ("min – max", _range),
    ("what it is", text("meaning")),
)
"""Columns of the table of figures."""

TARGET_COLUMNS: tuple[Column, ...] = (
    ("target", text("key")),
    ("measured", _number("measured")),
    ("wanted", text("target")),
    ("", lambda row: "met" if row["met"] else "NOT MET"),
)
"""Columns of the table of targets."""


def target_rows(sections: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One row for each target whose figure was measured, with `met`."""
    figures = {row["key"]: row["value"] for row in figure_rows(sections)}
    return [
        {"key": t.key, "measured": figures[t.key], "target": str(t), "met": t.met(figures[t.key])}
        for t in TARGETS
        if t.key in figures
    ]


def figure_rows(sections: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One row for each figure: its dotted key, median, range and meaning."""
    return [_row(*figure) for name, section in sections.items() for figure in _figures(name, section, None)]


def markdown() -> str:
    """All figures and their meanings, as a table for the documentation."""
    entries = {**MEANINGS, **{f"{family}.*": meaning for family, meaning in FAMILIES.items()}}
    lines = [f"| `{key}` | {meaning} |\n" for key, meaning in entries.items()]
    return "".join(["| figure | what it is |\n", "|:--|:--|\n", *lines])


def _row(key: str, value: float, limits: Sequence[float] | None) -> dict[str, Any]:
    low, high = limits or (None, None)
    meaning = MEANINGS.get(key) or next((FAMILIES[family] for family in FAMILIES if key.startswith(f"{family}.")), "")
    return {"key": key, "value": value, "low": low, "high": high, "meaning": meaning}


def _figures(key: str, value: Any, limits: Any) -> Iterator[tuple[str, float, Any]]:  # noqa: ANN401 - JSON
    if isinstance(value, Mapping):
        for name, inner in value.items():
            if not name.endswith("_range"):
                beside = limits.get(name) if isinstance(limits, Mapping) else value.get(f"{name}_range")
                yield from _figures(f"{key}.{name}", inner, beside)
    elif isinstance(value, list):
        for point in value:
            yield f"{key}.{point['scenario']}", point["us_per_step"], point["us_per_step_range"]
    else:
        yield key, float(value), limits
