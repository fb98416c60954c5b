"""Where results come from: code, packages, and the kind of machine; what is needed to make them again."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from wattward.configs.digests import digest

PACKAGE = Path(__file__).parent.parent.parent
RESULT_ROOMS = ("configs", "envs", "baselines", "agents")
EVALUATION_FILES = ("playing.py", "methods.py", "scores.py", "worlds.py")
"""Modules of experiments/evaluation that decide which episode a method meets, and what its record says."""
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
    """Names the code that a result depends on: every module below experiments, and how an episode is run and scored.

    Args:
        learned: whether a trained agent took part; what only agents need is left out otherwise.
    """
    files = [path for room in RESULT_ROOMS for path in sorted((PACKAGE / room).rglob("*.py"))]
    own = [PACKAGE / "experiments" / "evaluation" / name for name in EVALUATION_FILES]
    return digest(*(path.read_bytes() for path in [*files, *own] if learned or not _is_for_agents(path)))


def _is_for_agents(path: Path) -> bool:
    return path.is_relative_to(PACKAGE / "agents") or path.name == "agent.py"


def code_and_packages(*, learned: bool = True) -> dict[str, str | None]:
    """What a result rests on besides its settings: our code, Python, the packages, and the kind of processor.

    Args:
        learned: as `code_digest`.
    """
    others = {name: _version(name) for name in PACKAGES if name != "wattward"}
    code = code_digest(learned=learned)
    return {"code": code, "python": platform.python_version(), **others, "machine": platform.machine()}


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
