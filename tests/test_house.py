"""The repository as the design wants it; skipped where the tests run without it, as they do against the wheel."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import tomllib
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("agents", "baselines", "configs", "envs", "experiments")
FOLDERS = {*ROOMS, "tests", "src", "docs", "results", ".ci"}
MOST_MODULES, LONGEST_CHAIN = 20, 12
CARD_PICTURE_BYTES = 150_000
MACHINE_PATH = re.compile(r"(?<![\w.~}])/(?:work|root|home|Users|mnt|tmp)/\w[\w./-]*")


def _structure() -> Any:
    """The figures of `make structure`; nothing where the tests run outside the repository."""
    path = ROOT / ".ci" / "structure.py"
    if not path.is_file():
        return None
    spec = importlib.util.spec_from_file_location("structure", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


structure = _structure()
pytestmark = pytest.mark.skipif(not (ROOT / ".git").exists(), reason="the tests run outside the repository")


@cache
def tracked() -> tuple[Path, ...]:
    """The files git knows, relative to the repository."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return tuple(path for name in listed.split("\0") if name and (path := Path(name)) and (ROOT / path).exists())


def text(path: Path) -> str:
    """A tracked file's text; empty where it has none."""
    try:
        return (ROOT / path).read_text(encoding="utf-8")
    except (UnicodeDecodeError, IsADirectoryError):
        return ""


def command(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A tool of this environment, run in the repository."""
    tool = Path(sys.executable).parent / name
    return subprocess.run([tool, *arguments], cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)


def test_the_top_level_holds_the_rooms_and_nothing_strange() -> None:
    folders = {path.parts[0] for path in tracked() if len(path.parts) > 1}
    assert {*ROOMS, "tests", "src"} <= folders
    assert folders <= FOLDERS


def test_the_package_is_links_to_the_rooms() -> None:
    home = ROOT / "src" / "wattward"
    links = {path.name: path.readlink() for path in home.iterdir() if path.is_symlink()}
    assert links == {room: Path("../..") / room for room in ROOMS}
    assert {path.resolve() for path in home.iterdir() if path.is_symlink()} == {ROOT / room for room in ROOMS}
    assert {path.name for path in home.iterdir() if not path.is_symlink()} - {"__pycache__"} == {
        "__init__.py",
        "py.typed",
    }


def test_tests_mirror_the_rooms() -> None:
    assert [room for room in ROOMS if not list((ROOT / "tests" / room).rglob("test_*.py"))] == []


def test_no_folder_is_crowded() -> None:
    """Counts `__init__` too; a folder that grows beyond this is two folders."""
    crowded = {folder: count for folder, count in structure.modules_by_folder().items() if count > MOST_MODULES}
    assert crowded == {}


def test_no_import_chain_is_long() -> None:
    chain = structure.longest_chain()
    shown = " ->\n  ".join(chain)
    assert len(chain) <= LONGEST_CHAIN, f"a chain of {len(chain)} imports, at most {LONGEST_CHAIN}:\n  {shown}"


def test_no_module_imports_a_sibling_for_a_constant_alone() -> None:
    assert structure.imports_for_a_constant() == []


def test_what_imports_a_constant_alone_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    room = tmp_path / "agents"
    room.mkdir()
    (room / "works.py").write_text("LIMIT = 3\n\n\ndef work() -> None: ...\n", encoding="utf-8")
    (room / "table.py").write_text("LIMIT = 3\n", encoding="utf-8")
    (room / "bad.py").write_text("from wattward.agents.works import LIMIT\n", encoding="utf-8")
    (room / "good.py").write_text("from wattward.agents.works import LIMIT, work\n", encoding="utf-8")
    (room / "fine.py").write_text("from wattward.agents.table import LIMIT\n", encoding="utf-8")
    monkeypatch.setattr(structure, "ROOT", tmp_path)
    assert structure.imports_for_a_constant() == ["agents/bad.py: agents/works.py (LIMIT)"]
    assert structure.modules_by_folder() == {"agents": 5}


def test_functions_are_simple() -> None:
    settings = tomllib.loads(text(Path("pyproject.toml")))["tool"]["ruff"]["lint"]
    assert "C90" in settings["select"] and settings["mccabe"]["max-complexity"] <= 10
    done = command("ruff", "check", "--select", "C901")
    assert done.returncode == 0, done.stdout


def test_a_contract_holds_inside_every_room() -> None:
    """It orders all that lies directly in the room."""
    contracts = tomllib.loads(text(Path("pyproject.toml")))["tool"]["importlinter"]["contracts"]
    complete = {room for contract in contracts if contract.get("exhaustive") for room in contract["containers"]}
    ordered = " | ".join(layer for contract in contracts for layer in contract.get("layers", ())).split(" | ")
    for room in ROOMS:
        parts = {
            path.stem for path in (ROOT / room).iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()
        }
        named = {layer.split(".")[2] for layer in ordered if layer.startswith(f"wattward.{room}.")}
        assert f"wattward.{room}" in complete or named >= parts - {"__init__"}, room


def test_no_package_gives_a_name_that_is_one_of_its_modules() -> None:
    """It would be the one or the other, by what has been imported before."""
    for room in ROOMS:
        for init in (ROOT / room).rglob("__init__.py"):
            given = getattr(import_module(".".join(["wattward", *init.parent.relative_to(ROOT).parts])), "__all__", ())
            assert not {path.stem for path in init.parent.iterdir()} & set(given), init


def test_imports_point_down() -> None:
    done = command("lint-imports", "--no-cache")
    assert done.returncode == 0, done.stdout
    assert "0 broken" in done.stdout


def test_no_tracked_file_names_a_path_of_a_machine() -> None:
    found = {str(path): match.group() for path in tracked() if (match := MACHINE_PATH.search(text(path)))}
    assert found == {}


def test_every_make_target_a_document_names_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", text(Path("Makefile")), re.MULTILINE))
    documents = [path for path in tracked() if path.suffix == ".md"]
    named = {name for path in documents for name in re.findall(r"(?:^|`)make ([a-z-]+)", text(path), re.MULTILINE)}
    assert {"demo", "test"} <= named
    assert named <= targets


def test_every_relative_link_of_a_document_leads_somewhere() -> None:
    documents = [path for path in tracked() if path.suffix == ".md"]
    links = [(path, link) for path in documents for link in re.findall(r"\]\(([^)#\s]+)", text(path))]
    broken = [
        (str(path), link) for path, link in links if "://" not in link and not (ROOT / path.parent / link).exists()
    ]
    assert broken == []


def test_the_python_of_the_readme_runs(tmp_path: Path) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", text(Path("README.md")), re.MULTILINE | re.DOTALL)
    assert len(blocks) >= 2
    script = tmp_path / "readme.py"
    script.write_text("\n".join(blocks), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, script], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=250
    )
    assert done.returncode == 0, done.stderr


def test_the_documented_observation_is_the_encoded_one() -> None:
    from wattward.envs.model.job_fields import job_field_table
    from wattward.envs.model.observation import field_table

    page = text(Path("docs/observation.md"))
    assert page.split("<!-- fields:begin -->\n")[1].split("<!-- fields:end -->")[0] == field_table()
    assert page.split("<!-- job-fields:begin -->\n")[1].split("<!-- job-fields:end -->")[0] == job_field_table()


def test_the_committed_cards_are_those_that_the_scenarios_make() -> None:
    from wattward.configs import load_scenario, names
    from wattward.experiments.describe.cards import card, index
    from wattward.experiments.describe.typical_day import play_day

    folder = Path("docs/scenarios")
    shipped = names("scenarios")
    cards = {path.stem for path in tracked() if path.parent == folder} - {"README"}
    assert cards == set(shipped), "run `make cards`"
    assert text(folder / "README.md") == index(), "run `make cards`"
    for name in shipped:
        scenario = load_scenario(name)
        assert text(folder / f"{name}.md") == card(scenario, play_day(scenario)), "run `make cards`"
        assert 0 < (ROOT / folder / f"{name}.png").stat().st_size < CARD_PICTURE_BYTES


def test_the_documented_figures_and_targets_are_those_that_are_measured() -> None:
    from wattward.experiments.benchmark.report import TARGETS, markdown

    page = text(Path("docs/performance.md"))
    assert page.split("<!-- figures:begin -->\n")[1].split("<!-- figures:end -->")[0] == markdown()
    assert [target for target in TARGETS if f"| `{target.key}` | {target} |\n" not in page] == []


def test_the_readme_shows_the_published_results(tmp_path: Path) -> None:
    """The committed ones: `make demo` replaces those in the working tree by its own run's."""
    from wattward.experiments.leaderboard.readme import BEGIN, END, results_block

    for name in ("standard/leaderboard.json", "standard/provenance.json", "cases/zhejiang-xinjiang.json"):
        shown = subprocess.run(["git", "show", f"HEAD:results/{name}"], cwd=ROOT, capture_output=True, check=True)
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(shown.stdout)
    assert f"{BEGIN}{results_block(tmp_path)}{END}" in text(Path("README.md"))
