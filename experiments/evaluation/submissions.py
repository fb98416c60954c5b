"""Methods that are not ours: policies in any installed package or module, found by name; docs/submissions.md."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from importlib.metadata import entry_points
from pathlib import Path

from wattward.configs.digests import digest
from wattward.configs.schema.base import ConfigError
from wattward.envs.policy.protocol import Policy

GROUP = "wattward.methods"
"""Entry points of this group join every suite that says `rules: all`."""
NEEDED = ("reset", "act")


def installed() -> dict[str, str]:
    """Where the factories of installed packages are, as module:factory, by the method's name.

    Raises:
        ConfigError: two packages give one name.
    """
    found: dict[str, str] = {}
    for point in sorted(entry_points(group=GROUP), key=lambda point: (point.name, point.value)):
        where = f"{point.module}:{point.attr}"
        if found.setdefault(point.name, where) != where:
            raise ConfigError(f"entry point {point.name!r} of {GROUP}: both {found[point.name]} and {where} claim it")
    return found


def make(where: str) -> Policy:
    """The policy that the factory at `where` makes; modules in the current folder are found too.

    Raises:
        ConfigError: there is no such module or factory, it fails, or what it makes is no policy.
    """
    factory = _factory(where)
    try:
        made = factory()  # type: ignore[operator]  # whatever it is, calling it is what tells
    except Exception as error:
        raise ConfigError(f"method {where}: its factory failed: {type(error).__name__}: {error}") from error
    lacking = [name for name in NEEDED if not callable(getattr(made, name, None))]
    if lacking or not isinstance(getattr(made, "name", None), str):
        raise ConfigError(
            f"method {where}: made {type(made).__name__}, which lacks {', '.join(lacking or ['name'])}; "
            "must have a name, reset(outlook, rng) and act(outlook)"
        )
    policy: Policy = made
    return policy


def content_of(where: str) -> str:
    """Names all files of the package or module that a factory is in, whatever they hold."""
    root = where.partition(":")[0].split(".")[0]
    spec = importlib.util.find_spec(root)
    if spec is None:
        raise ConfigError(f"method {where}: no module {root!r}")
    folders = [Path(folder) for folder in spec.submodule_search_locations or ()]
    if not folders:
        return digest(Path(spec.origin).read_bytes() if spec.origin and Path(spec.origin).is_file() else root)
    files = [
        (folder, path)
        for folder in folders
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    ]
    return digest(
        *(part for folder, path in files for part in (path.relative_to(folder).as_posix(), path.read_bytes()))
    )


def _factory(where: str) -> object:
    module, _, name = where.partition(":")
    if not module or not name:
        raise ConfigError(f"method {where!r}: must be MODULE:FACTORY, such as my_package.policies:make")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)
    try:
        found: object = importlib.import_module(module)
    except Exception as error:
        raise ConfigError(f"method {where}: cannot import {module}: {type(error).__name__}: {error}") from error
    for part in name.split("."):
        if not hasattr(found, part):
            raise ConfigError(f"method {where}: module {module} has no {name!r}")
        found = getattr(found, part)
    return found
