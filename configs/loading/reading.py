"""Finds, reads and checks files. Every failure is one ConfigError."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from wattward.configs.schema.base import Config, ConfigError

HERE = Path(__file__).parent.parent
Model = TypeVar("Model", bound=Config)


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
    """Checks `data` against a model.

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
