"""From names or paths to checked tokens and fits of serving."""

from __future__ import annotations

from pathlib import Path

from wattward.configs.base import ConfigError
from wattward.configs.loading import check, find, read_yaml
from wattward.configs.tokens_schema import Serving, ServingFit


def load_serving(name: str | Path) -> Serving:
    """Fits of serving by shipped name or path.

    Raises:
        ConfigError: the file is missing or wrong.
    """
    path = find("serving", name)
    return check(Serving, read_yaml(path), path)


def load_fit(fit: str, name: str | Path = "mlenergy-h100") -> ServingFit:
    """One fit by its name in a file of them.

    Raises:
        ConfigError: the file is missing or wrong, or has no such fit.
    """
    serving = load_serving(name)
    if fit not in serving.fits:
        raise ConfigError(f"{find('serving', name)}: fit {fit!r}: must be one of {', '.join(serving.fits)}")
    return serving.fits[fit]
