"""Hashes that identify content: bytes, files, and values that JSON can hold."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

SHORT = 20
"""Number of hexadecimal digits of a digest that does not need to resist attacks."""


def sha256_of_bytes(content: bytes) -> str:
    """SHA-256 of bytes, in hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def sha256_of_file(path: Path) -> str:
    """SHA-256 of a file's content."""
    return sha256_of_bytes(path.read_bytes())


def sha256_of_json(value: object) -> str:
    """SHA-256 of a value as JSON. It does not depend on the order of keys."""
    return sha256_of_bytes(json.dumps(value, sort_keys=True).encode())


def digest(*parts: object) -> str:
    """A short hash of content: strings, bytes and values that JSON can hold."""
    hasher = hashlib.sha256()
    for part in parts:
        content = part if isinstance(part, bytes) else json.dumps(part, sort_keys=True).encode()
        hasher.update(len(content).to_bytes(8, "big") + content)
    return hasher.hexdigest()[:SHORT]


def folder_digest(folder: Path) -> str:
    """A hash of the content of a folder's files. It does not depend on the folder's name."""
    files = sorted(path for path in folder.iterdir() if path.is_file())
    return digest(*(part for path in files for part in (path.name, path.read_bytes())))
