"""Metadata of published results in Croissant 1.0 (MLCommons, JSON-LD), so that other tools can read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from wattward.configs.loading.worlds import load_scenario
from wattward.configs.schema.suite import Suite
from wattward.experiments.common.records import Record, frame
from wattward.experiments.leaderboard.contents import worlds_of

CROISSANT = "croissant.json"
CONFORMS_TO = "http://mlcommons.org/croissant/1.0"
LICENSE = "https://spdx.org/licenses/MIT.html"
FORMATS = {".json": "application/json", ".parquet": "application/x-parquet"}
DATA_TYPES = {"i": "sc:Integer", "f": "sc:Float", "b": "sc:Boolean"}
"""Types by numpy's kind; all others are text."""
UNITS = {
    "_cost": "{currency}",
    "_kwh": "kWh",
    "_gpu_h": "GPU-h",
    "_gb": "GB",
    "_kg": "kg",
    "_us": "microseconds",
    "_share": "a share from 0 to 1",
}
"""Units by the ends of columns' names."""
MEANINGS = {
    "method": "name of the policy",
    "train_seed": "training seed of a learned policy",
    "learned": "1 if the policy is learned",
    "submitted": "1 if the policy belongs to another package",
    "scenario": "name of the scenario",
    "worlds": "version of the worlds; episodes of different versions cannot be compared",
    "split": "train, validation or test",
    "recorded": "1 if the world replays recorded series",
    "episode": "number of the episode in its split; the same for every method",
    "score": "(cost of RunOnArrival - cost) / (cost of RunOnArrival - bound)",
    "saving": "1 - cost / cost of RunOnArrival",
    "total_cost": "cost of the episode, {currency}, the sum of its terms",
    "run_on_arrival_cost": "cost of RunOnArrival in the same episode, {currency}",
    "bound_cost": "hindsight lower bound on the cost of any policy, {currency}",
    "best_known_cost": "cost of the best schedule that a search with hindsight found for the episode, {currency}",
    "failure": "why the method failed in the episode; empty if it did not",
    "in_band": "share of time within the scenario's load band",
    "utilisation": "GPUs at work / GPUs, mean over the episode",
    "decision_us": "mean time of a decision, microseconds; differs from run to run",
}
CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}


def describe(suite: Suite, records: Sequence[Record], sha256: Mapping[str, str], worlds: str) -> dict[str, Any]:
    """Croissant metadata of a results folder.

    Args:
        suite: the suite.
        records: all episodes; their columns become fields.
        sha256: digests of the files beside the metadata, by name. The only parquet file holds the episodes.
        worlds: version of the worlds in which they were played.
    """
    (episodes,) = (name for name in sha256 if name.endswith(".parquet"))
    release, currency = version("wattward"), _currency(suite)
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "name": f"wattward-{suite.name}",
        "description": (
            f"{suite.title}. Every episode of every method of the suite {suite.name!r}, played in {worlds} worlds of "
            f"wattward {release}: its costs, energy, carbon and moved data, with the costs of running on arrival and "
            "of the hindsight bound."
        ),
        "conformsTo": CONFORMS_TO,
        "license": LICENSE,
        "url": "leaderboard.md",
        "creator": {"@type": "sc:Organization", "name": "The wattward authors"},
        "datePublished": datetime.now(UTC).date().isoformat(),
        "version": release,
        "isLiveDataset": False,
        "distribution": [_file(name, digest) for name, digest in sha256.items()],
        "recordSet": [
            {
                "@type": "cr:RecordSet",
                "@id": "episodes",
                "name": "episodes",
                "description": "One row for each episode of a method with one training seed.",
                "field": [
                    _field(str(name), column.dtype.kind, episodes, currency) for name, column in frame(records).items()
                ],
            }
        ],
    }


def _file(name: str, sha256: str) -> dict[str, str]:
    return {
        "@type": "cr:FileObject",
        "@id": name,
        "name": name,
        "contentUrl": name,
        "encodingFormat": FORMATS[Path(name).suffix],
        "sha256": sha256,
    }


def _field(name: str, kind: str, file: str, currency: str) -> dict[str, Any]:
    return {
        "@type": "cr:Field",
        "@id": f"episodes/{name}",
        "name": name,
        "description": _meaning(name).format(currency=currency),
        "dataType": DATA_TYPES.get(kind, "sc:Text"),
        "source": {"fileObject": {"@id": file}, "extract": {"column": name}},
    }


def _currency(suite: Suite) -> str:
    """The currency of all costs. Scenarios may have different ones."""
    codes = {load_scenario(worlds.scenario).currency for worlds in worlds_of(suite)}
    return codes.pop() if len(codes) == 1 else "the scenario's currency"


def _meaning(name: str) -> str:
    unit = next((unit for end, unit in UNITS.items() if name.endswith(end)), None)
    plain = name.replace("_", " ")
    return MEANINGS.get(name, f"{plain} of the episode" + (f", {unit}" if unit else ""))
