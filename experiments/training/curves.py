"""Learning curves of training runs, and how soon each run saves as much as a rule on the same validation episodes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from wattward.configs.files import write_json, write_text
from wattward.configs.schema.base import ConfigError
from wattward.experiments.common import tables
from wattward.experiments.common.plotting import INK, LINES, RULE, save, style
from wattward.experiments.common.provenance import provenance

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NEAR = 0.9
"""Share of the bound's saving that serves as a second target, in addition to the rule's saving."""
COLUMNS: tuple[tables.Column, ...] = (
    ("scenario", tables.text("scenario")),
    ("agent", tables.text("agent")),
    ("seeds", tables.number("seeds", "d")),
    ("rule", tables.number("rule_saving", ".1%")),
    ("bound", tables.number("bound_saving", ".1%")),
    ("best of a run", tables.text("best")),
    ("decisions to the rule's", tables.text("decisions_to_rule")),
    ("steps", tables.text("frames_to_rule")),
    ("seconds", tables.text("seconds_to_rule")),
    ("to 0.9 of the bound's", tables.text("decisions_to_near")),
)
LOW_DOWN = 0.15
"""Share of a panel's height within which a label would overlap the axis below it or the legend next to it."""
NOTE = (
    "Saving of total cost against running all on arrival, on the run's own validation episodes; range over training "
    "seeds. Decisions, steps of the environment and seconds of training until a run first saves what the rule "
    "saves on those episodes; seconds are of the machine the runs were made on. A run is measured ten or twenty times."
)


@dataclass(frozen=True)
class Curve:
    """The validation results of one run."""

    scenario: str
    agent: str
    seed: int
    action_repeat: int
    decisions: list[int]
    seconds: list[float]
    saving: list[float]

    def reached(self, saving: float) -> int | None:
        """Returns the index of the first validation that saves at least `saving`, or None."""
        there = np.flatnonzero(np.array(self.saving) >= saving)
        return int(there[0]) if there.size else None


@dataclass(frozen=True)
class Level:
    """Savings of a rule and of the bound on a scenario's validation episodes."""

    scenario: str
    rule: str
    rule_saving: float
    bound_saving: float
    episodes: list[int]


def read_runs(folder: Path) -> list[Curve]:
    """Reads the curves of all finished runs below a folder.

    Raises:
        ConfigError: the folder holds no finished run.
    """
    runs = sorted(path.parent for path in folder.glob("*/*/seed-*/run.json") if (path.parent / "final").is_dir())
    curves = [_read(run) for run in runs]
    if not curves:
        raise ConfigError(f"{folder}: holds no finished run (SCENARIO/AGENT/seed-N/final)")
    return curves


def read_published(path: Path) -> tuple[list[Curve], dict[str, Level]]:
    """Reads curves, and levels by scenario, from a published `curves.json`; the runs themselves may be deleted.

    Raises:
        ConfigError: the file cannot be read or is not a `curves.json`.
    """
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
        levels = [Level(**known) for known in held["levels"]]
        return [Curve(**curve) for curve in held["curves"]], {known.scenario: known for known in levels}
    except (OSError, UnicodeDecodeError, ValueError, TypeError, KeyError) as error:
        raise ConfigError(f"{path}: must be a curves.json that `wattward study curves` wrote ({error!r})") from error


def gathered(sources: Sequence[Path]) -> tuple[list[Curve], dict[str, Level]]:
    """Collects sorted curves from folders of runs and from published files, and the levels from these files.

    If several sources hold the same agent on the same scenario, the first source is used.

    Raises:
        ConfigError: a folder holds no finished run, or a file is not a `curves.json`.
    """
    curves: dict[tuple[str, str], list[Curve]] = {}
    levels: dict[str, Level] = {}
    for source in sources:
        found, known = read_published(source) if source.suffix == ".json" else (read_runs(source), {})
        here: dict[tuple[str, str], list[Curve]] = {}
        for curve in found:
            here.setdefault((curve.scenario, curve.agent), []).append(curve)
        curves, levels = here | curves, known | levels
    return [curve for key in sorted(curves) for curve in curves[key]], levels


def _read(run: Path) -> Curve:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    facts: dict[str, Any] = json.loads((run / "run.json").read_text(encoding="utf-8"))
    events = EventAccumulator(str(run / "tensorboard"))
    events.Reload()
    shown = events.Scalars("validation/saving")
    began = min(events.Scalars(tag)[0].wall_time for tag in events.Tags()["scalars"])
    return Curve(
        facts["scenario"],
        facts["agent"],
        int(facts["seed"]),
        int(facts["settings"]["action_repeat"]),
        [int(event.step) for event in shown],
        [round(float(event.wall_time - began), 1) for event in shown],
        [float(event.value) for event in shown],
    )


def level(scenario: str, rule: str, n_episodes: int, seed: int = 0) -> Level:
    """Computes what a rule and the bound save on the validation episodes of runs.

    Args:
        scenario: Name of the scenario.
        rule: Name of the rule.
        n_episodes: Number of validation episodes in the run's settings.
        seed: Seed for the choice of episodes, the same as in training.
    """
    from wattward.baselines import registry
    from wattward.baselines.bound.bound import bound
    from wattward.envs.checks.balances import played_cost
    from wattward.envs.interfaces.cluster_env import ClusterEnv
    from wattward.envs.world.splits import choose

    env = ClusterEnv(scenario)
    streams = np.random.SeedSequence(seed).spawn(n_episodes)
    episodes = [choose(np.random.default_rng(stream)) for stream in streams]
    costs = np.zeros((3, n_episodes))
    for k, episode in enumerate(episodes):
        for row, name in enumerate(("RunOnArrival", rule)):
            costs[row, k] = played_cost(env, registry.make(name), "validation", episode)
        costs[2, k] = bound(env.params, env.world).total_cost
    total = costs.sum(axis=1)
    return Level(scenario, rule, float(1 - total[1] / total[0]), float(1 - total[2] / total[0]), episodes)


def rows(curves: Sequence[Curve], levels: dict[str, Level]) -> list[dict[str, Any]]:
    """Makes the rows of the table, one for each agent and scenario."""
    groups: dict[tuple[str, str], list[Curve]] = {}
    for curve in curves:
        groups.setdefault((curve.scenario, curve.agent), []).append(curve)
    return [_row(key, group, levels[key[0]]) for key, group in groups.items()]


def _row(key: tuple[str, str], group: Sequence[Curve], known: Level) -> dict[str, Any]:
    def when(saving: float, value: Callable[[Curve, int], float], spec: str) -> str:
        found = [(curve, curve.reached(saving)) for curve in group]
        values = [value(curve, at) for curve, at in found if at is not None]
        if not values:
            return "never"
        missed = len(group) - len(values)
        return _range(values, spec) + (f", {missed} never" if missed else "")

    best = [max(curve.saving) for curve in group]
    rule = known.rule_saving
    return {
        "scenario": key[0],
        "agent": key[1],
        "seeds": len(group),
        "rule_saving": rule,
        "bound_saving": known.bound_saving,
        "best": _range(best, ".1%"),
        "decisions_to_rule": when(rule, lambda curve, at: curve.decisions[at], ",.0f"),
        "frames_to_rule": when(rule, lambda curve, at: curve.decisions[at] * curve.action_repeat, ",.0f"),
        "seconds_to_rule": when(rule, lambda curve, at: curve.seconds[at], ",.0f"),
        "decisions_to_near": when(NEAR * known.bound_saving, lambda curve, at: curve.decisions[at], ",.0f"),
    }


def _range(values: Sequence[float], spec: str) -> str:
    low, high = format(min(values), spec), format(max(values), spec)
    return low if low == high else f"{low} to {high}"


def publish(curves: Sequence[Curve], levels: dict[str, Level], out: Path) -> list[Path]:
    """Writes curves.json, curves.md and curves.png, and returns their paths."""
    paths = [out / f"curves.{suffix}" for suffix in ("json", "md", "png")]
    table = rows(curves, levels)
    kept = {"curves": [asdict(curve) for curve in curves], "levels": [asdict(known) for known in levels.values()]}
    write_json(paths[0], {**kept, "rows": table, "provenance": provenance()})
    write_text(paths[1], f"# Learning curves\n\n{NOTE}\n\n{tables.markdown(COLUMNS, table)}\n![curves](curves.png)\n")
    draw(curves, levels, paths[2])
    return paths


def draw(curves: Sequence[Curve], levels: dict[str, Level], path: Path) -> None:
    """Draws one panel for each scenario: a line for each run, the rule as a level, and the bound in the heading."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    agents = dict.fromkeys(curve.agent for curve in curves)
    colours = dict(zip(agents, LINES, strict=False))
    wide, high = min(3, len(levels)), -(-len(levels) // 3)
    with mpl.rc_context(style(9.5)):
        figure = Figure(figsize=(4.4 * wide, 3.2 * high), layout="constrained")
        axes = figure.subplots(high, wide, squeeze=False)
        for axis, known in zip(axes.flat, levels.values(), strict=False):
            _panel(axis, [curve for curve in curves if curve.scenario == known.scenario], known, colours)
        for axis in axes.flat[len(levels) :]:
            axis.set_visible(False)
        save(figure, path, dpi=150)


def _panel(axis: Axes, curves: Sequence[Curve], known: Level, colours: Mapping[str, str]) -> None:
    for curve in curves:
        at, shown = np.array(curve.decisions) / 1000.0, 100.0 * np.array(curve.saving)
        first = curve.agent not in axis.get_legend_handles_labels()[1]
        label = curve.agent if first else None
        axis.plot(at, shown, color=colours.get(curve.agent, INK), linewidth=1.2, alpha=0.85, label=label)
    rule = 100.0 * known.rule_saving
    axis.axhline(rule, color=RULE, linestyle="--", linewidth=1.0)
    low, high = axis.get_ylim()
    height = (rule - low) / (high - low)
    offset, side = ((0, 3), "bottom") if height < LOW_DOWN else ((0, -3), "top")
    place = axis.get_yaxis_transform()
    axis.annotate(known.rule, (0.99, rule), offset, place, "offset points", ha="right", va=side, color=RULE)
    axis.set_title(f"{known.scenario}   (bound {known.bound_saving:.1%})", loc="left", fontsize=9.5)
    axis.set_xlabel("thousand decisions")
    axis.set_ylabel("validation saving [%]")
    axis.spines[["top", "right"]].set_visible(False)
    axis.legend(frameon=False, loc="center right" if abs(height - 0.5) > LOW_DOWN else "lower right")
