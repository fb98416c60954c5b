"""Finished work in a cache: JSON with a hash of its content, so that a file that was altered is not believed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from wattward.configs.digests import sha256_of_json
from wattward.configs.files import finite, read_json, write_json


def write_finished(path: Path, data: object) -> None:
    """Writes data as JSON together with its hash, completely or not at all, for `read_finished`."""
    content = finite(data)
    write_json(path, {"sha256": sha256_of_json(content), "content": content})


def read_finished(path: Path) -> Any | None:  # noqa: ANN401 - whatever was written
    """The value that `write_finished` wrote to `path`; None if the file is missing, unreadable or altered."""
    kept = read_json(path)
    if not isinstance(kept, dict) or kept.keys() != {"sha256", "content"}:
        return None
    return kept["content"] if kept["sha256"] == sha256_of_json(kept["content"]) else None
