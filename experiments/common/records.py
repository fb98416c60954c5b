"""Episode records and how they are kept: digests, atomic files, and what is needed to make a result again."""

from __future__ import annotations

import hashlib
import json
import math
import os
import platform
import secrets
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wattward.configs.schema.base import ConfigError

if TYPE_CHECKING:
    import pandas as pd

Value = str | int | float | None
Record = dict[str, Value]
"""One episode of one method: what it was, what it cost, what it moved."""

PACKAGE = Path(__file__).parent.parent.parent
RESULT_ROOMS = ("configs", "envs", "baselines", "agents")
PACKAGES = (
    "wattward",
    "numpy",
    "numba",
    "scipy",
    "gymnasium",
    "stable-baselines3",
    "torch",
    "highspy",
    "pvlib",
    "windpowerlib",
)


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
        _settle(temporary)
        temporary.replace(path)
    finally:
        with suppress(FileNotFoundError, NotADirectoryError):
            temporary.unlink()


def _make(temporary: Path, path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.touch(exist_ok=False)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from error


def _settle(path: Path) -> None:
    """Waits until the content is on the disk, so that not even a power cut leaves an empty file under the new name."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def write_text(path: Path, text: str) -> None:
    """Writes `text` to `path` in one stroke."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, data: object) -> None:
    """Writes `data` as JSON in one stroke; numbers that are not finite become null."""
    write_text(path, json.dumps(_finite(data), indent=2, allow_nan=False) + "\n")


def write_records(path: Path, records: Sequence[Record]) -> None:
    """Writes episode records as parquet or JSON, by the suffix of `path`, in one stroke."""
    if check_suffix(path) == ".json":
        write_json(path, list(records))
        return
    with replacing(path) as temporary:
        frame(records).to_parquet(temporary, index=False)


def check_suffix(path: Path) -> str:
    """The suffix of a records file.

    Raises:
        ConfigError: it is neither .parquet nor .json.
    """
    if path.suffix not in {".parquet", ".json"}:
        raise ConfigError(f"{path}: suffix {path.suffix!r}: must be .parquet or .json")
    return path.suffix


def read_json(path: Path) -> Any | None:  # noqa: ANN401 - whatever was written
    """What `path` holds, or None where it is absent or unreadable."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def frame(records: Sequence[Record]) -> pd.DataFrame:
    """Records as a table, one row an episode."""
    import pandas as pd

    table = pd.DataFrame.from_records(list(records))
    table["train_seed"] = table["train_seed"].astype("Int64")
    return table


def digest(*parts: object) -> str:
    """A short name for content: strings, bytes and anything JSON can hold."""
    hasher = hashlib.sha256()
    for part in parts:
        content = part if isinstance(part, bytes) else json.dumps(part, sort_keys=True).encode()
        hasher.update(len(content).to_bytes(8, "big") + content)
    return hasher.hexdigest()[:20]


@cache
def code_digest(*, learned: bool = True) -> str:
    """Names the code that a result depends on: every module below experiments, and how an episode is run and scored.

    Args:
        learned: whether a trained agent took part; what only agents need is left out otherwise.
    """
    files = [path for room in RESULT_ROOMS for path in sorted((PACKAGE / room).rglob("*.py"))]
    own = [PACKAGE / "experiments" / "evaluation" / name for name in ("evaluate.py", "scores.py", "worlds.py")]
    return digest(*(path.read_bytes() for path in [*files, *own] if learned or not _is_for_agents(path)))


def _is_for_agents(path: Path) -> bool:
    return path.is_relative_to(PACKAGE / "agents") or path.name.startswith("agent_")


def code_and_packages(*, learned: bool = True) -> dict[str, str | None]:
    """What a result rests on besides its settings: our code, Python, the packages, and the kind of processor.

    Args:
        learned: as `code_digest`.
    """
    others = {name: _version(name) for name in PACKAGES if name != "wattward"}
    code = code_digest(learned=learned)
    return {"code": code, "python": platform.python_version(), **others, "machine": platform.machine()}


def folder_digest(folder: Path) -> str:
    """Names the content of a folder's files, whatever it is called."""
    files = sorted(path for path in folder.iterdir() if path.is_file())
    return digest(*(part for path in files for part in (path.name, path.read_bytes())))


def provenance(**about: object) -> dict[str, object]:
    """What is needed to make a result again: command, code, packages, kind of machine, and whatever `about` adds."""
    return {
        "command": " ".join(["wattward", *sys.argv[1:]]),
        "git_commit": _git_commit(),
        "code": code_digest(),
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
        "host": host(),
        **about,
    }


def host() -> dict[str, object]:
    """What kind of machine this is, not which one: floating point may differ between kinds."""
    return {
        "system": f"{platform.system()} {platform.release()}",
        "machine": platform.machine(),
        "processor": _processor(),
        "cores": os.cpu_count(),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor()


@cache
def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _git_commit() -> str | None:
    here = Path(__file__).resolve()
    tracked = _git("ls-files", "--error-unmatch", here.name)
    if not tracked:
        return None
    changed = _git("status", "--porcelain", "--untracked-files=no", "--", ":/", ":(top,exclude)results")
    return f"{_git('rev-parse', 'HEAD')}{'-dirty' if changed else ''}"


def _git(*arguments: str) -> str | None:
    command = ["git", "-C", str(Path(__file__).resolve().parent), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None


def _finite(data: object) -> object:
    if isinstance(data, Mapping):
        return {str(key): _finite(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_finite(value) for value in data]
    if isinstance(data, float) and not math.isfinite(data):
        return None
    return data
