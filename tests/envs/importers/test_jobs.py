"""Logs of jobs: from the Standard Workload Format to a recording to the jobs of an episode."""

from __future__ import annotations

import gzip
import json
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattward.configs import ConfigError, load_scenario
from wattward.envs.interfaces.cluster_env import ClusterEnv
from wattward.envs.world.draw import draw
from wattward.envs.world.importers.jobs import FIELDS
from wattward.envs.world.importers.options import Options
from wattward.envs.world.importers.registry import import_files
from wattward.envs.world.job_trace import arrivals_of, assigned_regions
from wattward.envs.world.processes.calendar import DAY_MINUTES, minute_of
from wattward.envs.world.recording import load_recording
from wattward.envs.world.splits import episode_seed
from wattward.envs.world.tidy import JobTrace

HEAD = "; Version: 2.2\n; Computer: made up\n; UnixStartTime: 1767196800\n; MaxProcs: 64\n;\n"
"""1 January 2026, 00:00 Beijing time."""
SCENARIO = "zhejiang-xinjiang"
CLASS = "fine-tuning"


def line(number: int, submit_s: int, run_s: int = 3600, processors: int = 8, **others: int) -> str:
    cells = dict.fromkeys(FIELDS, -1) | {"number": number, "submit_s": submit_s, "run_s": run_s, "status": 1}
    return " ".join(str(value) for value in (cells | {"processors": processors} | others).values())


def log(path: Path, *lines: str, head: str = HEAD) -> Path:
    path.write_text(head + "\n".join(lines) + "\n", encoding="utf-8")
    return path


def week(path: Path) -> Path:
    """A job every hour of a week, the number of the hour its GPUs, from 1 to 32."""
    return log(path, *(line(h + 1, h * 3600 + 600, processors=1 + h % 32) for h in range(7 * 24)))


def imported(path: Path, out: Path, **told: str) -> pd.DataFrame:
    import_files("jobs", [path], out, Options(job_class=told.pop("job_class", CLASS), **told))  # type: ignore[arg-type]
    facts = json.loads((out / "recording.json").read_text())
    return pd.read_parquet(out / facts["jobs"]["table"])


def test_a_log_becomes_a_table(tmp_path: Path) -> None:
    path = log(tmp_path / "a.swf", line(7, 90, 1800, 16, user=3, queue=2), line(5, 30), "; a comment below", "")
    table = imported(path, tmp_path / "out")
    assert table["number"].tolist() == [5, 7]
    np.testing.assert_allclose(table["submit_minute_utc"] - minute_of(date(2025, 12, 31), 16), [0.5, 1.5])
    assert table.iloc[1][["run_h", "processors", "user", "queue"]].tolist() == [0.5, 16, 3, 2]
    with gzip.open(tmp_path / "a.swf.gz", "wt") as file:
        file.write(path.read_text())
    pd.testing.assert_frame_equal(imported(tmp_path / "a.swf.gz", tmp_path / "other"), table)


@pytest.mark.parametrize("start", ["2026-03-29T00:00+01:00", "2026-03-29 00:00"])
def test_a_log_without_a_start_is_told_one(tmp_path: Path, start: str) -> None:
    """Seconds are counted, clocks that go forward at two do not matter to them."""
    path = log(tmp_path / "a.swf", line(1, 0), line(2, 4 * 3600), head="; MaxProcs: 8\n")
    with pytest.raises(ConfigError, match="no UnixStartTime; --start must say"):
        imported(path, tmp_path / "out")
    told = {} if "+" in start else {"zone": "Europe/Berlin"}
    table = imported(path, tmp_path / "out", start=start, **told)
    np.testing.assert_allclose(table["submit_minute_utc"] - minute_of(date(2026, 3, 29)), [-60, 3 * 60])


def test_what_is_missing_is_counted_and_refused_or_filled(tmp_path: Path) -> None:
    asked = {"requested_processors": 4, "requested_s": 7200}
    lines = [line(1, 0), line(2, 1, processors=-1, **asked), line(3, 2, -1, **asked), line(4, 3, -1), line(5, 4, 0)]
    path = log(tmp_path / "a.swf", *lines, line(6, 5, status=3))
    with pytest.raises(ConfigError, match="of 5 jobs 1 without processors, 2 without run time; --missing drop"):
        imported(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert imported(path, tmp_path / "out", missing="drop")["number"].tolist() == [1]
    filled = imported(path, tmp_path / "out", missing="requested")
    assert filled[["number", "run_h", "processors"]].to_numpy().tolist() == [[1, 1, 8], [2, 1, 4], [3, 2, 8]]
    facts = json.loads((tmp_path / "out" / "recording.json").read_text())["imports"][0]
    assert facts["filled"] == {"processors": 1, "run time": 1}
    assert list(facts["left_out"].values()) == [1, 1, 1]


@pytest.mark.parametrize(
    ("lines", "told", "wanted"),
    [
        (["1 2 3"], {}, "line 6: has 3 columns, must have 18"),
        ([line(1, 0).replace("3600", "long")], {}, "line 6: run_s = 'long': must be a number"),
        ([line(1, -5)], {}, "line 6: submit_s = -5: must be 0 or more"),
        ([], {}, "holds no jobs"),
        ([line(1, 0, 0)], {}, "none of its 1 jobs has both"),
        ([line(1, 0)], {"missing": "guess"}, "--missing = 'guess': must be one of drop, requested"),
        ([line(1, 0)], {"job_class": ""}, "--class must name"),
        ([line(1, 0)], {"fill": "interpolate"}, "--fill: import jobs does not take it"),
        ([line(1, 0)], {"region": "midong"}, "--region: import jobs does not take it"),
    ],
)
def test_bad_logs_are_refused(tmp_path: Path, lines: list[str], told: dict[str, str], wanted: str) -> None:
    with pytest.raises(ConfigError, match=wanted):
        imported(log(tmp_path / "a.swf", *lines), tmp_path / "out", **told)
    assert not (tmp_path / "out").exists()


def test_imports_of_other_kinds_and_classes_are_kept(tmp_path: Path) -> None:
    out = tmp_path / "out"
    path = log(tmp_path / "a.swf", line(1, 0), line(2, 60))
    imported(path, out)
    imported(log(tmp_path / "b.swf", line(9, 0)), out, job_class="training")
    times = pd.date_range("2024-01-01", periods=48, freq="h", tz="UTC")
    pd.DataFrame({"utc": times, "temperature_2m": 20.0}).to_csv(tmp_path / "air.csv", index=False)
    import_files("air", [tmp_path / "air.csv"], out, Options("midong"))
    table = imported(log(tmp_path / "c.swf", line(3, 0)), out)
    assert dict(zip(table["job_class"], table["number"], strict=True)) == {CLASS: 3, "training": 9}
    facts = json.loads((out / "recording.json").read_text())
    assert [(fact["kind"], fact.get("job_class")) for fact in facts["imports"]] == [
        ("jobs", "training"),
        ("air", None),
        ("jobs", CLASS),
    ]
    series = pd.read_parquet(out / facts["table"])
    assert set(series["series"]) == {"air_c"} and (series["value"] == 20.0).all()
    assert len(list(out.iterdir())) == 3
    (out / facts["jobs"]["table"]).write_bytes(b"")
    with pytest.raises(ConfigError, match="the import must be run again"):
        imported(path, out)


def test_a_week_plays_at_its_own_dates_as_it_was(tmp_path: Path) -> None:
    imported(week(tmp_path / "week.swf"), tmp_path / "out")
    scenario = load_scenario(SCENARIO).model_copy(update={"start": "2026-01-01"})
    recording = load_recording(tmp_path / "out", scenario)
    world, plain = (draw(scenario, episode_seed("test", 0), each) for each in (recording, None))
    c = [job_class.name for job_class in scenario.job_classes].index(CLASS)
    mine = world.job_class[0] == c
    hours = world.job_arrival_step[0, mine] // 4
    assert hours.tolist() == list(range(7 * 24))  # the last ends with the episode
    np.testing.assert_array_equal(world.job_gpus[0, mine], 1 + hours % 32)
    np.testing.assert_allclose(world.job_work_gpu_h[0, mine], 1.0 + hours % 32)
    law = scenario.job_classes[c]
    slack_h = (world.job_deadline_step[0, mine] - world.job_arrival_step[0, mine]) / 4 - 1
    assert slack_h.min() >= law.slack_h.low and slack_h.max() <= law.slack_h.high + 0.25
    assert np.median(slack_h) == pytest.approx(law.slack_h.median, rel=0.25)
    share = np.bincount(world.job_origin[0, mine]) / mine.sum()
    np.testing.assert_allclose(share, np.array(law.jobs_per_day) / sum(law.jobs_per_day), atol=0.02)
    for name in ("job_gpus", "job_arrival_step", "job_data_gb", "job_origin"):
        drawn = getattr(plain, name)[plain.job_class != c]
        np.testing.assert_allclose(getattr(world, name)[world.job_class != c], drawn, rtol=1e-9)
    assert (np.diff(world.job_arrival_step[0]) >= 0).all()
    np.testing.assert_allclose(world.sun_kw, plain.sun_kw, rtol=1e-9)


def test_another_episode_has_the_same_jobs_with_other_slack(tmp_path: Path) -> None:
    imported(week(tmp_path / "week.swf"), tmp_path / "out")
    env = ClusterEnv(SCENARIO, recording=tmp_path / "out")
    c = [job_class.name for job_class in env.scenario.job_classes].index(CLASS)
    deadlines = []
    for episode in (0, 1, 1):
        env.reset(options={"split": "test", "episode": episode})
        assert (env.world.job_class[0] == c).sum() >= 7 * 24 - 1
        deadlines.append(env.world.job_deadline_step[env.world.job_class == c])
        env.step(np.full(2, 2))
    assert not np.array_equal(deadlines[0], deadlines[1]) and np.array_equal(deadlines[1], deadlines[2])


def test_a_job_larger_than_the_fleet_keeps_its_work(tmp_path: Path) -> None:
    imported(log(tmp_path / "a.swf", line(1, 0, 3600, 100_000)), tmp_path / "out", job_class="batch-inference")
    scenario = load_scenario(SCENARIO).model_copy(update={"start": "2026-01-01", "episode_days": 60})
    recording = load_recording(tmp_path / "out", scenario)
    world = draw(scenario, episode_seed("test", 0), recording)
    own = np.flatnonzero(world.job_class[0] == 0)
    fleets = [region.fleet.gpus for region in scenario.regions]
    np.testing.assert_array_equal(world.job_gpus[0, own], np.array(fleets)[world.job_origin[0, own]])
    np.testing.assert_allclose(world.job_work_gpu_h[0, own], 100_000.0)


def test_a_class_that_the_scenario_has_not_is_refused(tmp_path: Path) -> None:
    imported(log(tmp_path / "a.swf", line(1, 0)), tmp_path / "out", job_class="rendering")
    with pytest.raises(ConfigError, match=r"jobs of class 'rendering'; scenario toy has batch"):
        load_recording(tmp_path / "out", load_scenario("toy"))


submissions = st.lists(st.integers(0, 40 * DAY_MINUTES - 1), min_size=1, max_size=40).map(sorted)


@given(submissions, st.integers(0, 60 * DAY_MINUTES // 30), st.integers(1, 30))
def test_the_log_goes_round_and_round(minutes: list[int], start_steps: int, days: int) -> None:
    first = minute_of(date(2026, 1, 1))
    submit = np.array(minutes, dtype=np.float64) + first
    trace = JobTrace("any", submit, np.ones(submit.size), np.ones(submit.size))
    step, start = 30, first + start_steps * 30
    job, arrival = arrivals_of(trace, start, days * 48, step)
    period = trace.days * DAY_MINUTES
    assert trace.first_minute <= submit[0] < trace.first_minute + DAY_MINUTES
    assert trace.days < 7 or trace.days % 7 == 0
    when = start + arrival * step
    behind = (submit[job] - when) % period
    assert ((arrival >= 0) & (arrival < days * 48)).all() and (behind < step).all()
    inside = int((submit < trace.first_minute + period).sum())
    laps = days * DAY_MINUTES / period
    assert int(laps) * inside <= job.size <= np.ceil(laps) * inside


@given(st.lists(st.floats(0.0, 100.0), min_size=2, max_size=2).filter(lambda rates: sum(rates) > 1e-3))
def test_jobs_are_dealt_by_the_rates_over_any_stretch(rates: list[float]) -> None:
    nothing = np.zeros(300)
    origin = assigned_regions(rates, JobTrace("any", nothing, nothing, nothing), load_scenario(SCENARIO))
    share = rates[0] / sum(rates)
    for stretch in (origin[:100], origin[50:150], origin):
        assert (stretch == 0).mean() == pytest.approx(share, abs=0.05)


def test_a_class_without_rates_cannot_be_dealt() -> None:
    one = np.ones(1)
    with pytest.raises(ConfigError, match=r"job_classes.any.jobs_per_day = \[0, 0\]: must be above 0"):
        assigned_regions([0, 0], JobTrace("any", one, one, one), load_scenario(SCENARIO))
