"""Loads tariffs, markets, regions, scenarios, disturbances, token prices and serving curves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from wattward.configs.generate import members, random_family
from wattward.configs.generate import scale as generated
from wattward.configs.loading.reading import (
    DISTURBED_BY,
    check,
    find,
    is_file,
    note,
    noting_files,
    read_yaml,
    shortened,
    unchanged,
)
from wattward.configs.schema.base import ConfigError
from wattward.configs.schema.disturbance import KINDS, Disturbance, NewTariff, Preset
from wattward.configs.schema.market import Market
from wattward.configs.schema.region import Region
from wattward.configs.schema.scenario import GridPrice, RegionUse, Scenario
from wattward.configs.schema.tariff import Tariff
from wattward.configs.schema.tokens import Serving, ServingFit, Tokens

MARKET = "market"


def load_tariff(name: str | Path) -> Tariff:
    """A time-of-use tariff by shipped name or path."""
    path = find("tariffs", name)
    return check(Tariff, read_yaml(path), path)


def load_market(name: str | Path) -> Market:
    """A power market by shipped name or path."""
    path = find("tariffs", name)
    return check(Market, read_yaml(path), path)


def load_grid_price(name: str | Path) -> GridPrice:
    """A time-of-use tariff or, if its file says `kind: market`, a market, by shipped name or path.

    Raises:
        ConfigError: `kind` is given and has another value.
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


def load_scenario(name: str | Path) -> Scenario:
    """A scenario with its regions and tariffs, by shipped name, path or the name of a generated family.

    Disturbances may follow the name, as in `zhejiang-xinjiang+heat-wave+FILE.yaml`.

    Each process reads a scenario once, and again only if one of its files has changed.

    Raises:
        ConfigError: a file is missing or wrong, or a number in a family's name is out of range.
    """
    kept = _LOADED.get(str(name))
    if kept is not None and unchanged(kept[0]):
        note(kept[0])
        return kept[1]
    with noting_files() as files:
        scenario = _read_scenario(name)
    _LOADED[str(name)] = files, scenario
    return scenario


_LOADED: dict[str, tuple[dict[Path, bytes], Scenario]] = {}
"""Scenarios by the names under which they were loaded, with the files from which they were read."""


def _read_scenario(name: str | Path) -> Scenario:
    base, *presets = (str(name),) if is_file(name) else str(name).split(DISTURBED_BY)
    if presets:
        return _disturbed(load_scenario(base), presets, str(name))
    member = members.parse(name)
    if member is not None:
        return random_family.generate(member, tuple(load_scenario(model) for model in random_family.MODEL_SCENARIOS))
    size = generated.parse(name)
    if size is not None:
        return generated.generate(size, tuple(load_scenario(model) for model in generated.MODEL_SCENARIOS))
    path = find("scenarios", name)
    data = read_yaml(path)
    _refuse_reserved(data.get("name"), path)
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


def _refuse_reserved(name: object, path: Path) -> None:
    """Refuses a scenario file with the name of a generated scenario, because it would play that scenario's worlds.

    Raises:
        ConfigError: the name begins like that of a generated family.
    """
    for family in (members, generated):
        if isinstance(name, str) and name.startswith(family.PREFIX):
            raise ConfigError(
                f"{path}: name = {shortened(name)!r}: names that begin with {family.PREFIX!r} are those of generated "
                "scenarios; must be another"
            )


def load_tokens(name: str | Path) -> Tokens:
    """Token rates and prices by shipped name or path."""
    path = find("tokens", name)
    return check(Tokens, read_yaml(path), path)


def load_preset(name: str | Path) -> Preset:
    """Disturbances by shipped name or path."""
    path = find("disturbances", name)
    data = read_yaml(path)
    return check(Preset, {**data, "disturbances": _disturbances(data.get("disturbances", []), path)}, path)


def _disturbed(scenario: Scenario, presets: list[str], name: str) -> Scenario:
    """Appends the disturbances of `presets` to those of the scenario."""
    added = [load_preset(preset) for preset in presets]
    disturbances = [disturbance for preset in added for disturbance in preset.disturbances]
    changes = {
        "name": DISTURBED_BY.join([scenario.name, *(Path(preset).stem for preset in presets)]),
        "title": "; ".join([scenario.title, *(preset.title for preset in added)]),
        "source": " ".join([scenario.source, *(f"{preset.title}: {preset.source}" for preset in added)]),
        "tariffs": {**scenario.tariffs, **_tariffs(disturbances)},
        "disturbances": (*scenario.disturbances, *disturbances),
    }
    return check(Scenario, {**dict(scenario), **changes}, Path(name))


def _disturbances(entries: object, path: Path) -> list[Disturbance]:
    """Checks each entry against its kind, so that an error names the keys of that kind.

    Raises:
        ConfigError: `entries` is not a list of disturbances.
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


def load_serving(name: str | Path) -> Serving:
    """Serving curves by shipped name or path.

    Raises:
        ConfigError: the file is missing or wrong.
    """
    path = find("serving", name)
    return check(Serving, read_yaml(path), path)


def load_fit(fit: str, name: str | Path = "mlenergy-h100") -> ServingFit:
    """One serving curve by its name in a file.

    Raises:
        ConfigError: the file is missing or wrong, or has no such fit.
    """
    serving = load_serving(name)
    if fit not in serving.fits:
        raise ConfigError(f"{find('serving', name)}: fit {fit!r}: must be one of {', '.join(serving.fits)}")
    return serving.fits[fit]
