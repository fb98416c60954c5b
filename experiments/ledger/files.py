"""Ledgers as folders: plays an episode, makes its chain, and writes a folder atomically.

A folder holds `chain.jsonl`, one entry on each line; `hourly.parquet` and `hourly.csv`, with energy, tokens and carbon
by hour, region, consumer and plant; `match.png`; and `summary.json` with facts about the episode, shares, token
economics, the head of the chain, and the SHA-256 of every other file.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from wattward.configs.digests import sha256_of_file
from wattward.configs.files import replacing_folder
from wattward.configs.schema.base import ConfigError
from wattward.configs.schema.scenario import Scenario
from wattward.configs.schema.tokens import Tokens
from wattward.envs.accounting.chain import Entry, Fault, entries_of, first_fault, hour_name, line_of
from wattward.envs.accounting.economics import token_economics
from wattward.envs.accounting.hourly import Hourly, Ledger
from wattward.envs.accounting.matching import balance_of, matching_rows
from wattward.envs.accounting.supplies import SUPPLY
from wattward.envs.model.types import Flows
from wattward.envs.policy.episode import Kept, play_episode
from wattward.experiments.evaluation.methods import Method, policy_seed
from wattward.experiments.evaluation.playing import check_fit, environment
from wattward.experiments.evaluation.worlds import Worlds

if TYPE_CHECKING:
    import pandas as pd

    from wattward.envs.interfaces.cluster_env import ClusterEnv

CHAIN, SUMMARY, PARQUET, CSV, PICTURE = "chain.jsonl", "summary.json", "hourly.parquet", "hourly.csv", "match.png"
FILES = (CHAIN, PARQUET, CSV, PICTURE)
"""Files whose hashes are in the summary."""
FORMAT = "wattward-ledger-2"
JSON_NAMES = {dict: "object", str: "string", list: "array"}


class Played(NamedTuple):
    """An episode's ledger in memory."""

    about: dict[str, object]
    hourly: Hourly
    entries: list[Entry]
    tokens: Tokens | None


def play(who: Method, worlds: Worlds, episode: int, *, seed: int = 0, tokens: Tokens | None = None) -> Played:
    """Plays one episode of a method as `evaluate` does, and makes its ledger.

    Args:
        who: the method.
        worlds: scenario, split and recording.
        episode: index of the episode in the split.
        seed: seed of the policy's own randomness.
        tokens: rates and prices of tokens; by default the scenario's own.

    Raises:
        ConfigError: the scenario, the split, the recording or the checkpoint cannot be used, or `tokens` has
            no rate for any consumer of the scenario.
    """
    check_fit([who], worlds)
    env: ClusterEnv = environment(worlds.scenario, worlds.recording)
    tokens = tokens or env.scenario.tokens
    open_ledger(env, tokens)  # refuses invalid tokens before the episode is played
    rng = np.random.default_rng(policy_seed(who, episode, seed))
    keep: tuple[Kept, ...] = ("flows", "class_gpu_h")
    played = play_episode(who.policy(), env, split=worlds.split, episode=episode, rng=rng, keep=keep)
    ledger, flows, class_gpu_h = open_ledger(env, tokens), played.flows, played.class_gpu_h
    for step in range(played.n_steps):
        now = slice(step, step + 1)
        ledger.record(Flows._make(series[now] for series in flows), class_gpu_h[now])
    about, hourly = _about(who, worlds, episode, seed, tokens, env.scenario), ledger.hourly()
    return Played(about, hourly, entries_of(hourly, about), tokens)


def open_ledger(env: ClusterEnv, tokens: Tokens | None = None) -> Ledger:
    """An empty ledger for the episode that `env` has just begun.

    Raises:
        ConfigError: names of regions or job classes are equal, or no consumer has a rate.
    """
    classes = [job_class.name for job_class in env.scenario.job_classes]
    rates = None if tokens is None else tokens.rates(("interactive", *classes))
    if tokens is not None and not rates:
        named = ", ".join(tokens.tokens_per_gpu_h)
        raise ConfigError(
            f"tokens {tokens.name}: tokens_per_gpu_h names {named}: must name at least one of interactive, "
            f"{', '.join(classes)}, which scenario {env.scenario.name} has"
        )
    regions = [region.name for region in env.scenario.regions]
    return Ledger(
        env.params,
        int(env.world.start_minute[0]),
        regions,
        classes,
        utc_offset_minutes=env.scenario.utc_offset_minutes,
        tokens_per_gpu_h=rates,
    )


def hourly_table(hourly: Hourly) -> pd.DataFrame:
    """One row for each hour, region, consumer and used supply: `kwh`, `tokens`, `carbon_g`.

    A consumer's tokens are divided between its supplies in proportion to energy. Carbon belongs to the grid. So every
    column can be summed.
    """
    import pandas as pd

    h, r, u, k = np.nonzero(hourly.kwh > 0.0)
    kwh, supplies = hourly.kwh[h, r, u, k], list(SUPPLY)
    table = {
        "hour": np.array([hour_name(int(number), hourly.utc_offset_minutes) for number in hourly.hour], dtype=object)[
            h
        ],
        "region": np.array(hourly.regions, dtype=object)[r],
        "consumer": np.array(hourly.consumers, dtype=object)[u],
        "plant": np.array(supplies, dtype=object)[k],
        "kind": np.array([SUPPLY[name].kind for name in supplies], dtype=object)[k],
        "kwh": kwh,
    }
    if hourly.tokens is not None:
        table["tokens"] = hourly.tokens[h, r, u] * kwh / hourly.kwh.sum(axis=3)[h, r, u]
    table["carbon_g"] = np.where(k == supplies.index("grid"), hourly.carbon_g[h, r, u], 0.0)
    return pd.DataFrame(table)


def write_ledger(folder: Path, played: Played, *, overwrite: bool = False) -> dict[str, Any]:
    """Writes a ledger's folder atomically and returns its summary.

    Raises:
        ConfigError: the folder exists and may not be overwritten, holds something else, or cannot be written.
        ValueError: the chain is not valid.
    """
    fault = first_fault(played.entries)
    if fault is not None:
        raise ValueError(f"not a sound ledger: {fault}")
    check_out(folder, overwrite=overwrite)
    try:
        with replacing_folder(folder) as aside:
            summary = _write_into(aside, played)
    except OSError as error:
        raise ConfigError(f"--out {folder}: cannot be written: {error.strerror or error}") from error
    return summary


def check_out(folder: Path, *, overwrite: bool) -> None:
    """Refuses a path that must not be overwritten.

    Raises:
        ConfigError: it is a file, a folder with other content, or a ledger without permission to overwrite it.
    """
    if not folder.exists():
        return
    if not folder.is_dir():
        raise ConfigError(f"--out {folder}: is a file, must be a folder")
    held = {path.name for path in folder.iterdir()}
    strange = sorted(held - {*FILES, SUMMARY})
    if strange:
        raise ConfigError(
            f"--out {folder}: holds {strange[0]}, which no ledger does; must be a new folder or a ledger's"
        )
    if held and not overwrite:
        raise ConfigError(f"--out {folder}: holds a ledger; --overwrite replaces it")


def read_chain(path: Path) -> tuple[list[Entry], Fault | None]:
    """Reads the entries of a chain up to the first unreadable one, and the fault of that one.

    A line must be the canonical text of its entry and end with a line break.

    Raises:
        ConfigError: the file does not exist.
    """
    path = path / CHAIN if path.is_dir() else path
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise ConfigError(f"{path}: {'no such file' if not path.exists() else error.strerror}") from error
    entries: list[Entry] = []
    for line in lines[:-1]:
        entry = _entry(line)
        if entry is None:
            return entries, Fault(len(entries), "altered; its line is not one that was written")
        entries.append(entry)
    return entries, Fault(len(entries), "cut off within its line") if lines[-1] else None


def fault_of(path: Path, head: str | None = None) -> tuple[list[Entry], Fault | None]:
    """The entries of a ledger and its first fault, in the chain or in the other files of its folder.

    Args:
        path: file of a chain, or folder of a ledger.
        head: known hash of the last entry, if it was kept elsewhere.

    Raises:
        ConfigError: the file does not exist, or a folder has no readable summary.
    """
    entries, unread = read_chain(path)
    fault = first_fault(entries, None if unread else head)
    if unread is not None and (fault is None or fault.number >= unread.number):
        return entries, unread
    return entries, fault or (_fault_beside(path, entries) if path.is_dir() else None)


def read_summary(folder: Path) -> dict[str, Any]:
    """Reads the summary of a ledger's folder.

    Raises:
        ConfigError: it is missing or not valid.
    """
    path = folder / SUMMARY
    try:
        summary = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: {'no such file' if not path.exists() else error.strerror}") from error
    except ValueError as error:
        raise ConfigError(f"{path}: not readable as JSON: {error}") from error
    if not isinstance(summary, dict) or summary.get("format") != FORMAT:
        raise ConfigError(f"{path}: key 'format' must be {FORMAT!r}")
    for key, kind in (("about", dict), ("head", str), ("matching", list), ("token_economics", list), ("files", dict)):
        if not isinstance(summary.get(key), kind):
            raise ConfigError(f"{path}: key {key!r} must be there and hold a JSON {JSON_NAMES[kind]}")
    if set(summary["files"]) != set(FILES):
        raise ConfigError(f"{path}: key 'files' must name {', '.join(FILES)}, names {', '.join(summary['files'])}")
    return summary


def about_of(path: Path, entries: Sequence[Entry]) -> dict[str, Any]:
    """Facts about the episode from the opening of a valid chain.

    Raises:
        ConfigError: the note of the opening is not a JSON object.
    """
    try:
        about = json.loads(str(entries[0].get("note")))
    except ValueError as error:
        raise ConfigError(f"{path}, entry 0: note is not readable as JSON: {error}") from error
    if not isinstance(about, dict):
        raise ConfigError(f"{path}, entry 0: note = {about!r}: must be a JSON object")
    return about


def _fault_beside(folder: Path, entries: Sequence[Entry]) -> Fault | None:
    summary, last = read_summary(folder), len(entries) - 1
    if summary["head"] != entries[last]["sha256"]:
        return Fault(last, f"its hash is not the head that {SUMMARY} holds: one of the two was written anew")
    if summary["matching"] != matching_rows(balance_of(entries)):
        return Fault(last, f"the chain is sound, but the shares in {SUMMARY} are not those of its entries")
    for name, sha256 in sorted(summary["files"].items()):
        if not (folder / name).is_file():
            return Fault(last, f"the chain is sound, but {name} beside it is missing")
        if sha256_of_file(folder / name) != sha256:
            return Fault(last, f"the chain is sound, but {name} beside it is altered")
    return None


def _entry(line: bytes) -> Entry | None:
    try:
        entry = json.loads(line.decode("ascii"))
    except (ValueError, RecursionError):
        return None
    if not isinstance(entry, dict) or not all(_is_value(value) for value in entry.values()):
        return None
    return entry if line_of(entry).encode() == line else None


def _is_value(value: object) -> bool:
    """Whether a value may be in an entry."""
    return isinstance(value, str | int | float) and not isinstance(value, bool)


def _write_into(folder: Path, played: Played) -> dict[str, Any]:
    from wattward.experiments.ledger.figure import draw_matching

    (folder / CHAIN).write_text("".join(f"{line_of(entry)}\n" for entry in played.entries), encoding="utf-8")
    table, balance = hourly_table(played.hourly), balance_of(played.entries)
    table.to_parquet(folder / PARQUET, index=False)
    table.to_csv(folder / CSV, index=False, lineterminator="\n")
    draw_matching(balance, title_of(played.about), folder / PICTURE)
    summary = {
        "format": FORMAT,
        "about": played.about,
        "head": played.entries[-1]["sha256"],
        "entries": len(played.entries),
        "matching": matching_rows(balance),
        "token_economics": [] if played.tokens is None else token_economics(played.hourly, played.tokens),
        "files": {name: sha256_of_file(folder / name) for name in FILES},
    }
    (folder / SUMMARY).write_text(json.dumps(summary, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return summary


def title_of(about: dict[str, Any]) -> str:
    """One line about the episode."""
    scenario = Path(str(about.get("scenario"))).name.removesuffix(".yaml")
    return f"{about.get('method')} on {scenario}, {about.get('split')} episode {about.get('episode')}"


def _about(
    who: Method, worlds: Worlds, episode: int, seed: int, tokens: Tokens | None, scenario: Scenario
) -> dict[str, object]:
    return {
        "method": who.name,
        "train_seed": who.train_seed,
        "scenario": worlds.scenario,
        "split": worlds.split,
        "episode": episode,
        "seed": seed,
        "worlds": worlds.name(),
        "currency": scenario.currency,
        "timezone": scenario.timezone,
        "tokens": None if tokens is None else tokens.name,
    }
