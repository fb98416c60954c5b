from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from wattward.agents.inference.checkpoint import Manifest, read_optimizer, read_policy, write
from wattward.configs import ConfigError, files
from wattward.configs.digests import sha256_of_bytes, sha256_of_json

SETTINGS = {"algorithm": "ppo", "gamma": 0.9}
MANIFEST = Manifest(
    agent="ppo",
    algorithm="ppo",
    scenario="toy",
    seed=3,
    steps_done=100,
    updates_done=7,
    settings=SETTINGS,
    settings_sha256=sha256_of_json(SETTINGS),
    activation="relu",
    observation_size=5,
    observation_sha256="of the layout",
    n_regions=2,
    action_layout="modes",
    packages={"numpy": np.__version__},
)
POLICY = {"a.weight": np.arange(12, dtype=np.float32).reshape(3, 4), "a.bias": np.ones(3, dtype=np.float32)}
OPTIMIZER = {"0.step": np.array(5.0, dtype=np.float32), "0.exp_avg": np.zeros((3, 4), dtype=np.float32)}


def edit_json(folder: Path, edit: Callable[[dict[str, object]], object]) -> None:
    path = folder / "checkpoint.json"
    data = json.loads(path.read_text(encoding="utf-8"))
    edit(data)
    path.write_text(json.dumps(data), encoding="utf-8")


def cut(folder: Path) -> None:
    path = folder / "policy.safetensors"
    path.write_bytes(path.read_bytes()[:-3])


def flip(folder: Path) -> None:
    path = folder / "policy.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))


def cut_manifest(folder: Path) -> None:
    path = folder / "checkpoint.json"
    path.write_text(path.read_text(encoding="utf-8")[:-20], encoding="utf-8")


DAMAGES: list[tuple[Callable[[Path], None], list[str]]] = [
    (cut, ["policy.safetensors", "truncated", "bytes"]),
    (flip, ["policy.safetensors", "altered", "sha256"]),
    (lambda folder: (folder / "policy.safetensors").unlink(), ["policy.safetensors", "missing"]),
    (lambda folder: (folder / "checkpoint.json").unlink(), ["not a checkpoint folder", "checkpoint.json"]),
    (cut_manifest, ["checkpoint.json", "not readable as JSON"]),
    (
        lambda folder: edit_json(folder, lambda d: d.update(settings={"gamma": 1})),
        ["checkpoint.json", "settings", "altered"],
    ),
    (
        lambda folder: edit_json(folder, lambda d: d.update(format=2)),
        ["checkpoint.json", "format = 2", "format 1 only"],
    ),
    (lambda folder: edit_json(folder, lambda d: d.update(sed=1)), ["checkpoint.json", "'sed'", "did you mean 'seed'"]),
    (lambda folder: edit_json(folder, lambda d: d.pop("seed")), ["checkpoint.json", "'seed' is missing"]),
    (
        lambda folder: edit_json(folder, lambda d: d.update(files={})),
        ["checkpoint.json", "does not name policy.safetensors"],
    ),
    *(
        (
            lambda folder, key=key, value=value: edit_json(folder, lambda d: d.update({key: value})),
            ["checkpoint.json", key],
        )
        for key, value in (
            ("action_repeat", 0),
            ("n_regions", 0),
            ("n_regions", 10**9),
            ("observation_size", -1),
            ("steps_done", -1),
            ("seed", -2),
        )
    ),
]


def test_what_is_written_is_read(tmp_path: Path) -> None:
    folder = write(tmp_path / "new" / "final", MANIFEST, POLICY, OPTIMIZER)
    manifest, policy = read_policy(folder)
    assert manifest.model_copy(update={"files": {}}) == MANIFEST
    for expected, found in ((POLICY, policy), (OPTIMIZER, read_optimizer(folder))):
        assert expected.keys() == found.keys()
        for name in expected:
            np.testing.assert_array_equal(found[name], expected[name])
            assert found[name].dtype == expected[name].dtype


def test_a_checkpoint_holds_tensors_and_json_only(tmp_path: Path) -> None:
    folder = write(tmp_path / "final", MANIFEST, POLICY)
    assert sorted(path.name for path in folder.iterdir()) == ["checkpoint.json", "policy.safetensors"]
    with pytest.raises(ConfigError, match=r"does not name optimizer\.safetensors"):
        read_optimizer(folder)


@pytest.mark.parametrize(("damage", "words"), DAMAGES)
def test_a_damaged_checkpoint_is_refused(tmp_path: Path, damage: Callable[[Path], None], words: list[str]) -> None:
    folder = write(tmp_path / "final", MANIFEST, POLICY)
    damage(folder)
    with pytest.raises(ConfigError) as caught:
        read_policy(folder)
    assert all(word in str(caught.value) for word in words), str(caught.value)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_refused(tmp_path: Path, value: float) -> None:
    bias = np.array([1.0, value, 1.0], np.float32)
    folder = write(tmp_path / "final", MANIFEST, {**POLICY, "a.bias": bias}, {"0.exp_avg": bias})
    with pytest.raises(ConfigError, match=r"policy\.safetensors: tensor 'a\.bias' holds numbers that are not finite"):
        read_policy(folder)
    with pytest.raises(ConfigError, match=r"optimizer\.safetensors: tensor '0\.exp_avg' holds numbers"):
        read_optimizer(folder)


def test_a_type_that_numpy_lacks_is_refused(tmp_path: Path) -> None:
    about = {"a.bias": {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]}}
    header = json.dumps(about).encode()
    data = struct.pack("<Q", len(header)) + header + bytes(4)
    folder = write(tmp_path / "final", MANIFEST, POLICY)
    (folder / "policy.safetensors").write_bytes(data)
    facts = {"size_bytes": len(data), "sha256": sha256_of_bytes(data)}
    edit_json(folder, lambda d: d.update(files={"policy.safetensors": facts}))
    with pytest.raises(ConfigError, match=r"policy\.safetensors: .*type"):
        read_policy(folder)


def test_a_failed_write_leaves_the_old_checkpoint_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write(tmp_path / "final", MANIFEST, POLICY)

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(files, "swap_in", fail)
    with pytest.raises(OSError, match="disk full"):
        write(folder, MANIFEST.model_copy(update={"seed": 9}), POLICY)
    assert read_policy(folder)[0].seed == 3
    assert [path.name for path in tmp_path.iterdir()] == ["final"]


def test_writing_again_replaces_the_whole_folder(tmp_path: Path) -> None:
    folder = write(tmp_path / "final", MANIFEST, POLICY, OPTIMIZER)
    write(folder, MANIFEST.model_copy(update={"seed": 9}), POLICY)
    assert read_policy(folder)[0].seed == 9
    assert not (folder / "optimizer.safetensors").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["final"]
