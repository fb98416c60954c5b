"""The table of observed fields: what follows from it, and that a field may be inserted anywhere."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from wattward.envs.interfaces.cluster_env import ClusterEnv
from wattward.envs.model import observation
from wattward.envs.model.observation import AT, FIELDS, HIGH, LOW, N_CLOCK, N_NOW, N_WORLD, WIDTH

SCENARIO = "jinshuitan-microgrid"
INSERTED = {
    "clock": ("hour", "season", 'Field("clock", "inserted_clock", 3, "nothing"),'),
    "world": ("price", "price_rank", 'Field("world", "inserted_world", 1, "nothing"),'),
    "present": ("late", "base_load", 'Field("present", "inserted_present", 2, "nothing"),'),
    "forecast": ("price_ahead", "surplus_ahead", 'Field("forecast", "inserted_forecast", A_BLOCK, "nothing"),'),
    "extra": ("stored_power", "stored_cold", 'Field("extra", "inserted_extra", 1, "nothing"),'),
}
"""By group: the field before the inserted one, the field after it, and its row."""
ENCODE = """
import importlib.util, pickle, sys
from pathlib import Path
import numpy as np

table, moment, out = sys.argv[1:]
spec = importlib.util.spec_from_file_location("wattward.envs.model.observation", table)
module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)

from wattward.configs import load_scenario
from wattward.envs.kernels import observe
from wattward.envs.kernels.entries import ENTRIES
from wattward.envs.model import layout
from wattward.envs.policy.observer import Observer

at = pickle.loads(Path(moment).read_bytes())
names = ("env", "scenario", "sites", "stores", "regions", "queue", "stored", "hours")
rows = {name: at[name].view(np.recarray) for name in names}
observer = Observer(load_scenario(at["name"]))
sees = np.zeros((at["step"] + 1, observer.n_world), np.float32)
world = at["world"]
start, series = int(world.start_minute[0]), layout.series_of(world)
observer.look_ahead(rows["scenario"], rows["sites"], start, series, world.signals, sees)
seen = np.zeros(observer.size, np.float32)
now = rows["hours"][at["step"]]
observe.scan_queue(rows["env"][0], rows["scenario"][0], rows["regions"], rows["queue"], at["picks"], now, seen)
observe.observe(rows["sites"], rows["stores"], rows["regions"], rows["stored"], now, sees[-1], seen)
places = observer.views(np.arange(observer.size, dtype=np.float32))
np.savez(out, **observer.views(seen), **{f"place of {name}": place for name, place in places.items()})
sys.stdout.write(str(next(c.cell_contents for c in ENTRIES.begin.__closure__ if isinstance(c.cell_contents, int))))
"""


@pytest.fixture(scope="module")
def moment(tmp_path_factory: pytest.TempPathFactory) -> tuple[ClusterEnv, Path]:
    """An environment in the middle of an episode, and a file of all that its observation is made of."""
    env = ClusterEnv(SCENARIO)
    env.reset(options={"split": "test", "episode": 0})
    rng = np.random.default_rng(0)
    for _ in range(60):
        env.step(rng.integers(0, 4, 3))
    fleet = env._simulator.fleet
    arrays = {
        name: getattr(fleet, name)[0].copy()
        for name in ("sites", "stores", "regions", "queue", "stored", "picks", "hours")
    }
    rows = {name: getattr(fleet, name)[:1].copy() for name in ("env", "scenario")}
    facts = {"name": SCENARIO, "step": env.steps_taken, "params": env.params, "world": env.world}
    path = tmp_path_factory.mktemp("moment") / "moment.pickle"
    path.write_bytes(pickle.dumps({**arrays, **rows, **facts}))
    return env, path


def encoded(table: Path, moment: Path, out: Path) -> tuple[dict[str, np.ndarray], str]:
    """Named views of the observation by the kernels' source run as plain Python, and the digest of their sources."""
    run = subprocess.run(
        [sys.executable, "-c", ENCODE, table, moment, out],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
    )
    assert run.returncode == 0, run.stderr
    with np.load(out) as views:
        return dict(views), run.stdout


def test_a_field_may_be_inserted_anywhere(moment: tuple[ClusterEnv, Path], tmp_path: Path) -> None:
    env, path = moment
    source = Path(str(observation.__file__)).read_text(encoding="utf-8")
    patched = source
    for group, (_, after, row) in INSERTED.items():
        place = f'    Field("{group}", "{after}"'
        place = place if place in source else f'    Field(\n        "{group}",\n        "{after}"'
        assert source.count(place) == 1
        patched = patched.replace(place, f"    {row}\n{place}")
    tables = tmp_path / "today.py", tmp_path / "patched.py"
    for table, text in zip(tables, (source, patched), strict=True):
        table.write_text(text, encoding="utf-8")
    today, digest = encoded(tables[0], path, tmp_path / "today.npz")
    wider, other_digest = encoded(tables[1], path, tmp_path / "wider.npz")

    assert digest != other_digest, "kernels would not be compiled anew"
    for name, view in env.fields.items():
        np.testing.assert_allclose(today[name], view, rtol=2e-6, atol=2e-7, err_msg=name)
        np.testing.assert_array_equal(wider[name], today[name], err_msg=name)
    assert sum(np.abs(view).sum() > 0.0 for view in env.fields.values()) > 20
    for group, (before, after, _) in INSERTED.items():
        inserted, n_before = wider[f"place of inserted_{group}"], today[before].shape[-1]
        np.testing.assert_array_equal(inserted[..., 0], wider[f"place of {before}"][..., 0] + n_before)
        np.testing.assert_array_equal(wider[f"place of {after}"][..., 0], inserted[..., -1] + 1)
        assert not wider[f"inserted_{group}"].any()
    moved = [name for name in today if name.startswith("place of") and (today[name] != wider[name]).any()]
    assert set(moved) == {f"place of {field.name}" for field in FIELDS} - {"place of hour"}


def test_offsets_follow_from_widths() -> None:
    regions = [field for field in FIELDS if field.group in ("world", "present")]
    assert [AT.hour, AT.season, AT.weekend, AT.time_left, AT.last_day, N_CLOCK] == [0, 2, 4, 5, 6, 7]
    assert [getattr(AT, field.name) for field in regions] == np.cumsum([0, *(f.width for f in regions)])[:-1].tolist()
    assert (N_WORLD, N_NOW, WIDTH.queue) == (AT.surplus, AT.queue + WIDTH.queue, 6)
    assert [AT.price_ahead, AT.surplus_ahead, AT.interactive_ahead, AT.stored_power] == [0, 1, 2, 0]
    assert all(LOW <= field.least < field.most <= HIGH for field in FIELDS)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"clock", "season", 2', '"clock", "hour", 2', "two fields of an observation have the same name"),
        ('"clock", "season", 2', '"world", "season", 2', "must stand by group"),
        ('"price_ahead", A_BLOCK', '"price_ahead", 3', "field 'price_ahead': a field of the forecast group"),
    ],
)
def test_a_table_that_contradicts_itself_is_refused(old: str, new: str, words: str) -> None:
    source = Path(str(observation.__file__)).read_text(encoding="utf-8")
    with pytest.raises(ValueError, match=words):
        exec(compile(source.replace(old, new), "patched", "exec"), {"__name__": "patched"})
