from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

EPW_HEAD = (
    "LOCATION,Urumqi,XJ,CHN,CSWD,514630,{lat},{lon},{tz},{alt}\n"
    "DESIGN CONDITIONS,0\nTYPICAL/EXTREME PERIODS,0\nGROUND TEMPERATURES,0\nHOLIDAYS/DAYLIGHT SAVINGS,No,0,0,0\n"
    "COMMENTS 1\nCOMMENTS 2\nDATA PERIODS,1,1,Data,Sunday,1/1,12/31\n"
)
Write = Callable[..., Path]


def sky(hours: pd.DatetimeIndex, noon_h: float) -> pd.DataFrame:
    """A made-up sky that peaks at `noon_h`, air and wind that follow the hour."""
    hour = (hours + pd.Timedelta(minutes=30)).hour + 0.5
    day = np.maximum(0.0, np.cos((hour - noon_h) * np.pi / 14))
    data = {"ghi": 700 * day, "dni": 500 * day, "dhi": 250 * day, "t": 5 + 10 * day, "w": 4 + 3 * np.cos(hour / 4)}
    return pd.DataFrame(data, index=hours).round(1)


@pytest.fixture
def epw(tmp_path: Path) -> Write:
    """Writes an EPW file of hours; local standard time."""

    def write(
        hours: pd.DatetimeIndex,
        name: str = "site.epw",
        tz: float = 8.0,
        lat: float = 44.0,
        lon: float = 87.6,
        change: Callable[[pd.DataFrame], pd.DataFrame] = lambda rows: rows,
    ) -> Path:
        lines = []
        for time, row in change(sky(hours, 12 + tz - lon / 15)).iterrows():
            cells = [time.year, time.month, time.day, time.hour + 1, 0, "?", row.t, 0.0, 50, 90000, 0, 0, 300]
            cells += [row.ghi, row.dni, row.dhi, 0, 0, 0, 0, 180, row.w, 5, 5, 10, 77777, 9, 999999999, 10, 0.1, 0, 88]
            lines.append(",".join(map(str, [*cells, 0.2, 0, 1])))
        path = tmp_path / name
        path.write_text(EPW_HEAD.format(lat=lat, lon=lon, tz=tz, alt=600) + "\n".join(lines) + "\n", encoding="utf-8")
        return path

    return write


@pytest.fixture
def text(tmp_path: Path) -> Write:
    def write(name: str, *lines: str) -> Path:
        path = tmp_path / name
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    return write
