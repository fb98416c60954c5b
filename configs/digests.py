"""Names for content: hashes of bytes, files and whatever JSON can hold."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

SHORT = 20
"""Hexadecimal digits of a name that need not withstand an attack."""


def sha256_of_bytes(content: bytes) -> str:
    """SHA-256 of bytes, in hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def sha256_of_file(path: Path) -> str:
    """SHA-256 of what a file holds."""
    return sha256_of_bytes(path.read_bytes())


def sha256_of_json(value: object) -> str:
    """SHA-256 of a value as JSON, the same whatever the order of keys."""
    return sha256_of_bytes(json.dumps(value, sort_keys=True).encode())


def digest(*parts: object) -> str:
    """A short name for content: strings, bytes and anything JSON can hold."""
    hasher = hashlib.sha256()
    for part in parts:
        content = part if isinstance(part, bytes) else json.dumps(part, sort_keys=True).encode()
        hasher.update(len(content).to_bytes(8, "big") + content)
    return hasher.hexdigest()[:SHORT]


def folder_digest(folder: Path) -> str:
    """Names the content of a folder's files, whatever it is called."""
    files = sorted(path for path in folder.iterdir() if path.is_file())
    return digest(*(part for path in files for part in (path.name, path.read_bytes())))
