"""Finds, reads and checks files. Every failure raises one ConfigError."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from yaml.composer import ComposerError
from yaml.constructor import ConstructorError

from wattward.configs.schema.base import Config, ConfigError

DISTURBED_BY = "+"
"""Separates the name of a scenario from those of its disturbances."""

HERE = Path(__file__).parent.parent
Model = TypeVar("Model", bound=Config)
MOST_BYTES = 2_000_000
"""Largest size of a YAML file. The largest shipped file has a hundredth of it."""
MOST_VALUES, MOST_DEPTH = 200_000, 40
"""Limits of a YAML file. Aliases can expand a small file to a huge one, and deep nesting exhausts the parser."""


def names(kind: str) -> list[str]:
    """Names of the shipped files of one kind: tariffs, regions, scenarios, disturbances, tokens, agents and so on."""
    return sorted(path.stem for path in (HERE / kind).glob("*.yaml"))


def find(kind: str, name: str | Path) -> Path:
    """The file behind a shipped name or a path.

    Raises:
        ConfigError: there is no such file. The message lists the nearest shipped names.
    """
    path = Path(name)
    if path.suffix in {".yaml", ".yml"}:
        if not is_file(path):
            raise ConfigError(f"{shortened(str(path), 200)}: no such file")
        return path
    shipped = names(kind)
    if str(name) not in shipped:
        near = difflib.get_close_matches(str(name), shipped, n=3)
        hint = f"; did you mean {', '.join(near)}?" if near else ""
        raise ConfigError(f"unknown {kind.rstrip('s')} {shortened(str(name))!r}{hint} (known: {', '.join(shipped)})")
    return HERE / kind / f"{name}.yaml"


def is_file(path: str | Path) -> bool:
    """Whether a file exists at this path; False for a name that no file can have."""
    try:
        return Path(path).is_file()
    except OSError:
        return False


def read_yaml(path: Path) -> dict[str, Any]:
    """A YAML mapping from a file; see `SafeLoader` for what is refused.

    Raises:
        ConfigError: the file is not readable YAML, is too large, or does not hold a mapping.
    """
    try:
        content = path.read_bytes()
        note({path: content})
        if len(content) > MOST_BYTES:
            raise ConfigError(f"{path}: holds {len(content):,} bytes; at most {MOST_BYTES:,} are read")
        data = yaml.load(content, SafeLoader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: not readable as YAML: {error}") from error
    if not isinstance(data, dict):
        raise ConfigError(f"{path}: must hold a mapping of keys to values, holds {type(data).__name__}")
    return data


@contextmanager
def noting_files() -> Iterator[dict[Path, bytes]]:
    """Records every file that `read_yaml` reads in this block, with its content."""
    noted: dict[Path, bytes] = {}
    _NOTED.append(noted)
    try:
        yield noted
    finally:
        _NOTED.pop()


def note(files: Mapping[Path, bytes]) -> None:
    """Adds files to the records of every open `noting_files` block."""
    for noted in _NOTED:
        noted.update(files)


def unchanged(noted: Mapping[Path, bytes]) -> bool:
    """Whether every recorded file still has the content that was read."""
    try:
        return all(path.read_bytes() == content for path, content in noted.items())
    except OSError:
        return False


_NOTED: list[dict[Path, bytes]] = []


class SafeLoader(yaml.SafeLoader):
    """PyYAML's safe loader, which also refuses careless or hostile files.

    It refuses a key that occurs twice in a mapping, aliases that would expand to more than MOST_VALUES values, nesting
    deeper than MOST_DEPTH, and scalars that cannot be built, such as 30 February or a number of 5,000 digits. Each
    error names the line.
    """

    def __init__(self, stream: bytes) -> None:
        super().__init__(stream)
        self._depth = 0
        self._unfolded: dict[yaml.Node, int] = {}  # values in each node, aliases followed

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:  # noqa: ANN401 - PyYAML's own
        """Composes a node and counts its depth and values."""
        event: yaml.Event = self.peek_event()  # type: ignore[no-untyped-call]
        mark: Any = event.start_mark
        self._depth += 1
        if self._depth > MOST_DEPTH:
            raise ComposerError(None, None, f"nested deeper than {MOST_DEPTH} levels", mark)
        node = super().compose_node(parent, index)
        self._depth -= 1
        if node in self._unfolded or node is None:
            return node
        if isinstance(event, yaml.AliasEvent):
            raise ComposerError(None, None, f"alias {event.anchor!r} stands inside of what it names", mark)
        self._unfolded[node] = 1 + sum(self._unfolded[part] for part in _parts(node))
        if self._unfolded[node] > MOST_VALUES:
            raise ComposerError(None, None, f"more than {MOST_VALUES:,} values, aliases unfolded", mark)
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Builds a mapping whose keys are all different."""
        first: dict[tuple[str, str], yaml.Mark] = {}
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                before = first.setdefault((key.tag, key.value), key.start_mark)
                if before is not key.start_mark:
                    problem = f"key {shortened(key.value)!r} stands twice, first in line {before.line + 1}"
                    raise ConstructorError(None, None, problem, key.start_mark)
        return super().construct_mapping(node, deep=deep)

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:  # noqa: ANN401 - whatever the file holds
        """Builds a value. If Python cannot represent it, the error names its line."""
        try:
            return super().construct_object(node, deep=deep)
        except (ValueError, OverflowError) as error:
            what = shortened(str(getattr(node, "value", "")))
            raise ConstructorError(None, None, f"{what!r} is not a value: {error}", node.start_mark) from error


def _parts(node: yaml.Node) -> list[yaml.Node]:
    """The nodes directly inside a node."""
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def shortened(text: str, most: int = 60) -> str:
    """The text, cut to at most `most` characters; a text that was cut ends in dots."""
    return text if len(text) <= most else text[: most - 3] + "..."


def check(model: type[Model], data: dict[str, Any], path: Path) -> Model:
    """Checks `data` against a model.

    Raises:
        ConfigError: the data do not fit. The message names the file, the key, the value and what is allowed.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise ConfigError("\n".join(_explain(detail, model, path) for detail in error.errors())) from error


def _explain(detail: Any, model: type[BaseModel], path: Path) -> str:  # noqa: ANN401 - pydantic's ErrorDetails
    key = ".".join(str(part) for part in detail["loc"])
    if detail["type"] == "extra_forbidden":
        hint = _hint(str(detail["loc"][-1]), _models_at(model, detail["loc"][:-1]))
        return f"{path}: unknown key {shortened(key)!r}; {hint}"
    if detail["type"] in ("union_tag_not_found", "union_tag_invalid"):
        kinds = [str(one.model_fields["kind"].default) for one in _models_at(model, detail["loc"])]
        said = f"= {detail['input']['kind']}:" if "kind" in detail["input"] else "is missing;"
        return f"{path}: {key}.kind {said} must be one of {', '.join(kinds)}"
    if detail["type"] == "missing":
        return f"{path}: key {key!r} is missing"
    where = f"{key} = {shortened(str(detail['input']))}: " if key else ""
    return f"{path}: {where}{detail['msg'].removeprefix('Value error, ')}"


def _hint(key: str, models: list[type[BaseModel]]) -> str:
    """Hint about what to write instead of an unknown key."""
    for model in models:
        if issubclass(model, Config) and key in model.replaced_keys:
            return model.replaced_keys[key]
    allowed = sorted({name for model in models for name in model.model_fields})
    near = difflib.get_close_matches(key, allowed, n=1)
    return f"did you mean {near[0]!r}?" if near else f"allowed: {', '.join(allowed)}"


def _models_at(model: type[BaseModel], location: tuple[int | str, ...]) -> list[type[BaseModel]]:
    """The models allowed at a location: one, or one for each kind if the location does not name the kind."""
    found = [model]
    for part in location:
        kinds = [one for one in found if "kind" in one.model_fields and one.model_fields["kind"].default == part]
        fields = [one.model_fields[str(part)] for one in found if str(part) in one.model_fields]
        types = [t for field in fields for t in _types_in(field.annotation)]
        nested = [t for t in types if isinstance(t, type) and issubclass(t, BaseModel)]
        found = kinds or nested or found
    return found


def _types_in(annotation: Any) -> list[Any]:  # noqa: ANN401 - any type expression
    inner = getattr(annotation, "__args__", ())
    return [annotation, *(t for arg in inner for t in _types_in(arg))]
