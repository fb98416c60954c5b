"""Digests name content."""

from __future__ import annotations

import hashlib
from pathlib import Path

from wattward.configs import digests


def test_digests_tell_content_apart_and_where_it_is_cut() -> None:
    assert digests.digest("a", 1) == digests.digest("a", 1)
    assert (
        len({digests.digest(*parts) for parts in (("ab", "c"), ("a", "bc"), ("abc",), (b"abc",), ({"abc": 1},))}) == 5
    )


def test_a_folder_is_named_by_its_files_not_by_its_path(tmp_path: Path) -> None:
    for name in ("one", "two", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "weights").write_bytes(b"1" if name == "other" else b"0")
    one, two, other = (digests.folder_digest(tmp_path / name) for name in ("one", "two", "other"))
    assert one == two != other


def test_one_content_has_one_sha256_however_it_is_held(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(b'{"a": 1, "b": 2}')
    expected = hashlib.sha256(path.read_bytes()).hexdigest()
    assert digests.sha256_of_file(path) == digests.sha256_of_bytes(path.read_bytes()) == expected
    assert digests.sha256_of_json({"b": 2, "a": 1}) == digests.sha256_of_json({"a": 1, "b": 2}) == expected
