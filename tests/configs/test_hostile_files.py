"""Files that are careless or hostile: each is refused in one message that says what is wrong and where."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from wattward.configs import ConfigError, load_scenario
from wattward.configs.loading.reading import HERE, MOST_BYTES, MOST_DEPTH, read_yaml

TOY = (HERE / "scenarios" / "toy.yaml").read_text(encoding="utf-8")


def toy(folder: Path, **changes: object) -> Path:
    """A copy of the toy scenario with some keys changed."""
    path = folder / "mine.yaml"
    path.write_text(yaml.safe_dump({**yaml.safe_load(TOY), **changes}), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: 1\nb: 2\na: 3\n", r"key 'a' stands twice, first in line 1.*line 3"),
        ("a:\n  x: 1\n  x: 2\n", r"key 'x' stands twice, first in line 2.*line 3"),
        ("when: 2026-02-30\n", r"'2026-02-30' is not a value.*line 1"),
        ("when: 2026-01-01 25:00:00\n", r"is not a value.*line 1"),
        (f"n: {'9' * 5000}\n", r"'9{57}\.\.\.' is not a value.*line 1"),
        ("a: " + "[" * (MOST_DEPTH + 1) + "]" * (MOST_DEPTH + 1), rf"nested deeper than {MOST_DEPTH} levels"),
        ("a: " + "[" * 100_000, rf"nested deeper than {MOST_DEPTH} levels"),
        ("a: &a [*a, *a]\n", "alias .a. stands inside of what it names"),
        ("- 1\n", r"must hold a mapping of keys to values, holds list"),
        ("a: !!python/object/apply:os.system [ls]\n", r"could not determine a constructor"),
        ("a: 'x", r"not readable as YAML"),
    ],
)
def test_a_hostile_file_is_refused_with_its_line(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=f"(?s)mine.yaml: .*{told}"):
        read_yaml(path)


def test_aliases_that_unfold_to_too_much_are_refused_and_a_few_are_not(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    laughs = ["l0: &l0 [1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    laughs += [f"l{k}: &l{k} [{', '.join([f'*l{k - 1}'] * 9)}]" for k in range(1, 10)]
    path.write_text("\n".join(laughs), encoding="utf-8")
    with pytest.raises(ConfigError, match="more than 200,000 values, aliases unfolded"):
        read_yaml(path)
    path.write_text("\n".join(laughs[:4]), encoding="utf-8")
    assert len(read_yaml(path)) == 4
    path.write_text("base: &b {x: 1}\nmine:\n  <<: *b\n  x: 2\n", encoding="utf-8")
    assert read_yaml(path)["mine"] == {"x": 2}, "a merged key may be replaced"


def test_a_file_that_is_too_large_is_not_parsed(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("#" * (MOST_BYTES + 1), encoding="utf-8")
    with pytest.raises(ConfigError, match="at most 2,000,000 are read"):
        read_yaml(path)


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("name", "random-2", "names that begin with 'random-' are those of generated scenarios"),
        ("name", "scale-8x1000", "names that begin with 'scale-' are those of generated scenarios"),
        ("name", "../../../escaped", "name = ../../../escaped: String should match pattern"),
        ("name", "a\x00b", "name"),
        ("name", "x" * 300, r"name = x{57}\.\.\.: String should have at most 200 characters"),
        ("episode_days", 1e300, "episode_days = 1e\\+300: Input should be less than or equal to 366"),
        ("episode_days", 1e-9, "episode_days 1e-09 must hold a step of 60 minutes"),
        ("calendar_year", 0, "calendar_year = 0: Input should be greater than or equal to 1900"),
        ("start", "2026-02-30", "start = 2026-02-30: must be any_day or a date such as 2026-04-15"),
    ],
)
def test_values_that_no_scenario_can_have(tmp_path: Path, key: str, value: object, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        load_scenario(toy(tmp_path, **{key: value}))


def test_a_name_too_long_for_any_file_is_no_file() -> None:
    with pytest.raises(ConfigError, match=r"unknown scenario 'x{57}\.\.\.'"):
        load_scenario("x" * 3000)
    with pytest.raises(ConfigError, match="no such file"):
        load_scenario("x" * 3000 + ".yaml")


def test_an_edited_file_is_read_again(tmp_path: Path) -> None:
    path = toy(tmp_path, title="first")
    first = load_scenario(path)
    assert load_scenario(path) is first
    toy(tmp_path, title="other")
    assert load_scenario(path).title == "other"


def test_an_edited_region_is_read_again(tmp_path: Path) -> None:
    region = tmp_path / "mine-west.yaml"
    shipped = (HERE / "regions" / "toy-west.yaml").read_text(encoding="utf-8")
    region.write_text(shipped, encoding="utf-8")
    path = toy(tmp_path, regions=[{"region": "toy-east"}, {"region": str(region)}])
    disturbed = f"{path}+heat-wave"
    before = load_scenario(path), load_scenario(disturbed)
    assert load_scenario(disturbed) is before[1]
    region.write_text(shipped.replace("title:", "title: Changed", 1), encoding="utf-8")
    for name, old in zip((path, disturbed), before, strict=True):
        assert load_scenario(name).regions[1].title.startswith("Changed") != old.regions[1].title.startswith("Changed")
