"""Palette, style and file output that all pictures share.

A thing has the same colour in every picture, and no two things share a colour. Sources of power whose colours look
alike in red-green colour blindness differ in lightness. Modes are one hue from light to dark. A test checks both.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from wattward.configs.files import replacing
from wattward.configs.schema.base import ConfigError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK, FAINT, SHADE = "#22303c", "#c9d1d8", "#eceff2"
"""Colours of lines and text, of axes and grids, and of marked areas."""
SOURCES: Mapping[str, str] = MappingProxyType(
    {
        "river": "#0072b2",
        "recovered": "#8fc1e3",
        "wind": "#009e73",
        "sun": "#f0d442",
        "direct line": "#882255",
        "contract": "#6f6a1f",
        "stores": "#d55e00",
        "grid": "#a3adb6",
    }
)
"""Colours of a site's sources of power."""
MODES: Mapping[str, str] = MappingProxyType({"HOLD": "#e6e0ee", "SOAK": "#bfa6d6", "RUN": "#8a5fae", "PULL": "#3f1157"})
"""Colours of the modes, from least to most deferrable work."""
RULE, OPTIMISER, LEARNED, OTHER = "#5b6b7a", "#a06a12", "#c8364a", "#148a9c"
"""Colours of rules, of optimisers, of trained agents, and of methods from other packages."""
KINDS: Mapping[str, str] = MappingProxyType(
    {"rule": RULE, "optimiser": OPTIMISER, "learned": LEARNED, "submitted": OTHER}
)
"""Colours of methods by kind."""
INTERACTIVE, DEFERRABLE, PRESENT, WAITING, ASLEEP = "#2f4b7c", "#f5a742", "#d5dbe1", "#8c2f39", "#f3f5f7"
"""Colours of GPUs by use, of work that is present, and of the part of it that waits."""
UNUSED, UNUSED_HATCH = "#f4ecd6", "#c2a45a"
"""Colours of green power that is sold or curtailed."""
LIMIT = "#c1121f"
"""Colour of a requested limit, and of other warnings."""
LINES = (LEARNED, "#2f5d8a", "#3f8f6b", "#b0761f", "#7a4f9a")
"""Colours of lines that have no colour of their own."""
DIVERGING, SEQUENTIAL, GREEN = "RdBu", "YlGnBu", "YlGn"
"""Colour maps of values that may be negative, of shares, and of green shares."""
DAY_H = 24
"""Length of an axis that shows a day [h]."""
PICTURES = (".png", ".svg")
DPI = 96
SHADES = 128
"""Number of colours in the palette of a PNG."""


def style(font_size: float = 9.0) -> dict[Any, Any]:
    """Settings of matplotlib for all pictures."""
    return {
        "svg.hashsalt": "wattward",
        "font.size": font_size,
        "axes.edgecolor": FAINT,
        "axes.labelcolor": INK,
        "text.color": INK,
        "hatch.linewidth": 0.6,
    }


def check_suffix(path: Path, allowed: tuple[str, ...] = PICTURES, option: str = "") -> None:
    """Refuses a path whose suffix is not allowed for a picture.

    Args:
        path: the file.
        allowed: suffixes that it may have.
        option: command-line option that gave the path, for the message.

    Raises:
        ConfigError: the path has another suffix.
    """
    if path.suffix not in allowed:
        raise ConfigError(f"{option} {path}: suffix {path.suffix!r}: must be {' or '.join(allowed)}".strip())


def save(figure: Figure, *paths: Path, dpi: int = DPI, tight: bool = False) -> None:
    """Writes a figure to each path, in the format of its suffix. Equal figures give equal bytes.

    A PNG is written with a palette, which reduces its size to a third.

    Args:
        figure: the figure.
        paths: .png or .svg files.
        dpi: resolution of a PNG.
        tight: whether to crop the margins.

    Raises:
        ConfigError: a path cannot be written.
    """
    from PIL import Image

    paper: dict[str, Any] = {"bbox_inches": "tight", "pad_inches": 0.18} if tight else {}
    for path in paths:
        drawn = io.BytesIO()
        if path.suffix == ".svg":
            figure.savefig(drawn, format="svg", metadata={"Date": None}, **paper)
        else:
            figure.savefig(drawn, format="png", dpi=dpi, **paper)
        with replacing(path) as temporary:
            if path.suffix == ".svg":
                temporary.write_bytes(drawn.getvalue())
            else:
                plain = Image.open(drawn).convert("RGB").quantize(SHADES, dither=Image.Dither.NONE)
                plain.save(temporary, format="PNG", optimize=True)
