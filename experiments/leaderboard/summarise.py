"""Makes the tables, statistics and pictures of a results folder again from its episodes. Nothing is played."""

from __future__ import annotations

from pathlib import Path

from wattward.configs.digests import sha256_of_file
from wattward.configs.files import write_json
from wattward.configs.schema.base import ConfigError
from wattward.experiments.common.provenance import provenance, worlds_version
from wattward.experiments.evaluation.scores import refuse_impossible
from wattward.experiments.leaderboard.contents import (
    EPISODES,
    FORM,
    LEADERBOARD,
    digests_by_method,
    limits_of,
    read_episodes,
    read_provenance,
    seal,
    suite_of,
    summarised,
)
from wattward.experiments.leaderboard.publish import write_provenance, write_summaries
from wattward.experiments.leaderboard.ranking import Row, versus

VERSUS = "versus-{}.json"
ABOUT = ("command", "git_commit", "code", "python", "packages", "host")
"""Entries of the provenance that say by what the tables were made, apart from what played the episodes."""


def summarise(folder: Path) -> list[Row]:
    """Writes everything in a results folder that follows from its episodes, and returns the rows of the board.

    The episodes, the configurations, and what the provenance says of them stay as they are. The provenance also says
    by what the tables were made.

    Raises:
        ConfigError: the folder holds no results, its episodes are not those that were published, or an episode has an
            impossible cost or score. Nothing was written then.
    """
    made = read_provenance(folder)
    if seal(made) != made.get("sha256"):
        raise ConfigError(f"{folder}: its provenance is not as it was written: its own digest does not fit it")
    suite, records = suite_of(folder, made), read_episodes(folder)
    digests = digests_by_method(records)
    for name in dict.fromkeys([*made["results"], *digests]):
        if made["results"].get(name) != digests.get(name):
            raise ConfigError(f"{folder / EPISODES}: episodes of {name} are not those that were published")
    for record in records:
        refuse_impossible(record)
    summaries = summarised(suite, records)
    beside = {rival: versus(records, rival, limits_of(suite)) for rival in _rivals(folder)}
    names = write_summaries(suite, records, summaries, folder, worlds_version(made))
    for rival, rows in beside.items():
        write_json(folder / VERSUS.format(rival), rows)
    now = provenance()
    files = {**made["files"], **{name: sha256_of_file(folder / name) for name in names}}
    plain = {key: value for key, value in made.items() if key != "sha256"}
    by = {key: now[key] for key in ABOUT}
    write_provenance(folder, {**plain, "summaries": FORM, "summarised_by": by, "files": files})
    board: list[Row] = summaries[LEADERBOARD]
    return board


def _rivals(folder: Path) -> list[str]:
    """Names of the methods with which `--versus` compared all others."""
    before, _, after = VERSUS.partition("{}")
    return sorted(path.name.removeprefix(before).removesuffix(after) for path in folder.glob(VERSUS.format("*")))
