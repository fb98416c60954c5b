"""Algorithms register themselves; nobody else asks for their names."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, get_args

import pytest

import wattward
from wattward.agents import registry
from wattward.agents.algorithms.ppo import PPO, PPOSettings
from wattward.agents.inference.checkpoint import Manifest
from wattward.agents.inference.policy import acting_network
from wattward.agents.registry import algorithm, algorithms, load_agent, register
from wattward.configs import ConfigError, names

HOME = Path(wattward.__file__).parent
ROOMS = ("agents", "configs", "experiments")


def test_every_file_of_the_package_registers_what_its_settings_name() -> None:
    assert {"dqn", "maskable-ppo", "ppo", "qrdqn", "recurrent-ppo", "sac", "trpo"} <= algorithms().keys()
    for name, known in algorithms().items():
        assert known.name == name
        assert get_args(known.settings.model_fields["algorithm"].annotation) == (name,)
        assert type(known).__doc__ and sys.modules[type(known).__module__].__doc__


def test_every_algorithm_has_a_shipped_agent() -> None:
    assert {load_agent(agent, "toy").algorithm for agent in names("agents")} == algorithms().keys()


def test_settings_and_names_need_no_torch() -> None:
    code = (
        "import sys; from wattward.agents.registry import algorithms, load_agent; from wattward.configs import names;"
        "[load_agent(agent, 'toy') for agent in names('agents')]; algorithms();"
        "print(sorted({'torch', 'stable_baselines3', 'numba'} & set(sys.modules)))"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True, timeout=120) == "[]\n"


def test_an_unknown_name_lists_those_that_exist() -> None:
    with pytest.raises(ConfigError, match=r"algorithm = 'trop': must be one of dqn, .*; did you mean 'trpo'\?"):
        algorithm("trop")


def test_a_checkpoint_of_an_unknown_algorithm_is_refused() -> None:
    facts = {"agent": "x", "scenario": "toy", "seed": 0, "steps_done": 0, "updates_done": 0, "settings": {}}
    shape = {"activation": "relu", "observation_size": 1, "n_regions": 1, "action_layout": "modes"}
    hashes = {"settings_sha256": "", "observation_sha256": "", "packages": {}}
    manifest = Manifest.model_validate({**facts, **shape, **hashes, "algorithm": "a2c"})
    with pytest.raises(ConfigError, match="mine: algorithm = 'a2c': must be one of dqn, maskable-ppo, ppo"):
        acting_network(manifest, {}, Path("mine"))


@pytest.fixture
def own_algorithm() -> Iterator[str]:
    class MinePPOSettings(PPOSettings):
        algorithm: Literal["mine"]  # type: ignore[assignment]
        patience: int = 3

    @register
    class MinePPO(PPO):
        name = "mine"
        settings = MinePPOSettings

    yield MinePPO.name
    del registry._ALGORITHMS["mine"]


def test_an_algorithm_of_ones_own_is_known_once_it_is_registered(own_algorithm: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    entry = load_agent("ppo", "toy").model_dump(mode="json") | {"algorithm": own_algorithm, "patience": 5}
    path.write_text(f"default: {entry}".replace("None", "null"), encoding="utf-8")
    assert load_agent(path, "toy").model_dump()["patience"] == 5
    path.write_text(f"default: { {**entry, 'patienc': 5} }".replace("None", "null"), encoding="utf-8")
    with pytest.raises(ConfigError, match="unknown key 'patienc'; did you mean 'patience'"):
        load_agent(path, "toy")


def test_two_algorithms_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="algorithm 'ppo': registered by PPO already"):

        @register
        class Other(PPO):
            name = "ppo"

    assert type(algorithm("ppo")) is PPO


def test_nobody_compares_names_or_types_of_settings() -> None:
    """Outside the package of algorithms: no `== "ppo"` and no `isinstance(settings, PPOSettings)`."""
    files = [path for room in ROOMS for path in (HOME / room).resolve().rglob("*.py")]
    sources = [path for path in files if path.parent.name != "algorithms"]
    assert len(sources) > 50
    kinds = {known.settings.__name__ for known in algorithms().values()}
    found = [f"{path.name}:{node.lineno}" for path in sources for node in _branches(path, kinds)]
    assert found == []


def _branches(path: Path, kinds: set[str]) -> Iterator[ast.expr]:
    """Comparisons with an algorithm's name, and questions for the type of its settings."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            if any(isinstance(side, ast.Constant) and side.value in algorithms() for side in sides):
                yield node
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "isinstance" and kinds & _names(node.args[1]):
            yield node


def _names(node: ast.expr) -> set[str]:
    return {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}
