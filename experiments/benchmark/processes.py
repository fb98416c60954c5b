"""Measures memory, time to the first step and time of `--help` in fresh processes; and the time of a decision."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from wattward.experiments.benchmark.timing import Effort, Measured, Meter, spread

KIB, MIB = 2**10, 2**20
CHECKPOINT = "zoo/zhejiang-xinjiang/ppo/seed-0"
HOLD = """\
import sys
from wattward.experiments.benchmark.processes import hold
hold(*sys.argv[1:])
"""
FIRST_STEP = """\
import sys, time
import gymnasium
env = gymnasium.make("wattward:" + sys.argv[1])
env.reset(seed=0)
env.step(env.action_space.sample())
print(time.monotonic())
"""


def memory(effort: Effort, meter: Meter) -> Measured:
    """Measures resident memory of fresh processes with environments, after a reset and a step."""
    held = {"": (effort.held_envs, 0), "_bank": (effort.held_envs, effort.held_bank), "_one": (1, 0)}
    found = {
        suffix: _held(effort, *asked) for suffix, asked in meter.each(list(held.items()), "memory: fresh processes")
    }
    return {
        "num_envs": effort.held_envs,
        "base_mb": found["_one"]["base_mb"],
        **{f"rss{suffix}_mb": one["rss_mb"] for suffix, one in found.items()},
        **{f"peak{suffix}_mb": one["peak_mb"] for suffix, one in found.items() if suffix != "_one"},
    }


def start(effort: Effort, meter: Meter) -> Measured:
    """Measures seconds to a new process's first step, processor seconds of `--help`, microseconds of a decision.

    The first process finds no compiled kernels; it is measured once. The others find them.
    """
    with tempfile.TemporaryDirectory() as folder:
        uncached_s = _first_step_s(effort.env_id, without_kernels(Path(folder)))
    _first_step_s(effort.env_id)  # fills caches; its time is not used
    first_step_s, help_cpu_s = [], []
    for _ in meter.each(range(effort.processes), "start: fresh processes"):
        first_step_s.append(_first_step_s(effort.env_id))
        help_cpu_s.append(_cpu_s([sys.executable, "-m", "wattward.experiments.cli.main", "--help"]))
    return {
        "uncached_first_step_s": uncached_s,
        **spread("first_step_s", first_step_s),
        **spread("help_cpu_s", help_cpu_s),
        **decisions(meter),
    }


def decisions(meter: Meter, scenario: str = "zhejiang-xinjiang") -> Measured:
    """Measures median microseconds of a decision over an episode, for each shipped rule and one shipped network."""
    from wattward.baselines import registry

    found = {}
    for text in meter.each([*registry.names(), CHECKPOINT], "start: decisions"):
        name, times_us = _decision_us(text, scenario)
        found[name] = spread("us", times_us)
    return {
        "decision_us": {name: one["us"] for name, one in found.items()},
        "decision_us_range": {name: one["us_range"] for name, one in found.items()},
    }


def hold(env_id: str, num_envs: str, bank: str) -> None:
    """Prints as JSON the memory of this process before and after it makes, resets and steps environments."""
    import gymnasium

    from wattward.experiments.benchmark.stepping import make_batch

    gymnasium.make(env_id)
    base_mb = rss_mb()
    batch = make_batch(Effort(env_id=env_id, num_envs=int(num_envs)), int(bank) or None, 1)
    batch.reset(seed=0)
    batch.step(batch.action_space.sample())
    sys.stdout.write(json.dumps({"base_mb": base_mb, "rss_mb": rss_mb(), "peak_mb": peak_mb()}))


def rss_mb() -> float:
    """Resident memory of this process [MiB]; its peak if the system does not report the present value."""
    return _status_mb("VmRSS")


def peak_mb() -> float:
    """Peak resident memory of this process [MiB]."""
    return _status_mb("VmHWM")


def _status_mb(key: str) -> float:
    """A value from /proc/self/status [MiB]; the peak of `getrusage` if that file is missing.

    `getrusage` is not the first choice because it gives a child the peak of its parent.
    """
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / MIB if sys.platform == "darwin" else peak / KIB
    return next(float(line.split()[1]) / KIB for line in lines if line.startswith(f"{key}:"))


def _held(effort: Effort, num_envs: int, bank: int) -> dict[str, float]:
    arguments = [effort.env_id, str(num_envs), str(bank)]
    found: dict[str, float] = json.loads(_run([sys.executable, "-c", HOLD, *arguments]))
    return found


def without_kernels(folder: Path) -> dict[str, str]:
    """Copies the package without its compiled kernels, because those of its own folder are always found.

    Args:
        folder: An empty folder.

    Returns:
        Environment variables with which a process uses the copy, and keeps its kernels in the folder, too.
    """
    package = Path(str(find_spec("wattward").origin)).parent  # type: ignore[union-attr]
    shutil.copytree(package, folder / "copy" / package.name, ignore=shutil.ignore_patterns("__pycache__"))
    return {"PYTHONPATH": str(folder / "copy"), "NUMBA_CACHE_DIR": str(folder / "kernels")}


def _first_step_s(env_id: str, variables: Mapping[str, str] = MappingProxyType({})) -> float:
    began = time.monotonic()
    return float(_run([sys.executable, "-c", FIRST_STEP, env_id], variables)) - began


def _cpu_s(command: list[str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    _run(command)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _run(command: list[str], variables: Mapping[str, str] = MappingProxyType({})) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **variables})
    if done.returncode != 0:
        raise RuntimeError(f"a process that was measured failed ({done.returncode}):\n{done.stderr}")
    return done.stdout


def _decision_us(text: str, scenario: str) -> tuple[str, list[float]]:
    """The policy's name and the time of each decision [us]. Steps in which a network repeats an action do not count."""
    from wattward.agents.inference.policy import LearnedPolicy
    from wattward.envs.interfaces.cluster_env import ClusterEnv
    from wattward.envs.policy.episode import play_episode
    from wattward.experiments.evaluation.methods import method

    env: Any = ClusterEnv(scenario)
    policy = method(text).policy()
    action_repeat = policy.manifest.action_repeat if isinstance(policy, LearnedPolicy) else 1
    played = play_episode(policy, env, split="test", episode=0, rng=np.random.default_rng(0))
    return policy.name, played.decision_us[::action_repeat].tolist()
