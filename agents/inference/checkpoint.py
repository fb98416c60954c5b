"""Checkpoint folders, which hold tensors (safetensors) and facts (JSON) but never code.

- policy.safetensors: weights of the acting and the value network, by their names in Stable-Baselines3
- optimizer.safetensors: everything else that training needs to continue; absent from a finished policy
- checkpoint.json: the `Manifest`, with the size and hash of each tensor file
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from wattward.configs.digests import sha256_of_bytes, sha256_of_json
from wattward.configs.files import replacing_folder
from wattward.configs.loading.reading import check
from wattward.configs.schema.base import Config, ConfigError
from wattward.envs.world.splits import UNSTATED_WORLDS

Tensors = dict[str, NDArray[np.generic]]
ActionLayout = Literal["modes", "joint", "region", "shares", "jobs"]
"""Meaning of a network's outputs.

`modes`: the modes of each region. `joint`: the joint modes of all regions. `region`: the modes of the one region that
the network sees. `shares`: the shares of each region. `jobs`: scores of each job and region.
"""

FORMAT = 1
MOST_REGIONS = 10_000
"""Limit of `n_regions`, so that a hostile manifest cannot ask for a network without end."""
MANIFEST, POLICY, OPTIMIZER = "checkpoint.json", "policy.safetensors", "optimizer.safetensors"


class TensorFile(Config):
    """Size and hash of a tensor file when it was written."""

    size_bytes: int
    sha256: str


class Manifest(Config):
    """Contents of `checkpoint.json`, which describes the tensors in the same folder."""

    format: Literal[1] = 1
    agent: str
    algorithm: str
    """Name in `wattward.agents.registry`, which rejects unknown names when the policy is made."""
    scenario: str
    worlds: Annotated[str, Field(exclude_if=lambda version: version == UNSTATED_WORLDS)] = UNSTATED_WORLDS
    """Version of the worlds in which the policy was trained."""
    seed: Annotated[int, Field(ge=-1)]
    """Training seed; -1 if it is unknown, as in a zip of Stable-Baselines3."""
    steps_done: Annotated[int, Field(ge=0)]
    updates_done: Annotated[int, Field(ge=0)]
    validation_saving: float | None = None
    wall_s: Annotated[float | None, Field(exclude_if=lambda seconds: seconds is None)] = None
    """Training time until this checkpoint, on the training machine; a resumed run counts all its sessions."""
    settings: dict[str, Any]
    settings_sha256: str
    activation: Literal["relu", "tanh"]
    observation_size: Annotated[int, Field(ge=1)]
    observation_sha256: str
    n_regions: Annotated[int, Field(ge=1, le=MOST_REGIONS)]
    action_repeat: Annotated[int, Field(ge=1)] = 1
    action_layout: ActionLayout
    network: Annotated[Literal["flat", "regions"], Field(exclude_if=lambda kind: kind == "flat")] = "flat"
    """`regions` works for any number of regions, `flat` only for the number that it was trained on."""
    packages: dict[str, str]
    files: dict[Literal["policy.safetensors", "optimizer.safetensors"], TensorFile] = Field(default_factory=dict)


def observation_sha256(layout: ActionLayout = "modes") -> str:
    """Returns a hash of the observation's layout: names, order and widths of fields, and edges of its blocks.

    For agents that decide per job, the fields of jobs are part of it.
    """
    from wattward.envs.model import job_fields, observation

    groups = ("clock", "world", "present", "forecast")
    fields = [[field.name, field.width] for field in observation.fields_of(*groups)]
    parts = [fields, observation.BLOCK_EDGES_H, observation.SLACK_EDGES_H]
    if layout == "jobs":
        parts.append([[field.group, field.name] for field in job_fields.JOB_FIELDS])
    return sha256_of_json(parts)


def write(directory: Path, manifest: Manifest, policy: Tensors, optimizer: Tensors | None = None) -> Path:
    """Writes a checkpoint completely or not at all, replaces an older one, and returns the folder."""
    payload = {POLICY: save_tensors(policy)}
    if optimizer is not None:
        payload[OPTIMIZER] = save_tensors(optimizer)
    files = {name: _described(data) for name, data in payload.items()}
    text = Manifest.model_validate({**manifest.model_dump(), "files": files}).model_dump_json(indent=2)
    with replacing_folder(directory) as fresh:
        for name, data in payload.items():
            (fresh / name).write_bytes(data)
        (fresh / MANIFEST).write_text(text + "\n", encoding="utf-8")
    return directory


def _described(data: bytes) -> TensorFile:
    return TensorFile(size_bytes=len(data), sha256=sha256_of_bytes(data))


def read_manifest(directory: Path) -> Manifest:
    """Reads the manifest of a checkpoint folder.

    Raises:
        ConfigError: the folder does not exist, or its manifest cannot be used.
    """
    path = directory / MANIFEST
    if not path.is_file():
        raise ConfigError(f"{directory}: not a checkpoint folder, it has no {MANIFEST}")
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ConfigError(f"{path}: not readable as JSON, truncated or altered: {error}") from error
    if not isinstance(data, dict):
        raise ConfigError(f"{path}: must hold a mapping, holds {type(data).__name__}")
    if data.get("format") != FORMAT:
        raise ConfigError(f"{path}: format = {data.get('format')!r}: this version reads format {FORMAT} only")
    manifest = check(Manifest, data, path)
    if sha256_of_json(manifest.settings) != manifest.settings_sha256:
        raise ConfigError(f"{path}: settings: altered, their hash is not the settings_sha256 beside them")
    return manifest


def read_policy(directory: Path) -> tuple[Manifest, Tensors]:
    """Reads a checkpoint's manifest and policy weights, and verifies sizes, hashes and types.

    Raises:
        ConfigError: a file is missing, truncated or altered, or a weight is not a finite number.
    """
    manifest = read_manifest(directory)
    return manifest, _verified(directory / POLICY, manifest.files.get("policy.safetensors"))


def read_optimizer(directory: Path) -> Tensors:
    """Reads the tensors that training needs to continue, in addition to the policy.

    Raises:
        ConfigError: the checkpoint holds a finished policy, or the file is missing, truncated or altered.
    """
    return _verified(directory / OPTIMIZER, read_manifest(directory).files.get("optimizer.safetensors"))


def _verified(path: Path, expected: TensorFile | None) -> Tensors:
    if expected is None:
        raise ConfigError(f"{path.parent / MANIFEST}: files: does not name {path.name}")
    if not path.is_file():
        raise ConfigError(f"{path}: missing, {MANIFEST} names it")
    data = path.read_bytes()
    if len(data) != expected.size_bytes:
        raise ConfigError(f"{path}: truncated or altered: {len(data)} bytes, {MANIFEST} says {expected.size_bytes}")
    digest = sha256_of_bytes(data)
    if digest != expected.sha256:
        raise ConfigError(f"{path}: altered: its sha256 is {digest}, {MANIFEST} says {expected.sha256}")
    try:
        tensors: Tensors = load_tensors(data)
    except SafetensorError as error:
        raise ConfigError(f"{path}: not readable as safetensors: {error}") from error
    except (KeyError, TypeError) as error:  # a type that NumPy lacks, such as bfloat16
        raise ConfigError(f"{path}: a tensor has a type that NumPy does not have: {error}") from error
    check_tensors(tensors, path)
    return tensors


def check_tensors(tensors: Tensors, path: Path) -> None:
    """Checks that all tensors hold finite real numbers; `path` is used in error messages.

    Raises:
        ConfigError: a tensor does not.
    """
    for name, tensor in tensors.items():
        if tensor.dtype.kind not in "fiub":
            raise ConfigError(f"{path}: tensor {name!r} has type {tensor.dtype}, must be real numbers")
        if tensor.dtype.kind == "f" and not np.isfinite(tensor).all():
            raise ConfigError(f"{path}: tensor {name!r} holds numbers that are not finite")
