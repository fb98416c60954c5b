"""Cards of scenarios: a page from the fields and a typical day, with a picture of that day."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from wattward.configs.files import write_text
from wattward.configs.loading.reading import names
from wattward.configs.loading.worlds import load_scenario
from wattward.configs.schema.scenario import Scenario
from wattward.envs.interfaces.registration import ENVIRONMENTS
from wattward.experiments.common import tables
from wattward.experiments.describe import sheets as describe
from wattward.experiments.describe.figure import draw_day
from wattward.experiments.describe.names import leaves, shown
from wattward.experiments.describe.sheets import Sheet
from wattward.experiments.describe.typical_day import Day, play_day
from wattward.experiments.studies.cases.peak_offset import CASES

INDEX = "README.md"
UNTOLD = ("name", "title", "source")


def write_cards(folder: Path) -> None:
    """Writes NAME.md and NAME.png for every shipped scenario, and an index. Cards of removed scenarios are deleted.

    Raises:
        ConfigError: the folder cannot be written to.
    """
    for name in names("scenarios"):
        scenario = load_scenario(name)
        day = play_day(scenario)
        write_text(folder / f"{name}.md", card(scenario, day))
        draw_day(day, folder / f"{name}.png")
    write_text(folder / INDEX, index())
    for path in [*folder.glob("*.md"), *folder.glob("*.png")]:
        if path.name != INDEX and path.stem not in names("scenarios"):
            path.unlink()


def index() -> str:
    """The index of all cards."""
    lines = [f"- [{name}]({name}.md): {load_scenario(name).title}" for name in names("scenarios")]
    return "# Scenarios\n\nOne card each, written by `make cards`.\n\n" + "\n".join(lines) + "\n"


def card(scenario: Scenario, day: Day) -> str:
    """The page of a scenario.

    Args:
        scenario: A shipped scenario.
        day: Its typical day.
    """
    parts = [
        f"# {scenario.title}\n",
        _used_by(scenario.name),
        f"![a typical day of {scenario.name}]({scenario.name}.png)\n",
        f"{describe.day_title(day)}. All work runs on arrival.\n",
        _table(describe.day_summary(day)),
        "## Contents\n",
        _notes(),
        *(_table(sheet) for sheet in describe.scenario_sheets(scenario)),
        _bullets({**describe.region_terms(scenario), **describe.terms(scenario)}),
        "## Sources and assumptions\n",
        _sources(scenario),
        "## Every field of the regions\n",
        _region_fields(scenario),
    ]
    return "\n".join(parts)


def _used_by(name: str) -> str:
    ids = [f"`{env_id}`" for env_id, scenario in ENVIRONMENTS.items() if scenario == name]
    cases = [case for case, it in CASES.items() if name in it.scenarios.values()]
    lines = [
        f"Scenario `{name}`" + (f", environment {', '.join(ids)}." if ids else "; no environment id of its own."),
        *(
            f"Published: {CASES[case].published}. `wattward study case {case}` compares it with the simulator."
            for case in cases
        ),
        f"Written by `make cards`; `wattward describe {name}` shows the same, hour by hour.",
    ]
    return "  \n".join(lines) + "\n"


def _notes() -> str:
    return (
        "Reserved: GPUs on which rigid jobs that cannot pause may not start. Requests: GPUs, mean and range of a day. "
        "A pausable job is a rigid job that loses `restart` hours when it resumes. Other rigid jobs run to their end.\n"
    )


def _table(sheet: Sheet) -> str:
    title = sheet.title[0].upper() + sheet.title[1:]
    return f"{title}:\n\n{tables.markdown(sheet.columns, sheet.rows)}"


def _bullets(pairs: dict[str, str]) -> str:
    return "".join(f"- **{name}**: {said}\n" for name, said in pairs.items())


def _sources(scenario: Scenario) -> str:
    lines = [f"- **{scenario.name}**: {shown(scenario.source)}"]
    lines += [f"- **{region.title}** (`{region.name}`): {shown(region.source)}" for region in scenario.regions]
    lines += [
        f"- **{tariff.title}** (`{tariff.name}`; document: {tariff.document}): {shown(tariff.source)}"
        for tariff in scenario.tariffs.values()
    ]
    return "\n".join(lines) + "\n"


def _region_fields(scenario: Scenario) -> str:
    by_region = [dict(leaves(region)) for region in scenario.regions]
    fields = [name for name in dict.fromkeys(name for held in by_region for name in held) if name not in UNTOLD]
    header = ["field", *(region.name for region in scenario.regions)]
    rows = [[f"`{name}`", *(_cell(held, name) for held in by_region)] for name in fields]
    return "".join(_line(cells) for cells in [header, [":--"] * len(header), *rows])


def _cell(held: dict[str, object], name: str) -> str:
    return shown(held[name]) if name in held else tables.MISSING


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |\n"
