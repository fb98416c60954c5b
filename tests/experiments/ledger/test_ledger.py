"""Ledgers as folders: what they hold, what verify finds in them, and what the commands say."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from wattward.configs import ConfigError, load_tokens
from wattward.envs.accounting.chain import chain, line_of, sha256_of_json
from wattward.envs.accounting.hourly import N_PLANTS
from wattward.envs.accounting.matching import WAYS, balance_of
from wattward.experiments.cli import main as cli
from wattward.experiments.evaluation.methods import method
from wattward.experiments.evaluation.worlds import Worlds
from wattward.experiments.ledger import files as ledger
from wattward.experiments.ledger.figure import LONGEST_SERIES_H, draw_matching

PNG = b"\x89PNG\r\n\x1a\n"


def wattward(*arguments: object) -> Result:
    return CliRunner().invoke(cli.app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def played() -> ledger.Played:
    who = method("RunOnArrival")
    return ledger.play(who, Worlds("toy", "test"), 0, tokens=load_tokens("deepseek-flash"))


@pytest.fixture(scope="module")
def kept(played: ledger.Played, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kept") / "ledger"
    ledger.write_ledger(folder, played)
    return folder


@pytest.fixture
def folder(kept: Path, tmp_path: Path) -> Path:
    """A ledger for a test to spoil."""
    return Path(shutil.copytree(kept, tmp_path / "ledger"))


def test_the_tables_hold_what_the_episode_used(played: ledger.Played, kept: Path) -> None:
    table, hourly = pd.read_parquet(kept / ledger.PARQUET), played.hourly
    pd.testing.assert_frame_equal(pd.read_csv(kept / ledger.CSV), table, check_dtype=False)
    assert hourly.tokens is not None
    for name, values in (("kwh", hourly.kwh), ("tokens", hourly.tokens), ("carbon_g", hourly.carbon_g)):
        assert table[name].sum() == pytest.approx(values.sum(), rel=1e-9)
    green = table[~table["kind"].isin(["grid", "store"])]
    assert green["kwh"].sum() == pytest.approx(hourly.delivered_kwh.sum(), rel=1e-9)
    for u, consumer in enumerate(hourly.consumers):
        own = table[table["consumer"] == consumer]
        assert own["kwh"].sum() == pytest.approx(hourly.kwh[:, :, u].sum(), rel=1e-9, abs=1e-12)
    assert (table.loc[table["plant"] != "grid", "carbon_g"] == 0.0).all()


def test_the_summary_sets_all_ways_of_matching_beside_each_other(played: ledger.Played, kept: Path) -> None:
    summary = ledger.read_summary(kept)
    assert [row["region"] for row in summary["matching"]] == [*played.hourly.regions, "all regions"]
    assert all(row[looser] >= row["hour_and_place"] - 1e-12 for row in summary["matching"] for looser in WAYS)
    assert summary["head"] == played.entries[-1]["sha256"]
    assert summary["about"]["tokens"] == "deepseek-flash"
    assert {row["consumer"] for row in summary["token_economics"]} >= {"interactive", "batch"}
    assert (kept / ledger.PICTURE).read_bytes().startswith(PNG)
    assert {path.name for path in kept.iterdir()} == {*summary["files"], ledger.SUMMARY}


def test_a_sound_folder_and_its_chain_alone_verify(kept: Path) -> None:
    entries, fault = ledger.fault_of(kept)
    assert fault is None
    assert ledger.fault_of(kept / ledger.CHAIN) == (entries, None)


def altered(value: Any, rng: np.random.Generator) -> Any:
    if isinstance(value, str):
        place = int(rng.integers(len(value)))
        return value[:place] + ("x" if value[place] != "x" else "y") + value[place + 1 :]
    return value + 1 if isinstance(value, int) else float(np.nextafter(value, np.inf))


def tampered(text: bytes, rng: np.random.Generator) -> tuple[str, bytes, int]:
    """One random change to a chain's file, its kind, and the number of the first entry that it concerns."""
    lines = text.splitlines(keepends=True)
    kinds = ("alter", "alter and hash", "drop", "swap", "reverse", "duplicate", "insert", "truncate", "cut", "byte")
    kind = str(rng.choice(kinds))
    i, j = sorted(int(k) for k in rng.choice(len(lines), 2, replace=False))
    if kind.startswith("alter"):
        entry = json.loads(lines[i])
        name = str(rng.choice(sorted(set(entry) - {"sha256"} if kind != "alter" else entry)))
        entry[name] = altered(entry[name], rng)
        if kind != "alter":
            entry["sha256"] = sha256_of_json(entry)
        lines[i] = f"{line_of(entry)}\n".encode()
    elif kind == "drop":
        del lines[i : i + int(rng.integers(1, 4))]
    elif kind == "swap":
        lines[i], lines[j] = lines[j], lines[i]
    elif kind == "reverse":
        lines[i : j + 1] = lines[i : j + 1][::-1]
    elif kind == "duplicate":
        lines.insert(j, lines[i])
        i = j if i != j else j + 1
    elif kind == "insert":
        entry = {**json.loads(lines[j]), "number": i, "previous_sha256": json.loads(lines[i])["previous_sha256"]}
        entry["kwh"] = 1.25
        lines.insert(i, f"{line_of({**entry, 'sha256': sha256_of_json(entry)})}\n".encode())
    elif kind == "truncate":
        del lines[i:]
    elif kind == "cut":
        at = int(rng.integers(len(text)))
        return kind, text[:at], text[:at].count(b"\n")
    else:
        at = int(rng.integers(len(text)))
        new = bytes([(text[at] + int(rng.integers(1, 256))) % 256])
        return kind, text[:at] + new + text[at + 1 :], text[:at].count(b"\n")
    return kind, b"".join(lines), i


def short_chain(played: ledger.Played, n: int) -> bytes:
    contents = [
        {name: value for name, value in entry.items() if name not in ("number", "previous_sha256", "sha256")}
        for entry in played.entries[:n]
    ]
    return "".join(f"{line_of(entry)}\n" for entry in chain(contents)).encode()


def test_every_one_of_a_thousand_tamperings_of_a_file_is_caught(played: ledger.Played, tmp_path: Path) -> None:
    """Where only one entry is touched and not hashed anew, the entry that is named is that one."""
    rng, text, path = np.random.default_rng(20261122), short_chain(played, 60), tmp_path / "chain.jsonl"
    path.write_bytes(text)
    head = str(ledger.read_chain(path)[0][-1]["sha256"])
    assert ledger.fault_of(path, head)[1] is None
    seen: set[str] = set()
    for _ in range(1000):
        kind, spoilt, first = tampered(text, rng)
        assert spoilt != text
        path.write_bytes(spoilt)
        fault = ledger.fault_of(path, head)[1]
        assert fault is not None, kind
        assert fault.number in ((first, first + 1) if kind in ("alter and hash", "insert", "byte") else (first,)), kind
        seen.add(kind)
    assert len(seen) == 10


def test_a_chain_cut_after_any_entry_is_told_without_its_head(played: ledger.Played, tmp_path: Path) -> None:
    text, path = short_chain(played, 60), tmp_path / "chain.jsonl"
    for n in range(60):
        path.write_bytes(b"".join(text.splitlines(keepends=True)[:n]))
        fault = ledger.fault_of(path)[1]
        assert fault is not None
        assert fault.number == n


def test_a_folder_whose_chain_was_written_anew_is_told_by_its_summary(played: ledger.Played, folder: Path) -> None:
    (folder / ledger.CHAIN).write_bytes(short_chain(played, 60))
    assert ledger.fault_of(folder / ledger.CHAIN)[1] is None
    fault = ledger.fault_of(folder)[1]
    assert "not the head that summary.json holds" in str(fault)


@pytest.mark.parametrize("name", [ledger.PARQUET, ledger.CSV, ledger.PICTURE])
def test_a_table_or_picture_that_was_altered_or_taken_is_told(folder: Path, name: str) -> None:
    whole = (folder / name).read_bytes()
    (folder / name).write_bytes(whole[:-9] + b"tampering")
    assert f"{name} beside it is altered" in str(ledger.fault_of(folder)[1])
    (folder / name).unlink()
    assert f"{name} beside it is missing" in str(ledger.fault_of(folder)[1])


def test_shares_in_the_summary_are_those_of_the_chain(folder: Path) -> None:
    path = folder / ledger.SUMMARY
    summary = json.loads(path.read_text(encoding="utf-8"))
    summary["matching"][0]["annual"] = 1.0
    path.write_text(json.dumps(summary), encoding="utf-8")
    assert "shares in summary.json are not those of its entries" in str(ledger.fault_of(folder)[1])


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({"format": "mine"}, "key 'format' must be 'wattward-ledger-2'"),
        ({"files": []}, "key 'files' must be there and hold a JSON object"),
        ({"files": {}}, "key 'files' must name chain.jsonl, hourly.parquet"),
        ({"head": None}, "key 'head' must be there and hold a JSON string"),
    ],
)
def test_a_summary_that_is_none_is_refused(folder: Path, change: dict[str, Any], wanted: str) -> None:
    path = folder / ledger.SUMMARY
    path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf-8")), **change}), encoding="utf-8")
    with pytest.raises(ConfigError, match=wanted):
        ledger.fault_of(folder)
    path.write_text("{", encoding="utf-8")
    with pytest.raises(ConfigError, match="not readable as JSON"):
        ledger.fault_of(folder)


@pytest.mark.parametrize(("note", "wanted"), [("played", "not readable as JSON"), ("[]", "must be a JSON object")])
def test_an_opening_that_says_nothing_is_refused_when_shown(tmp_path: Path, note: str, wanted: str) -> None:
    path = tmp_path / "chain.jsonl"
    entries = chain([{"entry": "opening", "note": note}])
    path.write_text("".join(f"{line_of(entry)}\n" for entry in entries), encoding="utf-8")
    shown = wattward("ledger", "show", path)
    assert shown.exit_code == 2, shown.output
    assert wanted in shown.output


@pytest.mark.parametrize("rule", ["RunOnArrival", "WaitAwhile"])
def test_commands_write_verify_and_show(tmp_path: Path, rule: str) -> None:
    """One rule chooses modes, the other gives orders to jobs."""
    out, picture = tmp_path / "deep" / "mine", tmp_path / "mine.svg"
    done = wattward("ledger", "write", rule, "--scenario", "toy", "--out", out)
    assert done.exit_code == 0, done.output
    assert "all regions" in done.output
    assert "Tokens" not in done.output
    assert not list(out.parent.glob(".*"))
    sound = wattward("ledger", "verify", out)
    assert sound.exit_code == 0
    head = sound.output.split("head: ")[1].strip()
    assert head == ledger.read_summary(out)["head"]
    assert wattward("ledger", "verify", out / ledger.CHAIN, "--head", head).exit_code == 0
    assert wattward("ledger", "verify", out / ledger.CHAIN, "--head", "0" * 64).exit_code == 1
    for which in (out, out / ledger.CHAIN):
        shown = wattward("ledger", "show", which, "--picture", picture)
        assert shown.exit_code == 0, shown.output
        assert {"hour", "and", "place"} <= set(shown.output.split())  # the heading is wrapped
    assert "<svg" in picture.read_text(encoding="utf-8")


def test_verify_and_show_end_with_1_and_the_number_of_the_entry(folder: Path) -> None:
    path = folder / ledger.CHAIN
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join([*lines[:7], *lines[8:]]), encoding="utf-8")
    for command in ("verify", "show"):
        broken = wattward("ledger", command, folder)
        assert broken.exit_code == 1
        assert "entry 7: missing or out of place; the entry that stands there says it is number 8" in broken.output


def test_tokens_are_the_scenarios_own_or_those_named(tmp_path: Path) -> None:
    done = wattward(
        *("ledger", "write", "RunOnArrival", "--scenario", "toy", "--tokens", "deepseek-flash"), "--out", tmp_path / "a"
    )
    assert done.exit_code == 0, done.output
    assert "gCO2/Mtok" in done.output
    assert {"off-peak", "CNY"} <= set(done.output.split())  # the heading is wrapped


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (("write", "RunOnArival", "--out", "x"), "RunOnArrival"),
        (("write", "RunOnArrival", "--scenario", "toy", "--out", "x", "--tokens", "gold"), "unknown token 'gold'"),
        (("write", "RunOnArrival", "--out", "x", "--recording", "none"), "--recording none: no such folder"),
        (("verify", "none"), "no such file"),
        (("show", "none", "--picture", "match.pdf"), "must be .png or .svg"),
    ],
)
def test_bad_input_is_one_message_and_exit_code_2(
    arguments: tuple[str, ...], wanted: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = wattward("ledger", *arguments)
    assert done.exit_code == 2, done.output
    assert wanted in done.output
    assert not list(tmp_path.iterdir())


def test_rates_of_no_consumer_of_the_scenario_are_refused() -> None:
    tokens = load_tokens("deepseek-flash").model_copy(update={"tokens_per_gpu_h": {"bach": 1.0}})
    with pytest.raises(ConfigError, match="names bach: must name at least one of interactive, batch"):
        ledger.play(method("RunOnArrival"), Worlds("toy", "test"), 0, tokens=tokens)


def test_nothing_is_written_over_unless_it_is_asked_for(played: ledger.Played, folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--overwrite replaces it"):
        ledger.write_ledger(folder, played)
    ledger.write_ledger(folder, played, overwrite=True)
    assert ledger.fault_of(folder)[1] is None
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]
    other = tmp_path / "other"
    other.mkdir()
    (other / "letter.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"holds letter\.txt, which no ledger does"):
        ledger.write_ledger(other, played, overwrite=True)
    with pytest.raises(ConfigError, match="is a file, must be a folder"):
        ledger.write_ledger(other / "letter.txt", played)


def test_a_write_that_fails_halfway_leaves_what_was_there(
    played: ledger.Played, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (folder / ledger.SUMMARY).read_bytes()

    def fails(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pd.DataFrame, "to_csv", fails)
    with pytest.raises(ConfigError, match="cannot be written: No space left"):
        ledger.write_ledger(folder, played, overwrite=True)
    assert (folder / ledger.SUMMARY).read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]


def test_a_ledger_of_many_days_is_drawn_by_days(played: ledger.Played, tmp_path: Path) -> None:
    hours = LONGEST_SERIES_H + 48
    times = -(-hours // len(played.hourly.hour))
    long = played.hourly._replace(
        hour=played.hourly.hour[0] + np.arange(hours),
        **{
            name: np.concatenate([getattr(played.hourly, name)] * times)[:hours]
            for name in ("kwh", "gpu_h", "carbon_g", "electricity_cost", "delivered_kwh", "curtailed_kwh", "sold_kwh")
        },
        tokens=None,
    )
    assert long.delivered_kwh.shape[2] == N_PLANTS
    draw_matching(balance_of(ledger.entries_of(long, {})), "two weeks and two days", tmp_path / "long.png")
    assert (tmp_path / "long.png").read_bytes().startswith(PNG)
