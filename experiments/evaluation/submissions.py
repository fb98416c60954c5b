"""External methods: finds policies in installed packages or modules by name, see docs/submissions.md."""

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
"""Group of entry points; its methods take part in every suite with `rules: all`."""
NEEDED = ("reset", "act")


def installed() -> dict[str, str]:
    """Returns the factories of installed packages as module:factory, by the name of the method.

    Raises:
        ConfigError: two packages use the same name.
    """
    found: dict[str, str] = {}
    for point in sorted(entry_points(group=GROUP), key=lambda point: (point.name, point.value)):
        where = f"{point.module}:{point.attr}"
        if found.setdefault(point.name, where) != where:
            raise ConfigError(f"entry point {point.name!r} of {GROUP}: both {found[point.name]} and {where} claim it")
    return found


def make(where: str) -> Policy:
    """Calls the factory at `where` and returns its policy; the factory may be in a module of the current folder.

    Raises:
        ConfigError: the module or factory does not exist, the factory fails, or its result is not a policy.
    """
    factory = _factory(where)
    try:
        made = factory()  # type: ignore[operator]  # any object; the call shows whether it is a factory
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
    """Returns a hash of all files of the package or module that contains a factory."""
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
