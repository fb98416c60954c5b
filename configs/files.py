"""Files and folders that are written whole or not at all: beside their place first, then renamed into it.

Whoever reads a file sees the old content or the new one, and an interrupted run leaves nothing half-written behind.
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
    """A temporary file beside `path` that takes its place when the block ends well and vanishes when it does not.

    Raises:
        ConfigError: the folder cannot be made or written to.
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
    """A temporary folder beside `folder` that takes its place when the block ends well and vanishes when it does not.

    A folder that was there goes only once the new one stands.

    Raises:
        OSError: the folder cannot be made, or not take its place.
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
    """Renames `fresh` to `folder`; what was there is back in its place if that fails, and deleted if it does not.

    Raises:
        OSError: it cannot take the place.
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
    """Writes `text` to `path` in one stroke."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_bytes(path: Path, content: bytes) -> None:
    """Writes `content` to `path` in one stroke."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def write_json(path: Path, data: object) -> None:
    """Writes `data` as JSON in one stroke; numbers that are not finite become null."""
    write_text(path, json.dumps(_finite(data), indent=2, allow_nan=False) + "\n")


def read_json(path: Path) -> Any | None:  # noqa: ANN401 - whatever was written
    """What `path` holds, or None where it is absent or unreadable."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _make(temporary: Path, path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.touch(exist_ok=False)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from error


def _flush(path: Path) -> None:
    """Waits until the content is on the disk, so that not even a power cut leaves an empty file under the new name."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _finite(data: object) -> object:
    if isinstance(data, Mapping):
        return {str(key): _finite(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_finite(value) for value in data]
    if isinstance(data, float) and not math.isfinite(data):
        return None
    return data
