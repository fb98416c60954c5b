"""Rewrites parts of pages."""

from __future__ import annotations

from pathlib import Path

from wattward.configs.files import write_text
from wattward.configs.schema.base import ConfigError


def read_between(page: Path, begin: str, end: str) -> tuple[str, str, str]:
    """Reads a page: what stands before its markers, between them, and after them.

    Raises:
        ConfigError: the page cannot be read, or does not contain each marker exactly once.
    """
    try:
        text = page.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{page}: cannot be read: {error.strerror}") from error
    if text.count(begin) != 1 or text.count(end) != 1:
        raise ConfigError(f"{page}: must hold {begin.strip()} and {end.strip()} once each")
    before, rest = text.split(begin)
    between, after = rest.split(end)
    return before, between, after


def rewrite_between(page: Path, begin: str, end: str, content: str) -> None:
    """Rewrites what stands between two markers of a page. The rest of the page does not change.

    Raises:
        ConfigError: as `read_between`.
    """
    before, _, after = read_between(page, begin, end)
    write_text(page, f"{before}{begin}{content}{end}{after}")
