"""Makes a scenario with full information: perfect forecasts, and estimates that equal the true work.

The gain of an agent that is trained and played here shows what it otherwise loses because of its observation, not
because of its learning.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from wattward.configs.files import write_text
from wattward.configs.loading.reading import DISTURBED_BY, find, read_yaml
from wattward.configs.loading.worlds import load_scenario
from wattward.configs.schema.base import ConfigError

SUFFIX = "-informed"


def informed(scenario: str) -> dict[str, Any]:
    """The scenario's file with `forecast.skill: 1` and `estimate_sigma: 0`.

    Weather, jobs and their true work do not change.

    Raises:
        ConfigError: the scenario is unknown, has disturbances, or is generated from its name and has no file.
    """
    if DISTURBED_BY in scenario and not Path(scenario).is_file():
        raise ConfigError(f"{scenario}: must be one scenario without disturbances; disturb the file made")
    data = read_yaml(find("scenarios", scenario))
    classes = [one | {"estimate_sigma": 0.0} for one in data["job_classes"]]
    return data | {
        "name": f"{data['name']}{SUFFIX}",
        "title": f"{data['title']}, all foreseen and all work known",
        "forecast": data["forecast"] | {"skill": 1.0},
        "job_classes": classes,
    }


def write_informed(scenario: str, path: Path) -> Path:
    """Writes the informed scenario to a file that `--scenario` takes.

    Raises:
        ConfigError: as `informed`, or the file's suffix is not .yaml or .yml.
    """
    if path.suffix not in {".yaml", ".yml"}:
        raise ConfigError(f"{path}: must end in .yaml")
    load_scenario(scenario)
    write_text(path, yaml.safe_dump(informed(scenario), sort_keys=False, allow_unicode=True))
    return path
