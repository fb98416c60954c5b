"""Checkpoint folders that hold tensors and facts, never code: safetensors and JSON, every file with its size and hash.

- policy.safetensors: weights of the acting and the value network, by their names in Stable-Baselines3
- optimizer.safetensors: what else training needs to go on; absent from a finished policy
- checkpoint.json: the `Manifest`
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

Tensors = dict[str, NDArray[np.generic]]
ActionLayout = Literal["modes", "joint", "region", "shares"]
"""What outputs stand for: modes of each region, joint modes of all, modes of the one region seen, shares of each."""

FORMAT = 1
MANIFEST, POLICY, OPTIMIZER = "checkpoint.json", "policy.safetensors", "optimizer.safetensors"


class TensorFile(Config):
    """A tensor file as it was written."""

    size_bytes: int
    sha256: str


class Manifest(Config):
    """What `checkpoint.json` says about the tensors beside it."""

    format: Literal[1] = 1
    agent: str
    algorithm: str
    """A name of `wattward.agents.registry`, which refuses unknown ones when the policy is made."""
    scenario: str
    seed: int
    steps_done: int
    updates_done: int
    validation_saving: float | None = None
    wall_s: Annotated[float | None, Field(exclude_if=lambda seconds: seconds is None)] = None
    """Training until then, on the machine that trained; of a resumed run its sessions together."""
    settings: dict[str, Any]
    settings_sha256: str
    activation: Literal["relu", "tanh"]
    observation_size: int
    observation_sha256: str
    n_regions: int
    action_repeat: int = 1
    action_layout: ActionLayout
    network: Annotated[Literal["flat", "regions"], Field(exclude_if=lambda kind: kind == "flat")] = "flat"
    """A network of regions plays any number of them, `flat` only as many as it was trained on."""
    packages: dict[str, str]
    files: dict[Literal["policy.safetensors", "optimizer.safetensors"], TensorFile] = Field(default_factory=dict)


def observation_sha256() -> str:
    """Hash of the observation's layout: names, order and widths of fields, edges of forecast and slack blocks."""
    from wattward.envs.model import observation

    groups = ("clock", "world", "present", "forecast")
    fields = [[field.name, field.width] for field in observation.fields_of(*groups)]
    return sha256_of_json([fields, observation.BLOCK_EDGES_H, observation.SLACK_EDGES_H])


def write(directory: Path, manifest: Manifest, policy: Tensors, optimizer: Tensors | None = None) -> Path:
    """Writes a checkpoint whole or not at all, in place of an older one; the folder."""
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
    """The manifest of a checkpoint folder.

    Raises:
        ConfigError: no such folder, or a manifest that cannot be used.
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
    """A checkpoint's manifest and policy weights, sizes and hashes verified.

    Raises:
        ConfigError: a file is missing, truncated or altered.
    """
    manifest = read_manifest(directory)
    return manifest, _verified(directory / POLICY, manifest.files.get("policy.safetensors"))


def read_optimizer(directory: Path) -> Tensors:
    """What training needs to go on, beside the policy.

    Raises:
        ConfigError: the checkpoint is of a finished policy, or the file is missing, truncated or altered.
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
    return tensors
