"""Plays every rule on a recorded calendar year, week by week, checks each step, and keeps a ledger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import joblib

from wattward.baselines import registry
from wattward.configs.digests import digest
from wattward.configs.files import write_json, write_text
from wattward.configs.loading.worlds import load_scenario
from wattward.configs.schema.base import ConfigError
from wattward.envs.world.family import family_of, refuse_family
from wattward.envs.world.recording import Recording, load_recording
from wattward.envs.world.splits import WORLDS_VERSION
from wattward.experiments.common import tables
from wattward.experiments.common.finished_work import read_finished, write_finished
from wattward.experiments.common.provenance import code_digest, provenance
from wattward.experiments.common.records import Record
from wattward.experiments.evaluation.cells import blocks
from wattward.experiments.evaluation.executor import Executor, Means, drain
from wattward.experiments.evaluation.playing import FLOOR
from wattward.experiments.studies.year import play as year_play

WEEK_DAYS, WEEKS_PER_CELL = 7, 26
SUMMED = (*year_play.KEPT, *year_play.KWH, *year_play.NEGATIVE, "steps", "days")
LARGEST = ("energy_imbalance_kwh", "work_imbalance_gpu_h", "cost_imbalance", "ledger_difference")
Row = dict[str, Any]

YEAR: tuple[tables.Column, ...] = (
    ("rule", tables.text("rule")),
    ("1000 {currency}", lambda row: format(row["total_cost"] / 1000.0, ",.0f")),
    ("saving", tables.number("saving", ".1%")),
    ("late GPU-h", tables.number("late_gpu_h", ",.0f")),
    ("green", tables.number("green_share", ".1%")),
    ("h < 0", tables.number("negative_price_h", ",.0f")),
    ("kWh < 0", tables.number("negative_price_kwh", ",.0f")),
    ("± kWh", tables.number("energy_imbalance_kwh", ".0e")),
    ("± GPU-h", tables.number("work_imbalance_gpu_h", ".0e")),
    ("± {currency}", tables.number("cost_imbalance", ".0e")),
)
"""Columns of the table of a year, one row for each rule."""
NOTE = (
    "Cost: the sum of all terms. Saving: against RunOnArrival. h < 0: region-hours with a negative market price; "
    "kWh < 0: what was bought from the grid in them. ±: the largest imbalance of any step, of energy in a region, of "
    "work in a region or in transit, and of cost: a region's energy bill, or the cost against the sum of its terms."
)


class Part(NamedTuple):
    """Consecutive episodes of equal length."""

    first: date
    episodes: int
    days: int
    first_number: int

    @property
    def starts(self) -> list[date]:
        """The first day of each episode."""
        return [self.first + timedelta(days=i * self.days) for i in range(self.episodes)]


@dataclass(frozen=True)
class Cell:
    """One rule on one part of a recorded year."""

    scenario: str
    recording: str
    rule: str
    part: Part

    def name(self) -> str:
        """A name that contains everything that determines the records."""
        content = joblib.hash(_recording(self.recording, self.scenario))
        own = [Path(__file__).with_name(name).read_bytes() for name in ("year.py", "play.py")]
        about = (self.rule, load_scenario(self.scenario).model_dump_json(), str(content), code_digest())
        return digest("year", *about, str(self.part), *own)


def parts_of(year: int, weeks_per_cell: int = WEEKS_PER_CELL) -> list[Part]:
    """Divides a calendar year into blocks of whole weeks from 1 January, and the one or two days that remain."""
    first, after_last = date(year, 1, 1), date(year + 1, 1, 1)
    weeks, rest = divmod((after_last - first).days, WEEK_DAYS)
    whole = [
        Part(first + timedelta(days=begin * WEEK_DAYS), end - begin, WEEK_DAYS, begin)
        for begin, end in blocks(weeks, weeks_per_cell)
    ]
    return [*whole, Part(after_last - timedelta(days=rest), 1, rest, weeks)]


def run_year(
    scenario: str,
    recording: str,
    rules: Sequence[str],
    cache_dir: Path,
    *,
    jobs: int = 2,
    progress: bool = True,
    executor: Executor = "local",
) -> list[Row]:
    """Plays a year and returns one row for each rule. Finished cells are kept, so an interrupted run can continue.

    Args:
        scenario: name or file of the scenario.
        recording: folder of dated recorded series.
        rules: names of rules. RunOnArrival is always played.
        cache_dir: folder for finished cells.
        jobs: number of processes.
        progress: whether to show a progress bar with the remaining time.
        executor: "local" or "ray". On a cluster, every node needs scenario and recording at the same paths.

    Raises:
        ConfigError: the scenario, the recording, a rule or the executor cannot be used.
        AssertionError: a balance is violated, or a ledger differs from the simulator.
    """
    wanted = list(dict.fromkeys([FLOOR, *rules]))
    for rule in wanted:
        registry.make(rule)
    world = load_scenario(scenario)
    if family_of(world) is not None:
        refuse_family(world, "a recorded year")
    year = _recording(recording, scenario).year
    if year == 0:
        raise ConfigError(f"--recording {recording}: holds no dated series; must hold a calendar year of some")
    cells = [Cell(scenario, recording, rule, part) for rule in wanted for part in parts_of(year)]
    paths = {cell: cache_dir / "year" / f"{cell.name()}.json" for cell in cells}
    todo = [cell for cell, path in paths.items() if read_finished(path) is None]

    def keep(cell: Cell, records: list[Record]) -> None:
        write_finished(paths[cell], records)

    drain(_play, todo, keep, Means(executor, jobs, progress), "weeks of rules", done=len(paths) - len(todo))
    records = [record for path in paths.values() for record in read_finished(path) or []]
    return rows_of(records, wanted)


def rows_of(records: Sequence[Record], rules: Sequence[str]) -> list[Row]:
    """One row for each rule: sums over the year, largest imbalances, and the saving against RunOnArrival."""
    rows = [_row(rule, [record for record in records if record["rule"] == rule]) for rule in rules]
    floor = next(row["total_cost"] for row in rows if row["rule"] == FLOOR)
    return [{**row, "saving": 1.0 - row["total_cost"] / floor} for row in rows]


def publish_year(scenario: str, recording: str, rows: Sequence[Row], out: Path) -> list[Path]:
    """Writes SCENARIO.json and SCENARIO.md under `out` and returns their paths."""
    world, played = load_scenario(scenario), _recording(recording, scenario)
    paths = [out / f"{world.name}.json", out / f"{world.name}.md"]
    about = {"scenario": world.name, "year": played.year, "recorded": recorded_in(played)}
    write_json(paths[0], {**about, "rows": rows, "provenance": provenance()})
    ledger = max(row["ledger_difference"] for row in rows)
    told = (
        f"{rows[0]['days']:.0f} days of {played.year} in {rows[0]['episodes']} episodes a rule, "
        f"{rows[0]['steps']:,} steps each rule, every one checked: no balance violated. Recorded: "
        f"{', '.join(recorded_in(played))}; the rest is drawn ({WORLDS_VERSION} worlds). The ledger's kWh differ from "
        f"the simulator's by {ledger:.0e} at most, relative."
    )
    columns = tables.in_currency(YEAR, world.currency)
    write_text(
        paths[1], f"# {world.title}: the year {played.year}\n\n{told} {NOTE}\n\n{tables.markdown(columns, rows)}"
    )
    return paths


def recorded_in(recording: Recording) -> list[str]:
    """Names of the series that a recording contains."""
    held = [("sun_cf", recording.has_weather), ("wind_cf", recording.has_weather), ("requests", recording.has_requests)]
    return [name for name, there in held if there] + sorted(recording.dated)


def _play(cell: Cell) -> list[Record]:
    return year_play.play(cell.rule, _episodes(cell.scenario, cell.recording, cell.part))


@cache
def _episodes(scenario: str, recording: str, part: Part) -> year_play.Episodes:
    played = _recording(recording, scenario)
    return year_play.episodes_of(load_scenario(scenario), played, part.starts, part.days, part.first_number)


@cache
def _recording(recording: str, scenario: str) -> Recording:
    return load_recording(Path(recording), load_scenario(scenario))


def _row(rule: str, records: Sequence[Record]) -> Row:
    sums = {name: sum(_float(record[name]) for record in records) for name in SUMMED}
    most = {name: max(_float(record[name]) for record in records) for name in LARGEST}
    green = sums["green_kwh"] / sums["facility_kwh"] if sums["facility_kwh"] > 0 else 0.0
    return {"rule": rule, "episodes": len(records), **sums, "steps": round(sums["steps"]), "green_share": green, **most}


def _float(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
