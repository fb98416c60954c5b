"""The package as a user installs it: these tests hold for the editable install and for the wheel."""

from __future__ import annotations

import ast
import importlib
import importlib.metadata
import pkgutil
import subprocess
import sys
from pathlib import Path

import gymnasium
import pytest

import wattward
from wattward import configs
from wattward.configs.loading.reading import HERE
from wattward.envs.interfaces.registration import ENVIRONMENTS, FAMILIES, ids_of

ROOMS = ("agents", "baselines", "configs", "envs", "experiments")
HEAVY = ("highspy", "matplotlib", "numba", "pvlib", "ray", "stable_baselines3", "torch", "windpowerlib")


def run(code: str, folder: Path) -> str:
    """What `code` prints in an interpreter of its own, started in an empty folder."""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_importing_every_module_adds_no_bare_room(tmp_path: Path) -> None:
    code = (
        "import importlib, pkgutil, sys, wattward\n"
        "for module in pkgutil.walk_packages(wattward.__path__, 'wattward.'): importlib.import_module(module.name)\n"
        f"print(sorted(set(sys.modules) & set({ROOMS})))"
    )
    assert run(code, tmp_path) == "[]"


def test_importing_wattward_registers_its_environments(tmp_path: Path) -> None:
    code = "import gymnasium, wattward; print(sorted(i for i in gymnasium.registry if i.startswith('wattward/')))"
    assert run(code, tmp_path) == str(sorted({**ids_of("modes"), **ids_of("jobs"), **ids_of("joint")}))
    assert ids_of("modes") == ENVIRONMENTS | FAMILIES


def test_the_version_is_that_of_the_distribution() -> None:
    assert wattward.__version__ == importlib.metadata.version("wattward")


@pytest.mark.parametrize("room", ROOMS)
def test_what_a_room_exports_is_there_and_sorted(room: str) -> None:
    module = importlib.import_module(f"wattward.{room}")
    exported = list(getattr(module, "__all__", ()))
    assert [name for name in exported if not hasattr(module, name)] == []
    assert exported == sorted(exported, key=lambda name: (not name.isupper(), not name[0].isupper(), name))


def test_wattward_gives_what_a_user_needs() -> None:
    assert wattward.__all__ == [
        *("STAY", "ClusterEnv", "ClusterVectorEnv", "FleetVecEnv", "Orders", "Outlook", "Policy"),
        *("evaluate", "load_scenario", "make_params"),
    ]
    assert set(wattward.__all__) <= set(dir(wattward))
    with pytest.raises(AttributeError, match="module 'wattward' has no attribute 'nothing'"):
        wattward.nothing  # noqa: B018 - asking is the test


def test_importing_wattward_imports_nothing_that_is_slow(tmp_path: Path) -> None:
    code = f"import sys, wattward; print(sorted(set(sys.modules) & {{*{HEAVY}, 'pandas', 'pydantic', 'scipy'}}))"
    assert run(code, tmp_path) == "[]"


def fronts() -> list[str]:
    """Packages that export names."""
    walked = pkgutil.walk_packages(wattward.__path__, "wattward.")
    packages = ["wattward", *(module.name for module in walked if module.ispkg)]
    return [name for name in packages if hasattr(importlib.import_module(name), "__all__")]


@pytest.mark.parametrize("package", fronts())
def test_what_a_package_exports_is_there_and_known_to_type_checkers(package: str) -> None:
    module = importlib.import_module(package)
    assert module.__doc__
    assert [name for name in module.__all__ if getattr(module, name, None) is None] == []
    tree = ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))
    (checked,) = [node for node in tree.body if isinstance(node, ast.If)]
    known = {alias.name for line in checked.body if isinstance(line, ast.ImportFrom) for alias in line.names}
    assert known == set(module.__all__)


def test_every_room_is_in_the_package_and_nothing_else() -> None:
    assert sorted(module.name for module in pkgutil.iter_modules(wattward.__path__)) == sorted(ROOMS)


def test_type_checkers_are_told_that_the_package_is_typed() -> None:
    assert (Path(wattward.__file__).parent / "py.typed").is_file()


@pytest.mark.parametrize("kind", ["agents", "recordings", "regions", "scenarios", "suites", "tariffs"])
def test_files_of_every_kind_are_shipped(kind: str) -> None:
    shipped = configs.names(kind)
    assert shipped
    assert all((HERE / kind / f"{name}.yaml").stat().st_size for name in shipped)


def test_every_registered_environment_has_its_scenario_and_every_scenario_loads() -> None:
    assert set(ENVIRONMENTS.values()) <= set(configs.names("scenarios"))
    for name in configs.names("scenarios"):
        assert configs.load_scenario(name).name == name


def test_an_environment_is_made_by_module_and_id() -> None:
    env = gymnasium.make("wattward:wattward/Toy-v1")
    observation, _ = env.reset(seed=0)
    assert env.observation_space.contains(observation)
    env.close()


def test_the_command_explains_itself() -> None:
    command = Path(sys.executable).parent / "wattward"
    done = subprocess.run([command, "--help"], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert all(name in done.stdout for name in ("train", "evaluate", "leaderboard"))


def test_the_command_line_imports_nothing_slow(tmp_path: Path) -> None:
    assert (
        run(f"import sys, wattward.experiments.cli.main; print(sorted(set(sys.modules) & set({HEAVY})))", tmp_path)
        == "[]"
    )
