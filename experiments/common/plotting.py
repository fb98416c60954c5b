"""What all pictures share: one palette, one style, one way to write a file.

A thing has the same colour in every picture, and no two things share one. Sources of power differ in lightness where
they are alike to a reader who does not tell red from green; modes are one hue from light to dark. A test holds both.
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
"""Lines and letters; axes and grids; ground of what is marked."""
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
"""Where a site's power comes from."""
MODES: Mapping[str, str] = MappingProxyType({"HOLD": "#e6e0ee", "SOAK": "#bfa6d6", "RUN": "#8a5fae", "PULL": "#3f1157"})
"""What a region does with deferrable work, from least to most."""
RULE, LEARNED, OTHER = "#5b6b7a", "#c8364a", "#2a7f8e"
"""Methods: rules, trained agents, and those of other packages."""
INTERACTIVE, DEFERRABLE, PRESENT, WAITING, ASLEEP = "#2f4b7c", "#f5a742", "#d5dbe1", "#8c2f39", "#f3f5f7"
"""GPUs by what they do; work that is present, and work of it that waits."""
UNUSED, UNUSED_HATCH = "#f4ecd6", "#c2a45a"
"""Green power that is sold or curtailed."""
LIMIT = "#c1121f"
"""A limit that is asked for, and whatever else a picture warns of."""
LINES = (LEARNED, "#2f5d8a", "#3f8f6b", "#b0761f", "#7a4f9a")
"""Lines beside each other that no name gives a colour to."""
DIVERGING, SEQUENTIAL, GREEN = "RdBu", "YlGnBu", "YlGn"
"""Colour maps: of what may be below nothing, of shares, and of green shares."""
DAY_H = 24
"""Hours of an axis that shows a day."""
PICTURES = (".png", ".svg")
DPI = 96
SHADES = 128
"""Colours in the palette of a PNG."""


def style(font_size: float = 9.0) -> dict[Any, Any]:
    """Settings of matplotlib for a picture."""
    return {
        "svg.hashsalt": "wattward",
        "font.size": font_size,
        "axes.edgecolor": FAINT,
        "axes.labelcolor": INK,
        "text.color": INK,
        "hatch.linewidth": 0.6,
    }


def check_suffix(path: Path, allowed: tuple[str, ...] = PICTURES, option: str = "") -> None:
    """Refuses a file that no picture can be.

    Args:
        path: the file.
        allowed: suffixes that it may have.
        option: the option that named it, for the message.

    Raises:
        ConfigError: it has another suffix.
    """
    if path.suffix not in allowed:
        raise ConfigError(f"{option} {path}: suffix {path.suffix!r}: must be {' or '.join(allowed)}".strip())


def save(figure: Figure, *paths: Path, dpi: int = DPI, tight: bool = False) -> None:
    """Writes a figure to each path, in the format that its suffix names; the same figure gives the same bytes.

    A PNG is written with a palette, which takes a third of the bytes.

    Args:
        figure: what to write.
        paths: .png or .svg files.
        dpi: of a PNG.
        tight: whether the paper is cut to what is drawn.

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
