"""The parameters of the index as a vector, whose places the kernels know by name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wattward.configs.loading.reading import DISTURBED_BY, HERE, check, find, names, read_yaml
from wattward.configs.schema.index import IndexParameters
from wattward.envs.model.constants import named

Numbers = NDArray[np.float64]
"""A value for each parameter, in the order of the table."""
NAMES = tuple(IndexParameters.model_fields)
AT = named("AT", {name: place for place, name in enumerate(NAMES)})
"""Place of each parameter in the vector."""
KIND, FOR_ALL = "index", "all"


def numbers_of(parameters: IndexParameters) -> Numbers:
    """The parameters as a vector."""
    return np.array([getattr(parameters, name) for name in NAMES])


def parameters_of(numbers: Numbers) -> IndexParameters:
    """The parameters of a vector."""
    return IndexParameters(**dict(zip(NAMES, numbers.tolist(), strict=True)))


def limits() -> NDArray[np.float64]:
    """The least and the greatest value of each parameter, shape (P, 2)."""
    return np.array(
        [
            [next(getattr(m, side) for m in field.metadata if hasattr(m, side)) for side in ("ge", "le")]
            for field in IndexParameters.model_fields.values()
        ]
    )


def load_parameters(name: str | Path) -> IndexParameters:
    """Parameters from a file, or those shipped for a scenario; scenarios without their own have those for all.

    A disturbed scenario has the parameters of the scenario that is disturbed.

    Raises:
        ConfigError: the file is missing or wrong.
    """
    text = str(name)
    if text.endswith((".yaml", ".yml")):
        path = find(KIND, name)
        return check(IndexParameters, read_yaml(path), path)
    scenario = text.partition(DISTURBED_BY)[0]
    path = HERE / KIND / f"{scenario if scenario in names(KIND) else FOR_ALL}.yaml"
    return check(IndexParameters, read_yaml(path), path)
