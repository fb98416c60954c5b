"""One palette: a colour for each thing, told apart by readers who do not see red from green."""

from __future__ import annotations

import re
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from wattward.configs import ConfigError
from wattward.experiments.common import plotting
from wattward.experiments.common.provenance import PACKAGE

Floats = NDArray[np.float64]
TOLD_APART = 10.0
"""Distance in CIELAB; 2.3 is just noticeable side by side."""
SEEN_BY: dict[str, Floats] = {
    "everyone": np.eye(3),
    "deuteranopes": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "protanopes": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
}
"""Linear RGB as seen by each (Machado, Oliveira and Fernandes 2009, severity 1)."""


def lab(colour: str, seen: Floats) -> Floats:
    """CIELAB of a colour #rrggbb as it is seen."""
    rgb = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255.0
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    x, y, z = to_xyz @ np.clip(seen @ linear, 0.0, 1.0) / np.array([0.9505, 1.0, 1.089])
    fx, fy, fz = (t ** (1 / 3) if t > 0.008856 else 7.787 * t + 16 / 116 for t in (x, y, z))
    return np.array([116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)])


@pytest.mark.parametrize("who", SEEN_BY)
@pytest.mark.parametrize(
    "palette", [plotting.SOURCES, plotting.MODES, plotting.KINDS], ids=["sources", "modes", "kinds"]
)
def test_colours_of_a_palette_are_told_apart(palette: dict[str, str], who: str) -> None:
    seen = {name: lab(colour, SEEN_BY[who]) for name, colour in palette.items()}
    near = {
        pair: distance
        for pair in combinations(seen, 2)
        if (distance := float(np.linalg.norm(seen[pair[0]] - seen[pair[1]]))) < TOLD_APART
    }
    assert near == {}


def test_modes_go_from_light_to_dark() -> None:
    lightness = [lab(colour, SEEN_BY["everyone"])[0] for colour in plotting.MODES.values()]
    assert all(before - after > TOLD_APART for before, after in pairwise(lightness))


def test_no_two_things_share_a_colour() -> None:
    named = [
        *plotting.SOURCES.values(),
        *plotting.MODES.values(),
        *(plotting.RULE, plotting.OPTIMISER, plotting.LEARNED, plotting.OTHER),
        *(plotting.INTERACTIVE, plotting.DEFERRABLE),
        *(plotting.PRESENT, plotting.WAITING, plotting.ASLEEP, plotting.UNUSED, plotting.LIMIT),
    ]
    assert len(set(named)) == len(named)


def test_the_report_has_the_colours_of_the_pictures() -> None:
    css = (PACKAGE / "experiments" / "report" / "web" / "report.css").read_text(encoding="utf-8")
    light = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", css.split("@media")[0]))
    wanted = {
        **{name.replace(" ", "-"): colour for name, colour in plotting.SOURCES.items() if name != "recovered"},
        **{mode.lower(): colour for mode, colour in plotting.MODES.items()},
        **{"rule": plotting.RULE, "optimiser": plotting.OPTIMISER},
        **{"learned": plotting.LEARNED, "other": plotting.OTHER},
        **{"interactive": plotting.INTERACTIVE, "deferrable": plotting.DEFERRABLE, "waiting": plotting.WAITING},
        "unused": plotting.UNUSED,
    }
    assert {name: light[name] for name in wanted} == wanted


def test_the_same_figure_gives_the_same_files(tmp_path: Path) -> None:
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    paths = [tmp_path / f"{name}{suffix}" for name in "ab" for suffix in plotting.PICTURES]
    for pair in (paths[:2], paths[2:]):
        with rc_context(plotting.style()):
            figure = Figure(figsize=(2, 1))
            figure.subplots().plot([1, 2], color=plotting.INK)
            plotting.save(figure, *pair)
    assert [paths[0].read_bytes(), paths[1].read_bytes()] == [paths[2].read_bytes(), paths[3].read_bytes()]
    assert paths[0].read_bytes().startswith(b"\x89PNG") and b"<svg" in paths[1].read_bytes()


def test_a_file_that_no_picture_can_be_is_refused() -> None:
    plotting.check_suffix(Path("a.svg"))
    with pytest.raises(ConfigError, match=r"--out a\.svg: suffix '\.svg': must be \.png"):
        plotting.check_suffix(Path("a.svg"), (".png",), "--out")
    with pytest.raises(ConfigError, match=r"^a\.jpg: suffix"):
        plotting.check_suffix(Path("a.jpg"))
