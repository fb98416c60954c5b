"""Policies of other packages: found, made, named by their content, and told when they do not fit."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import wattward
from wattward.configs import ConfigError
from wattward.experiments.evaluation import submissions
from wattward.experiments.evaluation.methods import method

POLICY = '''
"""A policy that runs its queue in every odd step."""

import numpy as np


class OddSteps:
    """Runs its own queue in every odd step."""

    name = "OddSteps"

    def __init__(self, every=2):
        self.every = every

    def reset(self, outlook, rng):
        """Remembers nothing."""

    def act(self, outlook):
        """RUN (2) in odd steps, else HOLD (0)."""
        return np.full(outlook.n_regions, 2 if outlook.step % self.every else 0)


def make():
    return OddSteps()


def broken():
    raise RuntimeError("no weights")


def no_policy():
    return object()


def usurper():
    policy = OddSteps()
    policy.name = "Random"
    return policy
'''
SUITE = "name: mine\ntitle: Mine\nscenarios: [toy]\nepisodes: 2\nrules: all\n"


def install(site: Path, package: str, point: str = "") -> None:
    """What pip leaves behind: the package, and beside it its metadata with an entry point."""
    (site / package).mkdir(parents=True)
    (site / package / "__init__.py").write_text('"""Another package."""\n', encoding="utf-8")
    (site / package / "policies.py").write_text(POLICY, encoding="utf-8")
    info = site / f"{package}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n", encoding="utf-8")
    if point:
        (info / "entry_points.txt").write_text(f"[{submissions.GROUP}]\n{point}\n", encoding="utf-8")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of installed packages that ends with the test."""
    folder = tmp_path / "site"
    folder.mkdir()
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    importlib.invalidate_caches()
    yield folder
    for name in set(sys.modules) - before:
        if name.startswith("outside"):
            del sys.modules[name]


def test_a_factory_is_a_method(site: Path) -> None:
    install(site, "outside_a")
    who = method("outside_a.policies:make")
    assert (who.name, who.learned, who.train_seed) == ("OddSteps", False, None)
    assert who.factory == "outside_a.policies:make"
    assert who.policy().name == "OddSteps"
    assert method("outside_a.policies:OddSteps").policy().name == "OddSteps"


def test_an_entry_point_is_a_method_by_its_own_name(site: Path) -> None:
    install(site, "outside_b", "Odd = outside_b.policies:make")
    assert submissions.installed()["Odd"] == "outside_b.policies:make"
    assert method("Odd").name == "Odd"


def test_two_packages_may_not_claim_one_name(site: Path) -> None:
    install(site, "outside_c", "Odd = outside_c.policies:make")
    install(site, "outside_d", "Odd = outside_d.policies:make")
    with pytest.raises(ConfigError, match=r"entry point 'Odd'.*outside_c\.policies:make and outside_d"):
        submissions.installed()


def test_any_changed_file_of_the_package_is_another_content(site: Path) -> None:
    install(site, "outside_e")
    before = method("outside_e.policies:make").content
    assert method("outside_e.policies:make").content == before
    (site / "outside_e" / "weights.bin").write_bytes(b"1")
    assert method("outside_e.policies:make").content != before


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("outside_f.policies:none", "module outside_f.policies has no 'none'"),
        ("outside_f.nowhere:make", "cannot import outside_f.nowhere: ModuleNotFoundError"),
        ("outside_f.policies:broken", "its factory failed: RuntimeError: no weights"),
        ("outside_f.policies:no_policy", "made object, which lacks reset, act"),
        ("outside_f.policies:__doc__", "its factory failed: TypeError"),
        ("outside_f.policies:usurper", "the name 'Random' is that of a rule"),
        (":make", "must be MODULE:FACTORY"),
        ("outside_f.policies:", "must be MODULE:FACTORY"),
    ],
)
def test_what_is_no_policy_is_refused(site: Path, where: str, message: str) -> None:
    install(site, "outside_f")
    with pytest.raises(ConfigError, match=message):
        method(where)


def wattward_with(site: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own, in which the site's packages are installed."""
    paths = [str(site), str(Path(wattward.__path__[0]).parent)]
    return subprocess.run(
        [sys.executable, "-m", "wattward.experiments.cli.main", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
        timeout=500,
    )


@pytest.mark.slow
def test_an_outside_package_is_on_the_board_and_reproduced(tmp_path: Path) -> None:
    install(tmp_path / "site", "outside_g", "Odd = outside_g.policies:make")
    (tmp_path / "mine.yaml").write_text(SUITE, encoding="utf-8")
    (tmp_path / "loose.py").write_text(POLICY.replace("OddSteps", "Loose"), encoding="utf-8")
    run = wattward_with(
        tmp_path / "site", tmp_path, "leaderboard", "mine.yaml", "--jobs", "2", "--method", "loose:make"
    )
    assert run.returncode == 0, run.stderr
    rows = json.loads((tmp_path / "results/mine/leaderboard.json").read_text(encoding="utf-8"))
    kinds = {row["method"]: row["kind"] for row in rows}
    assert (kinds["Odd"], kinds["Loose"], kinds["RunOnArrival"]) == ("submitted", "submitted", "rule")
    made = json.loads((tmp_path / "results/mine/provenance.json").read_text(encoding="utf-8"))
    assert {name: about["factory"] for name, about in made["submitted"].items()} == {
        "Odd": "outside_g.policies:make",
        "Loose": "loose:make",
    }
    again = wattward_with(tmp_path / "site", tmp_path, "reproduce", "results/mine", "--sample", "3", "--jobs", "1")
    assert again.returncode == 0, again.stderr + again.stdout
    (tmp_path / "loose.py").write_text(POLICY.replace("OddSteps", "Loose").replace("2 if", "1 if"), encoding="utf-8")
    changed = wattward_with(tmp_path / "site", tmp_path, "reproduce", "results/mine", "--jobs", "1")
    assert changed.returncode == 1
    assert "the files of loose:make are not those of the results" in changed.stderr
    assert "toy/Loose, episode 0: total_cost" in changed.stderr
    assert "toy/Odd" not in changed.stderr
