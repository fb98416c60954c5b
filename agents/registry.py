"""Registry of all algorithms by name, and the settings of agents that use them.

Every file of `wattward.agents.algorithms` is imported at the first lookup of an algorithm. None of them imports torch
before a model is built, so checking settings and loading checkpoints stay fast.
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from wattward.configs.loading.experiments import load_agent_entry
from wattward.configs.loading.reading import check
from wattward.configs.schema.agent import AgentSettings
from wattward.configs.schema.base import ConfigError

if TYPE_CHECKING:
    from wattward.agents.algorithms.base import Algorithm

PACKAGE = "wattward.agents.algorithms"
Registered = TypeVar("Registered", bound="type[Algorithm[Any]]")
_ALGORITHMS: dict[str, Algorithm[Any]] = {}


def register(algorithm: Registered) -> Registered:
    """Class decorator that registers an algorithm under its `name`.

    Raises:
        ValueError: another class is registered under that name.
    """
    earlier = _ALGORITHMS.get(algorithm.name)
    if earlier is not None and type(earlier).__qualname__ != algorithm.__qualname__:
        raise ValueError(f"algorithm {algorithm.name!r}: registered by {type(earlier).__qualname__} already")
    _ALGORITHMS[algorithm.name] = algorithm()
    return algorithm


@cache
def _discover() -> None:
    package = importlib.import_module(PACKAGE)
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{PACKAGE}.{module.name}")


def algorithms() -> dict[str, Algorithm[Any]]:
    """Returns all algorithms by name, in alphabetical order."""
    _discover()
    return dict(sorted(_ALGORITHMS.items()))


def algorithm(name: str) -> Algorithm[Any]:
    """Returns the algorithm with that name.

    Raises:
        ConfigError: no algorithm has that name; the message lists those that exist.
    """
    known = algorithms()
    if not isinstance(name, str) or name not in known:
        near = difflib.get_close_matches(str(name), known, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ConfigError(f"algorithm = {name!r}: must be one of {', '.join(known)}{hint}")
    return known[name]


def algorithm_of(settings: AgentSettings) -> Algorithm[Any]:
    """Returns the algorithm that the settings belong to."""
    return algorithm(settings.algorithm)


def load_agent(name: str | Path, scenario: str) -> AgentSettings:
    """Loads an agent's settings for a scenario: the scenario's own entry of the file, or else the `default` entry.

    Args:
        name: Name of a shipped agent, or path of a settings file.
        scenario: Name of the scenario. A disturbed scenario uses the settings of the scenario that it is based on.

    Raises:
        ConfigError: the agent or algorithm does not exist, an entry is for an unknown scenario, or a key or value is
            wrong.
    """
    entry, where = load_agent_entry(name, scenario)
    try:
        model = algorithm(entry.get("algorithm", "")).settings
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from error
    return check(model, entry, where)
