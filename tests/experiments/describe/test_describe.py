"""Describing a scenario: nothing lost, nothing too wide, the typical day found again, the day that was asked for."""

from __future__ import annotations

import io
import re
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner

from wattward.configs import ConfigError, load_scenario
from wattward.configs.schema.scenario import Scenario
from wattward.configs.schema.storage import Battery, Ups
from wattward.envs.decisions.action import Mode
from wattward.envs.interfaces.cluster_env import ClusterEnv
from wattward.experiments.cli import main as cli
from wattward.experiments.common import tables
from wattward.experiments.describe import sheets as describe
from wattward.experiments.describe.figure import draw_day
from wattward.experiments.describe.names import bars, leaves, number, short, shown, words
from wattward.experiments.describe.sheets import WIDTH
from wattward.experiments.describe.typical_day import CANDIDATES, MOST_REGIONS, Day, hourly, play_day, typical_episode

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(scope="module")
def pair() -> Scenario:
    return load_scenario("zhejiang-xinjiang")


@pytest.fixture(scope="module")
def typical(pair: Scenario) -> Day:
    return play_day(pair)


def assert_balanced(day: Day) -> None:
    """Grid, plants, direct line, contract and stores, less what is curtailed and sold, are the load."""
    supply = day.grid_kw + day.green_kw + day.direct_kw + day.contract_kw + day.discharge_kw
    np.testing.assert_allclose(supply - day.curtailed_kw - day.sold_kw, day.load_kw)


def half_a_day(scenario: Scenario) -> Scenario:
    """The scenario with its first region only and episodes of twelve hours."""
    regions = scenario.regions[:1]
    classes = tuple(one.model_copy(update={"jobs_per_day": one.jobs_per_day[:1]}) for one in scenario.job_classes)
    return scenario.model_copy(update={"regions": regions, "job_classes": classes, "episode_days": 0.5})


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("fleet.gpu_idle_kw", ("gpu idle", "kW")),
        ("contracts.late_cost_per_gpu_h_per_h", ("late cost", "CNY/GPU-h/h")),
        ("network.wan_gb_per_s", ("wan", "GB/s")),
        ("calendar_year", ("calendar year", "")),
        ("horizon_h", ("horizon", "h")),
        ("stores.chilled_water.loss_per_h", ("loss", "/h")),
        ("grid_events.chance_per_day", ("chance", "/day")),
        ("skill", ("skill", "")),
        ("kw", ("kw", "")),
    ],
)
def test_units_are_read_off_names(name: str, told: tuple[str, str]) -> None:
    assert words(name, "CNY") == told


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (0.6803, "0.68"), (90.0, "90"), (1250.4, "1250"), (12_500.0, "12.5k"), (-0.05, "-0.05"), (3e6, "3M")],
)
def test_short_numbers_fit_five_places(value: float, text: str) -> None:
    assert short(value) == text


@pytest.mark.parametrize("exponent", range(-2, 9))
def test_short_numbers_keep_their_size(exponent: int) -> None:
    factors = {"k": 1e3, "M": 1e6, "G": 1e9}
    for value in np.geomspace(10.0**exponent, 10.0 ** (exponent + 1), 200):
        text = short(float(value))
        back = float(text.rstrip("kMG")) * factors.get(text[-1], 1.0)
        assert back == pytest.approx(value, rel=5.1e-3)
        assert len(text) <= 6


def test_lists_become_bars() -> None:
    assert bars([0.0, 7.0, 3.0]) == "▁█▄"
    assert shown((1.0,) * 24) == "always 1"
    assert shown((0.5, 1.0) * 12).endswith(" 0.5 to 1")
    assert (shown((0.25, 2.0)), shown(True), number(12_345.0)) == ("0.25, 2", "yes", "12,345")


def test_leaves_are_all_fields_once(pair: Scenario) -> None:
    found = list(leaves(pair.regions[0]))
    names = [name for name, _ in found]
    assert len(names) == len(set(names))
    assert dict(found)["network.wan_gb_per_s"] == pair.regions[0].network.wan_gb_per_s
    held = {name for name in type(pair.regions[0]).model_fields if getattr(pair.regions[0], name) not in (None, ())}
    assert {name.split(".")[0] for name in names} == held


def test_stores_are_named_by_their_kind_and_told_apart_where_there_are_several(pair: Scenario) -> None:
    battery = Battery(capacity_kwh=2.0, charge_kw=1.0, discharge_kw=1.0)
    ups = Ups(capacity_kwh=9.0, reserve_kwh=3.0, charge_kw=1.0, discharge_kw=4.0)
    region = pair.regions[0].model_copy(update={"stores": (battery, ups, battery)})
    found = dict(leaves(region))
    assert found["stores.ups.reserve_kwh"] == 3.0
    assert found["stores.battery-1.capacity_kwh"] == found["stores.battery-2.capacity_kwh"] == 2.0
    (sheet,) = (
        one
        for one in describe.scenario_sheets(pair.model_copy(update={"regions": (region, *pair.regions[1:])}))
        if one.title == "stores"
    )
    told = [(row["store"], row["capacity"], row["reserve"], row["control"]) for row in sheet.rows]
    assert told == [
        ("battery", "2", "–", "the price rule"),
        ("ups", "9", "3", "grid events"),
        ("battery", "2", "–", "the price rule"),
    ]


def test_every_term_is_told_with_its_value(pair: Scenario) -> None:
    told = describe.terms(pair)
    assert "late cost 0.2 CNY/GPU-h/h" in told["contracts"]
    assert "skill 0.6" in told["forecast"]
    assert "step 15 minutes" in told["episode"]
    assert told["estimates err"] == "batch-inference 10%; fine-tuning 20%; training 30%"
    assert describe.region_terms(pair)["network wan cost"] == "0.02 CNY/GB"
    assert describe.region_terms(pair)["network wan"] == "0.005 kWh/GB"
    assert describe.region_terms(pair)["clock offset"] == "midong -2 h"


def test_the_typical_day_is_the_nearest_to_the_median(pair: Scenario) -> None:
    chosen = typical_episode(pair)
    assert chosen == typical_episode(pair)
    env, means = ClusterEnv(pair), []
    for episode in range(CANDIDATES):
        env.reset(seed=0, options={"split": "train", "episode": episode})
        world = env.world
        each = np.stack([world.sun_kw, world.wind_kw, world.interactive_gpus])[:, 0, 96:192].mean(axis=1)
        means.append(each.ravel()[[0, 1, 3, 4, 5]])  # jinshuitan has no wind
    table = np.stack(means)
    away = (((table - np.median(table, axis=0)) / table.std(axis=0)) ** 2).sum(axis=1)
    assert chosen == int(np.argmin(away))


def test_the_day_is_what_the_environment_plays(pair: Scenario) -> None:
    day = play_day(pair, "3")
    env = ClusterEnv(pair)
    env.reset(seed=0, options={"split": "train", "episode": 3})
    for _ in range(96):
        env.step(np.full(2, Mode.RUN))
    for step in range(96):
        _, _, _, _, info = env.step(np.full(2, Mode.RUN))
        assert day.total_cost[step].sum() == pytest.approx(info["total_cost"])
        np.testing.assert_allclose(day.grid_kw[step], env.flows.grid_kw[0])
    assert "training episode 3, day 2" in describe.day_title(day)


def test_power_and_queues_of_a_day_add_up(pair: Scenario, typical: Day) -> None:
    assert_balanced(typical)
    fleet = np.array([region.fleet.gpus for region in pair.regions])
    np.testing.assert_allclose(typical.utilisation * fleet, typical.interactive_gpus + typical.deferrable_gpus)
    assert (typical.waiting_gpu_h <= typical.queue_gpu_h + 1e-9).all()
    assert typical.waiting_gpu_h.any()


def test_a_date_is_played_on_that_date(pair: Scenario) -> None:
    for asked in ("2026-07-01", "2026-01-01"):
        day = play_day(pair, asked)
        assert f"{day.start:%Y-%m-%d %H:%M}" == f"{asked} 00:00"
    summer = play_day(pair, "2026-07-01")
    assert summer.price_per_kwh[19 * 4, 0] == 1.2318  # sharp from 18 to 22 in July


@pytest.mark.parametrize("day", ["2025-03-01", "20260301", "2026-02-30", "-1", "mean", "1.5", "²", "99999999999"])
def test_another_day_is_refused_with_what_is_allowed(pair: Scenario, day: str) -> None:
    with pytest.raises(ConfigError, match=rf"--day {re.escape(day)}: must be typical, a date of the scenario's year"):
        play_day(pair, day)


def test_hours_are_means_of_their_steps() -> None:
    np.testing.assert_allclose(hourly(np.arange(10.0), 0.25), [1.5, 5.5, 8.5])
    np.testing.assert_allclose(hourly(np.ones((60, 3)), 0.05), np.ones((3, 3)))


def test_the_tables_of_a_day_hold_every_hour(typical: Day) -> None:
    sheets = describe.day_sheets(typical)
    assert [sheet.title for sheet in sheets] == ["jinshuitan", "jinshuitan", "midong", "midong"]
    headings = [heading for sheet in sheets[:2] for heading, _ in sheet.columns if heading != "hour"]
    assert headings == [f"{hour:02d}" for hour in range(24)]
    price = dict(zip(("what", *map(str, range(24))), sheets[0].rows[0].values(), strict=True))
    assert (price["what"], price["0"], price["17"]) == ("CNY/kWh", "0.365", "1.127")
    assert "wind kW" not in [row["what"] for row in sheets[0].rows]


def test_less_than_a_day_is_described_too(pair: Scenario, tmp_path: Path) -> None:
    day = play_day(half_a_day(pair))
    assert len(day.load_kw) == 48
    assert [len(sheet.columns) for sheet in describe.day_sheets(day)] == [13]
    draw_day(day, tmp_path / "half.png")
    assert (tmp_path / "half.png").read_bytes().startswith(PNG)


EXTENDED = {
    "jinshuitan-microgrid": ("battery", "sells to kW", "stores kW", "recovered share"),
    "pinghu-chilled-water": ("1 region", "chilled water", "74.3k cold", "the price rule", "chilled water loss"),
    "qingyang-green": ("contract kW", "0.398", "green share min 0.8"),
    "shanghai-grid-event": ("cut to kW", "fleet sleep", "grid_events"),
    "western-hubs-direct-supply": ("line sun kW", "direct line kW", "0.3515"),
}
"""What the description of a scenario says of its stores, contracts and programmes."""


@pytest.mark.parametrize(("name", "told"), EXTENDED.items())
def test_stores_contracts_and_programmes_are_told(name: str, told: tuple[str, ...], tmp_path: Path) -> None:
    scenario = load_scenario(name)
    day = play_day(scenario)
    assert_balanced(day)
    console = Console(width=WIDTH, record=True, file=io.StringIO())
    sheets = [*describe.scenario_sheets(scenario), *describe.day_sheets(day), describe.day_summary(day)]
    for sheet in sheets:
        console.print(tables.terminal(sheet.columns, sheet.rows, sheet.title))
    console.print(describe.paragraphs({**describe.region_terms(scenario), **describe.terms(scenario)}))
    said = console.export_text()
    assert "…" not in said
    columns = [name for sheet in sheets for name, _ in sheet.columns]  # headings are wrapped when they are printed
    assert [words for words in told if words not in said and words not in columns] == []
    draw_day(day, tmp_path / "day.png")
    assert (tmp_path / "day.png").read_bytes().startswith(PNG)


def test_a_day_knows_what_stores_do() -> None:
    tank, bare = play_day(load_scenario("pinghu-chilled-water"), "0"), play_day(load_scenario("pinghu-no-tank"), "0")
    np.testing.assert_allclose(tank.bare_load_kw, bare.load_kw)
    assert tank.chilling_kw.max() > 0 > tank.chilling_kw.min()
    assert 0.0 < tank.cold_kwh.max() <= 74300.0
    assert not bare.cold_kwh.any()


def test_a_cut_is_shown_while_it_is_asked_for() -> None:
    day = play_day(load_scenario("shanghai-grid-event"), "0")
    asked = np.isfinite(day.cut_limit_kw)
    assert asked[:, 0].sum() in (0, 40)
    assert not asked[:, 1].any()
    assert day.asleep_gpus[:, 0].any()
    np.testing.assert_allclose(day.cut_limit_kw[asked], 0.25 * 10_700)


@pytest.mark.parametrize("name", ["toy", "zhejiang-xinjiang", "eight-hubs", "scale-8x1000", "scale-12x300"])
def test_what_is_described_fits_a_terminal(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(WIDTH))
    picture = tmp_path / "day.png"
    result = CliRunner().invoke(cli.app, ["describe", name, "--out", str(picture)])
    assert result.exit_code == 0, result.output
    assert [line for line in result.stdout.splitlines()[:-1] if len(line.rstrip()) > WIDTH or "…" in line] == []
    scenario = load_scenario(name)
    assert all(region.name in result.stdout for region in scenario.regions[:MOST_REGIONS])
    assert ("4 of them not listed" in result.stdout) == (scenario.n_regions == 12)
    assert picture.read_bytes().startswith(PNG)
    assert picture.stat().st_size < 150_000


def test_long_names_short_steps_and_negative_prices_fit_too(tmp_path: Path) -> None:
    scenario = load_scenario("scale-8x1000")
    regions = tuple(
        one.model_copy(update={"name": f"western-hub-qingyang-{r}"[-20:]}) for r, one in enumerate(scenario.regions)
    )
    tariffs = {
        name: one.model_copy(update={"price_per_kwh": {band: p - 0.45 for band, p in one.price_per_kwh.items()}})
        for name, one in scenario.tariffs.items()
    }
    scenario = scenario.model_copy(update={"regions": regions, "tariffs": tariffs, "step_minutes": 5})
    day = play_day(scenario)
    console = Console(width=WIDTH, record=True, file=io.StringIO())
    for sheet in [*describe.scenario_sheets(scenario), *describe.day_sheets(day), describe.day_summary(day)]:
        console.print(tables.terminal(sheet.columns, sheet.rows, sheet.title))
    told = console.export_text()
    assert "…" not in told
    assert "-0.19" in told
    draw_day(day, tmp_path / "day.png")
    assert (tmp_path / "day.png").stat().st_size < 150_000


def test_bad_input_writes_nothing(tmp_path: Path) -> None:
    out = tmp_path / "day.png"
    for arguments, said in (
        (["toi", "--out", str(out)], "did you mean toy"),
        (["toy", "--out", str(tmp_path / "day.svg")], "must be .png"),
        (["toy", "--day", "2031-01-01", "--out", str(out)], "--day 2031-01-01: must be"),
    ):
        result = CliRunner().invoke(cli.app, ["describe", *arguments])
        assert result.exit_code == 2
        assert said in result.stderr
        assert result.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_the_list_of_scenarios_mentions_it() -> None:
    assert "wattward describe NAME" in CliRunner().invoke(cli.app, ["list", "scenarios"]).stdout
