"""Provenance of results: version of the worlds, code, packages and kind of machine, as needed to reproduce them."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from wattward.configs.digests import digest
from wattward.configs.schema.base import ConfigError
from wattward.envs.world.splits import UNSTATED_WORLDS, WORLDS_VERSION

PACKAGE = Path(__file__).parent.parent.parent
RESULT_ROOMS = ("configs", "envs", "baselines", "agents")
EVALUATION_FILES = ("playing.py", "methods.py", "scores.py", "worlds.py")
"""Modules of experiments/evaluation that determine which episode a method plays, and what its record holds."""
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


@cache
def code_digest(*, learned: bool = True) -> str:
    """Digest of the code that a result depends on.

    The code is all modules of `RESULT_ROOMS`, and the modules in `EVALUATION_FILES`, which run and score episodes.

    Args:
        learned: whether a trained agent took part. If not, modules that only agents need are left out.
    """
    files = [path for room in RESULT_ROOMS for path in sorted((PACKAGE / room).rglob("*.py"))]
    own = [PACKAGE / "experiments" / "evaluation" / name for name in EVALUATION_FILES]
    return digest(*(path.read_bytes() for path in [*files, *own] if learned or not _is_for_agents(path)))


def _is_for_agents(path: Path) -> bool:
    return path.is_relative_to(PACKAGE / "agents") or path.name == "agent.py"


def code_and_packages(*, learned: bool = True) -> dict[str, str | None]:
    """What a result depends on besides its settings: code, Python, packages, and kind of processor.

    Args:
        learned: as `code_digest`.
    """
    others = {name: _version(name) for name in PACKAGES if name != "wattward"}
    code = code_digest(learned=learned)
    return {"code": code, "python": platform.python_version(), **others, "machine": platform.machine()}


def provenance(**about: object) -> dict[str, object]:
    """What is needed to reproduce a result.

    This is the command, the version of the worlds, code, packages, kind of machine, and the entries of `about`.
    """
    return {
        "command": " ".join(["wattward", *sys.argv[1:]]),
        "worlds": WORLDS_VERSION,
        "git_commit": _git_commit(),
        "code": code_digest(),
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
        "host": host(),
        **about,
    }


def worlds_version(made: Mapping[str, object]) -> str:
    """The version of the worlds of some results, from their provenance."""
    return str(made.get("worlds", UNSTATED_WORLDS))


def refuse_other_worlds(results: Path, made: Mapping[str, object]) -> None:
    """Checks that results were played in the worlds of this version.

    Args:
        results: the folder or file of the results.
        made: their provenance.

    Raises:
        ConfigError: they were played in worlds of another version.
    """
    version = worlds_version(made)
    if version != WORLDS_VERSION:
        commit = made.get("git_commit")
        there = f", or with the code that made them (commit {commit})" if commit else ""
        raise ConfigError(
            f"{results}: these results were played in {version} worlds, and this version of the code has "
            f"{WORLDS_VERSION} worlds. The same episode numbers are other episodes, so they cannot be compared. "
            f"Play them again (`{made.get('command')}`){there}"
        )


def host() -> dict[str, object]:
    """The kind of machine, without its identity. Floating-point results may differ between kinds."""
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
