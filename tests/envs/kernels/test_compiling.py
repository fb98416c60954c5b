"""What is said while kernels are compiled, and where they are kept."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from wattward.envs.kernels import cache, compiling, jobs
from wattward.envs.kernels.cache import KernelCache, temporary_folder
from wattward.envs.kernels.compiling import ENTRIES, Announcer, entry

SMALL = """
from wattward.envs.kernels.compiling import entry, inlined

@inlined
def doubled(number: int) -> int:
    return 2 * number

@entry
def twice(number: int) -> int:
    return doubled(number)

@entry
def thrice(number: int) -> int:
    return doubled(number) + number
"""


def ours() -> None:
    """A kernel of ours."""


def another_one() -> None:
    """A kernel of another package."""


def event_of(function: Callable[..., None]) -> Any:
    kernel = SimpleNamespace(py_func=function, _cache=SimpleNamespace(cache_path="/somewhere"))
    return SimpleNamespace(data={"dispatcher": kernel})


def test_the_first_compilation_is_announced_also_where_there_is_no_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([0.0, 0.5, 1.0, 8.0, 8.25])
    monkeypatch.setattr(compiling, "perf_counter", lambda: next(clock))
    announcer = Announcer({ours})
    announcer.on_start(event_of(another_one))
    announcer.on_end(event_of(another_one))
    assert capsys.readouterr().err == ""
    announcer.on_start(event_of(ours))
    said = capsys.readouterr().err
    assert said.startswith("wattward: compiling kernels for this version and processor")
    assert said.endswith("kept in /somewhere\n")
    announcer.on_end(event_of(ours))
    assert capsys.readouterr().err == ""  # half a second is not worth a line
    announcer.on_start(event_of(ours))
    announcer.on_end(event_of(ours))
    assert capsys.readouterr().err == "wattward: compiled ours in 7.2 s\n"


def test_numba_tells_it_of_a_compilation(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiling, "LONG_S", 0.0)

    @entry
    def twice(number: int) -> int:
        return 2 * number

    assert twice.py_func in ENTRIES  # type: ignore[attr-defined]
    twice._cache.flush()  # type: ignore[attr-defined]
    assert twice(4) == 8
    assert "wattward: compiled twice in " in capsys.readouterr().err


def test_python_cannot_call_a_part() -> None:
    with pytest.raises(TypeError, match=r"jobs\.sort_by_key is a part of kernels"):
        jobs.sort_by_key(np.zeros((2, 3)), np.zeros((2, 3), np.int64))


@pytest.mark.parametrize("count", [1, 2, 3, 24, 100])
def test_sorting_is_stable(count: int) -> None:
    rng = np.random.default_rng(count)
    keys, places = np.zeros((2, count)), np.zeros((2, count), np.int64)
    keys[0], places[0] = rng.integers(0, 9, count), rng.permutation(count)
    keys[0, rng.integers(count)] = -np.inf
    wanted = places[0][np.argsort(keys[0], kind="stable")]
    row = jobs.sort_by_key.py_func(keys, places)  # type: ignore[attr-defined]
    np.testing.assert_array_equal(places[row], wanted)


def module_in(folder: Path) -> Path:
    """A folder with a small module of kernels."""
    folder.mkdir(parents=True)
    (folder / "small.py").write_text(SMALL, encoding="utf-8")
    return folder


def run(folder: Path, code: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Runs code beside a module of kernels, as a user whose home cannot be written."""
    shown = {key: value for key, value in os.environ.items() if not key.startswith(("NUMBA", "XDG"))}
    paths = os.pathsep.join((str(folder), shown.get("PYTHONPATH", "")))
    told = shown | {"HOME": "/dev/null/none", "PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1"} | variables
    return subprocess.run([sys.executable, "-c", code], env=told, capture_output=True, text=True, check=False)


CALL = "import small; print(small.twice(4), small.twice._cache_hits.total(), small.twice._cache.cache_path)"


def blocked(folder: Path) -> None:
    """Makes a package's own folder of kernels impossible, whoever the user is: a file has its name."""
    (folder / "__pycache__").write_text("", encoding="utf-8")


def test_kernels_are_kept_in_a_temporary_folder_where_nothing_else_can_be_written(tmp_path: Path) -> None:
    folder, temporary = module_in(tmp_path / "package"), tmp_path / "temporary"
    temporary.mkdir()
    blocked(folder)
    for hits in (0, 1):
        done = run(folder, CALL, TMPDIR=str(temporary))
        assert done.returncode == 0, done.stderr
        result, found, path = done.stdout.split()
        assert (result, int(found)) == ("8", hits)
        assert Path(path).is_relative_to(temporary)


def test_a_copied_package_keeps_its_kernels_and_a_read_only_one_is_read(tmp_path: Path) -> None:
    folder = module_in(tmp_path / "package")
    assert run(folder, CALL).stdout.split()[:2] == ["8", "0"]
    copied = Path(shutil.copytree(folder, tmp_path / "copy"))
    assert run(copied, CALL).stdout.split()[:2] == ["8", "1"]
    elsewhere = f"{CALL}; print(small.thrice(4))"
    done = run(copied, elsewhere, NUMBA_CACHE_DIR=str(tmp_path / "other"))
    result, found, path, more = done.stdout.split()
    assert (result, found, more) == ("8", "1", "12"), done.stderr
    assert Path(path).is_relative_to(tmp_path / "other")
    kept = {path.name.split("-")[0] for path in (tmp_path / "other").rglob("*.nbi")}
    assert kept == {"small.thrice"}


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="folders of other users are told by their owner")
def test_a_temporary_folder_that_others_can_write_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache.tempfile, "tempdir", str(tmp_path))
    temporary_folder.cache_clear()
    own = temporary_folder()
    assert own == tmp_path / f"wattward-kernels-{os.getuid()}"
    assert stat.S_IMODE(own.stat().st_mode) == 0o700
    own.chmod(0o777)
    temporary_folder.cache_clear()
    fresh = temporary_folder()
    assert fresh != own
    assert stat.S_IMODE(fresh.stat().st_mode) == 0o700
    temporary_folder.cache_clear()


def test_a_full_disk_costs_nothing_but_time(monkeypatch: pytest.MonkeyPatch) -> None:
    @entry
    def four_times(number: int) -> int:
        return 4 * number

    kept: Any = four_times
    assert isinstance(kept._cache, KernelCache)
    kept._cache.flush()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(kept._cache._cache_file, "save", full)
    assert four_times(4) == 16
