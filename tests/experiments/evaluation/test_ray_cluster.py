"""The grid on a Ray cluster: the same results, a node killed on the way, and clear words where there is no cluster."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from wattward.configs import ConfigError
from wattward.experiments.common.provenance import PACKAGE, code_and_packages
from wattward.experiments.evaluation import executor as freight
from wattward.experiments.evaluation import ray_executor as ray_cluster
from wattward.experiments.evaluation.cells import Cell
from wattward.experiments.evaluation.executor import CheckpointShipment, WorldsShipment, run_cells
from wattward.experiments.evaluation.kill_test import check_same, finished
from wattward.experiments.evaluation.methods import Method, method
from wattward.experiments.evaluation.worlds import Worlds

PPO = PACKAGE / "agents" / "zoo" / "zhejiang-xinjiang" / "ppo" / "seed-0"
SCENARIO = PACKAGE / "configs" / "scenarios" / "zhejiang-xinjiang.yaml"
EPISODES = 4
SUITE = """
name: mine
title: Mine
scenarios: [{scenario}]
episodes: {episodes}
episodes_per_cell: 1
rules: [RunOnArrival, Random, PeakOffset]
checkpoints: [{{method: PPO, folders: [{folder}]}}]
"""


@pytest.fixture
def two_nodes(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A cluster in a process of its own; `kill` on its input kills the second node."""
    if importlib.util.find_spec("ray") is None:
        pytest.skip("Ray is not installed (pip install 'wattward[cluster]')")
    script = Path(__file__).with_name("two_nodes.py")
    with (
        (tmp_path / "cluster.log").open("w") as log,
        subprocess.Popen(
            [sys.executable, "-W", "ignore", script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env={**os.environ, "RAY_USAGE_STATS_ENABLED": "0", "OMP_NUM_THREADS": "1"},
        ) as cluster,
    ):
        yield cluster
        if cluster.stdin is not None:
            cluster.stdin.close()
        cluster.wait(timeout=60)


def said(cluster: subprocess.Popen[str], word: str) -> str:
    """What follows a word on the cluster's output."""
    assert cluster.stdout is not None
    for line in cluster.stdout:
        if line.startswith(word):
            return line.removeprefix(word).strip()
    raise AssertionError(f"the cluster ended before it said {word!r}")


def run(folder: Path, suite: Path, *options: str, address: str = "") -> subprocess.Popen[str]:
    return command(
        "leaderboard", suite, *options, "--cache", folder / "cache", "--out", folder / "out", address=address
    )


def command(*words: str | Path, address: str = "") -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "wattward.experiments.cli.main", *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "RAY_ADDRESS": address, "OMP_NUM_THREADS": "1"},
    )


def ended_well(running: subprocess.Popen[str]) -> None:
    _, told = running.communicate(timeout=200)
    assert running.returncode == 0, told


@pytest.mark.slow
def test_two_nodes_one_killed_give_what_local_processes_give(tmp_path: Path, two_nodes: subprocess.Popen[str]) -> None:
    suite = tmp_path / "mine.yaml"
    suite.write_text(SUITE.format(scenario=SCENARIO, episodes=EPISODES, folder=PPO), encoding="utf-8")
    local, cluster = tmp_path / "local", tmp_path / "cluster"
    ended_well(run(local, suite, "--jobs", "2"))
    with run(cluster, suite, "--executor", "ray", address=said(two_nodes, "address")) as running:
        while not finished(cluster) and running.poll() is None:
            time.sleep(0.05)
        at_kill = len(finished(cluster))
        assert two_nodes.stdin is not None
        two_nodes.stdin.write("kill\n")
        two_nodes.stdin.flush()
        said(two_nodes, "killed")
        ended_well(running)
    assert 0 < at_kill < len(finished(cluster))
    assert len(finished(local)) == EPISODES + 4 * EPISODES
    check_same(local, cluster)


@pytest.mark.slow
def test_seeds_trained_on_two_nodes_one_killed_are_those_of_local_processes(
    tmp_path: Path, two_nodes: subprocess.Popen[str]
) -> None:
    asked = ("train", "ppo", "--scenario", "toy", "--steps", "9600", "--seeds", "0-3")
    ended_well(command(*asked, "--out", tmp_path / "local"))
    with command(
        *asked, "--out", tmp_path / "cluster", "--executor", "ray", address=said(two_nodes, "address")
    ) as running:
        while not list(tmp_path.glob("cluster/*/*/*/final")) and running.poll() is None:
            time.sleep(0.05)
        assert two_nodes.stdin is not None
        two_nodes.stdin.write("kill\n")
        two_nodes.stdin.flush()
        said(two_nodes, "killed")
        ended_well(running)
    weights = [
        {
            str(path.relative_to(tmp_path / where)): path.read_bytes()
            for path in tmp_path.rglob(f"{where}/**/final/*.safetensors")
        }
        for where in ("local", "cluster")
    ]
    assert len(weights[0]) == 4
    assert weights[0] == weights[1]


def test_without_ray_a_clear_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    ray_cluster._module.cache_clear()
    with pytest.raises(ConfigError, match=r"Ray is not installed .*pip install 'wattward\[cluster\]'"):
        run_cells([Cell(Method("Random"), Worlds("toy"), 0, 1)], tmp_path, progress=False, executor="ray")


def test_without_a_cluster_a_clear_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_cluster, "_module", lambda: SimpleNamespace(is_initialized=lambda: False))
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    with pytest.raises(ConfigError, match=r"no cluster answers at RAY_ADDRESS 127\.0\.0\.1:1 .*ray start --head"):
        run_cells([Cell(Method("Random"), Worlds("toy"), 0, 1)], tmp_path, progress=False, executor="ray")


def test_local_processes_do_not_load_ray(tmp_path: Path) -> None:
    told = (
        "import sys; from pathlib import Path; from wattward.experiments.evaluation.executor import *; "
        f"run_cells([Cell(Method('Random'), Worlds('toy'), 0, 1)], Path({str(tmp_path)!r}), jobs=1, progress=False); "
        "sys.exit('ray' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", told], check=False).returncode == 0


def test_a_node_with_other_packages_is_refused() -> None:
    ray_cluster._check_node(code_and_packages())
    with pytest.raises(ConfigError, match=r"node .* has numpy \S+ instead of 1\.0; must have what the driver has"):
        ray_cluster._check_node({**code_and_packages(), "numpy": "1.0"})


def test_a_checkpoint_that_was_sent_is_the_same_method(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(freight, "_AT_HAND", {})
    who = method(str(PPO))
    assert freight.at_hand(who) == who
    assert who.path is not None
    packed = CheckpointShipment(who.content, who.path).pack()
    packed.unpack()
    packed.unpack()
    sent = freight.at_hand(who)
    assert sent.path is not None
    assert sent.path != who.path
    assert {path.name: path.read_bytes() for path in sent.path.iterdir()} == packed.files
    assert method(str(sent.path)).content == who.content


def test_a_cell_needs_its_worlds_and_its_checkpoint() -> None:
    toy = Worlds("toy")
    assert freight.shipments(Method("Random"), toy) == (WorldsShipment(toy),)
    assert freight.shipments(Method("PPO", PPO, 0, "weights"), toy)[1] == CheckpointShipment("weights", PPO)
    assert WorldsShipment(toy).pack().scenario.name == "toy"
