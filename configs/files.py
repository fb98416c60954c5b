"""Writes files and folders completely or not at all: first under a temporary name, then renamed to the final name.

A reader sees either the old content or the new content. An interrupted run never leaves a partly written file under the
final name.
"""

from __future__ import annotations

import json
import math
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from wattward.configs.schema.base import ConfigError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary file beside `path`. It replaces `path` if the block succeeds, and is deleted if the block fails.

    Raises:
        ConfigError: the folder cannot be created or written to.
    """
    temporary = path.with_name(f".{path.stem}-{secrets.token_hex(8)}{path.suffix}")
    try:
        _make(temporary, path)
        yield temporary
        temporary.chmod(0o644)
        _flush(temporary)
        temporary.replace(path)
    finally:
        with suppress(FileNotFoundError, NotADirectoryError):
            temporary.unlink()


@contextmanager
def replacing_folder(folder: Path) -> Iterator[Path]:
    """A temporary folder beside `folder`. It replaces `folder` if the block succeeds, and is deleted if it fails.

    An old folder is deleted only after the new one is in place.

    Raises:
        OSError: the folder cannot be created, or cannot replace `folder`.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh = folder.with_name(f".{folder.name}-{secrets.token_hex(8)}")
    fresh.mkdir()
    try:
        yield fresh
        swap_in(fresh, folder)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def swap_in(fresh: Path, folder: Path) -> None:
    """Renames `fresh` to `folder`. An old folder is deleted on success and restored on failure.

    Raises:
        OSError: `fresh` cannot be renamed to `folder`.
    """
    if not folder.exists():
        fresh.replace(folder)
        return
    old = fresh.with_name(f"{fresh.name}.old")
    folder.replace(old)
    try:
        fresh.replace(folder)
    except OSError:
        old.replace(folder)
        raise
    shutil.rmtree(old, ignore_errors=True)


def write_text(path: Path, text: str) -> None:
    """Writes `text` to `path`, completely or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_bytes(path: Path, content: bytes) -> None:
    """Writes `content` to `path`, completely or not at all."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def write_json(path: Path, data: object) -> None:
    """Writes `data` as JSON, completely or not at all. Numbers that are not finite become null."""
    write_text(path, json.dumps(finite(data), indent=2, allow_nan=False) + "\n")


def read_json(path: Path) -> Any | None:  # noqa: ANN401 - whatever was written
    """The JSON value in `path`; None if the file does not exist or cannot be read."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def finite(data: object) -> object:
    """The same data as JSON holds it: lists, keys that are strings, and None for numbers that are not finite."""
    if isinstance(data, Mapping):
        return {str(key): finite(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [finite(value) for value in data]
    if isinstance(data, float) and not math.isfinite(data):
        return None
    return data


def _make(temporary: Path, path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.touch(exist_ok=False)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from error


def _flush(path: Path) -> None:
    """Waits until the content is on the disk, so that even a power cut does not leave an empty file at the new name."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
