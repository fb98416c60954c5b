"""From a name or a path to a checked model; every failure is one ConfigError."""

from __future__ import annotations

import difflib
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from wattward.configs import generated, random_family
from wattward.configs.base import Config, ConfigError
from wattward.configs.disturbance_schema import KINDS, Disturbance, NewTariff, Preset
from wattward.configs.market_schema import GridPrice, Market
from wattward.configs.region_schema import Region
from wattward.configs.scenario_schema import RegionUse, Scenario
from wattward.configs.tariff_schema import Tariff
from wattward.configs.tokens_schema import Tokens

HERE = Path(__file__).parent
Model = TypeVar("Model", bound=Config)
DISTURBED_BY = "+"
"""Stands between the name of a scenario and those of its disturbances."""
MARKET = "market"


def names(kind: str) -> list[str]:
    """Names of the shipped files of one kind: tariffs, regions, scenarios, disturbances, tokens, agents and so on."""
    return sorted(path.stem for path in (HERE / kind).glob("*.yaml"))


def find(kind: str, name: str | Path) -> Path:
    """The file behind a shipped name or a path.

    Raises:
        ConfigError: no such file; the message lists the nearest shipped names.
    """
    path = Path(name)
    if path.suffix in {".yaml", ".yml"}:
        if not path.is_file():
            raise ConfigError(f"{path}: no such file")
        return path
    shipped = names(kind)
    if str(name) not in shipped:
        near = difflib.get_close_matches(str(name), shipped, n=3)
        hint = f"; did you mean {', '.join(near)}?" if near else ""
        raise ConfigError(f"unknown {kind.rstrip('s')} {str(name)!r}{hint} (known: {', '.join(shipped)})")
    return HERE / kind / f"{name}.yaml"


def read_yaml(path: Path) -> dict[str, Any]:
    """A YAML mapping from a file.

    Raises:
        ConfigError: the file is not readable YAML or not a mapping.
    """
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: not readable as YAML: {error}") from error
    if not isinstance(data, dict):
        raise ConfigError(f"{path}: must hold a mapping of keys to values, holds {type(data).__name__}")
    return data


def check(model: type[Model], data: dict[str, Any], path: Path) -> Model:
    """`data` as a model.

    Raises:
        ConfigError: naming the file, the key, the value and what is allowed.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise ConfigError("\n".join(_explain(detail, model, path) for detail in error.errors())) from error


def _explain(detail: Any, model: type[BaseModel], path: Path) -> str:  # noqa: ANN401 - pydantic's ErrorDetails
    key = ".".join(str(part) for part in detail["loc"])
    if detail["type"] == "extra_forbidden":
        allowed = _keys_at(model, detail["loc"][:-1])
        near = difflib.get_close_matches(str(detail["loc"][-1]), allowed, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"allowed: {', '.join(allowed)}"
        return f"{path}: unknown key {key!r}; {hint}"
    if detail["type"] == "missing":
        return f"{path}: key {key!r} is missing"
    value = str(detail["input"])
    shown = value if len(value) <= 60 else value[:57] + "..."
    where = f"{key} = {shown}: " if key else ""
    return f"{path}: {where}{detail['msg'].removeprefix('Value error, ')}"


def _keys_at(model: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    current: type[BaseModel] = model
    for part in location:
        field = current.model_fields.get(str(part))
        if field is None:
            continue
        nested = [t for t in _types_in(field.annotation) if isinstance(t, type) and issubclass(t, BaseModel)]
        if nested:
            current = nested[0]
    return sorted(current.model_fields)


def _types_in(annotation: Any) -> list[Any]:  # noqa: ANN401 - any type expression
    inner = getattr(annotation, "__args__", ())
    return [annotation, *(t for arg in inner for t in _types_in(arg))]


def load_tariff(name: str | Path) -> Tariff:
    """A published time-of-use rule by shipped name or path."""
    path = find("tariffs", name)
    return check(Tariff, read_yaml(path), path)


def load_market(name: str | Path) -> Market:
    """A power market's price by shipped name or path."""
    path = find("tariffs", name)
    return check(Market, read_yaml(path), path)


def load_grid_price(name: str | Path) -> GridPrice:
    """A rule or, if its file says `kind: market`, a market, by shipped name or path.

    Raises:
        ConfigError: `kind` is there and says something else.
    """
    path = find("tariffs", name)
    kind = read_yaml(path).get("kind")
    if kind not in (None, MARKET):
        raise ConfigError(f"{path}: kind = {kind!r}: must be {MARKET!r}, or left out for a time-of-use rule")
    return load_tariff(name) if kind is None else load_market(name)


def load_region(name: str | Path, override: dict[str, Any] | None = None) -> Region:
    """A region by shipped name or path, with some of its keys replaced (nested mappings are merged)."""
    path = find("regions", name)
    return check(Region, _merge(read_yaml(path), override or {}), path)


def _merge(base: dict[str, Any], override: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in override.items():
        old = merged.get(key)
        merged[key] = _merge(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


@cache
def load_scenario(name: str | Path) -> Scenario:
    """A scenario by shipped name, path or a name of a family that is made by name, its regions and tariffs read in.

    Any of these may be followed by disturbances, as in `zhejiang-xinjiang+heat-wave+FILE.yaml`.

    Raises:
        ConfigError: a file is missing or wrong, or a number in a family's name is out of range.
    """
    base, *presets = (str(name),) if Path(name).is_file() else str(name).split(DISTURBED_BY)
    if presets:
        return _disturbed(load_scenario(base), presets, str(name))
    member = random_family.parse(name)
    if member is not None:
        return random_family.generate(member, tuple(load_scenario(model) for model in random_family.MODEL_SCENARIOS))
    size = generated.parse(name)
    if size is not None:
        return generated.generate(size, tuple(load_scenario(model) for model in generated.MODEL_SCENARIOS))
    path = find("scenarios", name)
    data = read_yaml(path)
    uses = data.get("regions", [])
    if not isinstance(uses, list):
        raise ConfigError(f"{path}: regions = {uses!r}: must be a list of {{region: NAME, override: {{...}}}}")
    checked = [check(RegionUse, use if isinstance(use, dict) else {"region": use}, path) for use in uses]
    regions = [load_region(use.region, use.override) for use in checked]
    disturbances = _disturbances(data.get("disturbances", []), path)
    tariffs = {region.tariff: load_grid_price(region.tariff) for region in regions} | _tariffs(disturbances)
    own: dict[str, Any] = {"regions": regions, "tariffs": tariffs, "disturbances": disturbances}
    if isinstance(data.get("tokens"), str):
        own["tokens"] = load_tokens(data["tokens"])
    return check(Scenario, {**data, **own}, path)


def load_tokens(name: str | Path) -> Tokens:
    """Rates and prices of tokens by shipped name or path."""
    path = find("tokens", name)
    return check(Tokens, read_yaml(path), path)


def load_preset(name: str | Path) -> Preset:
    """Disturbances by shipped name or path."""
    path = find("disturbances", name)
    data = read_yaml(path)
    return check(Preset, {**data, "disturbances": _disturbances(data.get("disturbances", []), path)}, path)


def _disturbed(scenario: Scenario, presets: list[str], name: str) -> Scenario:
    """The scenario with the disturbances of `presets` after its own."""
    added = [load_preset(preset) for preset in presets]
    disturbances = [happening for preset in added for happening in preset.disturbances]
    changes = {
        "name": DISTURBED_BY.join([scenario.name, *(Path(preset).stem for preset in presets)]),
        "title": "; ".join([scenario.title, *(preset.title for preset in added)]),
        "source": " ".join([scenario.source, *(f"{preset.title}: {preset.source}" for preset in added)]),
        "tariffs": {**scenario.tariffs, **_tariffs(disturbances)},
        "disturbances": (*scenario.disturbances, *disturbances),
    }
    return check(Scenario, {**dict(scenario), **changes}, Path(name))


def _disturbances(entries: object, path: Path) -> list[Disturbance]:
    """Each checked against its own kind, so that an error names the keys of that kind.

    Raises:
        ConfigError: not a list of disturbances.
    """
    if not isinstance(entries, list):
        raise ConfigError(f"{path}: disturbances = {entries!r}: must be a list of {{kind: KIND, ...}}")
    checked: list[Any] = []
    for i, entry in enumerate(entries):
        where = Path(f"{path}, disturbances.{i}")
        if not isinstance(entry, dict) or str(entry.get("kind")) not in KINDS:
            shown = entry.get("kind") if isinstance(entry, dict) else entry
            raise ConfigError(f"{where}: kind = {shown!r}: must be one of {', '.join(KINDS)}")
        checked.append(check(KINDS[entry["kind"]], entry, where))
    return checked


def _tariffs(disturbances: list[Disturbance]) -> dict[str, GridPrice]:
    return {new.tariff: load_grid_price(new.tariff) for new in disturbances if isinstance(new, NewTariff)}
