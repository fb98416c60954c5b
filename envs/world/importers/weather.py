"""Converts weather files (EPW, TMY3, PVGIS) into capacity factors of sun and wind and air temperature.

pvlib.iotools reads the files. Panels and turbines are those of `envs/world/processes`: irradiance on the region's
tilted plane times its performance ratio, and the region's power curve. The power law converts wind speed from 10 m to
hub height. Irradiance is the mean of the hour (PVGIS: the value at an instant within it). Temperature and wind are
values at an instant; they are used for the whole hour of their row.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from wattward.configs.loading.reading import names
from wattward.configs.loading.worlds import load_region
from wattward.configs.schema.base import ConfigError
from wattward.configs.schema.region import Site, Sun, Wind
from wattward.envs.world.importers.grid import interval_minutes, on_grid
from wattward.envs.world.importers.options import Imported, Measured, Options
from wattward.envs.world.importers.store import file_facts
from wattward.envs.world.processes.sun import plane_w_per_m2, sun_factor
from wattward.envs.world.processes.wind import SPEED_GRID, power_curve
from wattward.envs.world.tidy import AIR, SUN, WIND

if TYPE_CHECKING:
    from wattward.envs.model.types import Floats

OPTIONS = frozenset({"fill", "latitude_deg", "longitude_deg", "tilt_deg", "turbine", "year"})
TYPICAL_YEAR = 2021
HUB_M, MEASURED_M, SHEAR = 100.0, 10.0, 1 / 7
"""Power law of wind over height: 1/7 over open land (Peterson and Hennessey 1978)."""
HALF_HOUR = pd.Timedelta(minutes=30)
LIMITS = {
    "ghi": (0.0, 1500.0, "W/m2"),
    "dni": (0.0, 1500.0, "W/m2"),
    "dhi": (0.0, 1500.0, "W/m2"),
    "poa_global": (0.0, 2000.0, "W/m2"),
    "temp_air": (-90.0, 60.0, "degC"),
    "wind_speed": (0.0, 75.0, "m/s"),
}
MISSING = {
    "ghi": (9999.0, -9900.0),
    "dni": (9999.0, -9900.0),
    "dhi": (9999.0, -9900.0),
    "temp_air": (99.9, -9900.0),
    "wind_speed": (999.0, -9900.0),
}
"""Codes of missing values in EPW and TMY3."""


class Read(NamedTuple):
    """Content of a weather file."""

    rows: pd.DataFrame  # index: start of the hour, in the file's own zone
    sun_at: pd.Timedelta  # from the start of the hour to the instant for which the sun's position is computed
    latitude_deg: float | None
    longitude_deg: float | None
    altitude_m: float
    form: str


class Plant(NamedTuple):
    """Panels and turbines that convert weather into power."""

    site: Site
    sun: Sun
    wind: Wind


def read(files: list[Path], options: Options) -> Imported:
    """Reads capacity factors and air temperature of one region.

    Raises:
        ConfigError: a file is not a weather file, lacks its coordinates, or has gaps or values out of range.
    """
    options.allow("weather", OPTIONS)
    parts = [_read(path) for path in files]
    parts.sort(key=lambda part: part.rows.index[0])
    where = ", ".join(map(str, files))
    forms = {(part.form, part.latitude_deg, part.longitude_deg) for part in parts}
    if len(forms) > 1:
        raise ConfigError(f"{where}: must be of one form and one place")
    joined = pd.concat([part.rows for part in parts])
    rows, typical = _one_year(where, joined, options.year)
    plant = _plant(parts[0], options, where)
    columns = [column for column in LIMITS if column in rows]
    grid = on_grid(where, pd.DatetimeIndex(rows.index).tz_convert("UTC"), _checked(where, rows[columns]), options.fill)
    if interval_minutes(grid.times) != 60:
        raise ConfigError(f"{where}: rows are {interval_minutes(grid.times):g} minutes apart, must be hourly")
    whole = pd.DataFrame(grid.values, columns=columns, index=grid.times)
    facts = {
        "kind": "weather",
        "region": _name(options),
        "form": parts[0].form,
        "sources": [file_facts(path) for path in files],
        "zone": str(pd.DatetimeIndex(joined.index).tz),
        "typical_year_played_as": typical,
        "site": plant.site.model_dump(),
        "tilt_deg": None if "poa_global" in rows else plant.sun.tilt_deg,
        "performance_ratio": plant.sun.performance_ratio,
        "turbine": plant.wind.turbine,
        "hub_m": HUB_M,
        "fill": options.fill,
        "gaps": grid.gaps,
    }
    return Imported(_name(options), _measured(whole, plant, parts[0].sun_at), facts)


def _measured(rows: pd.DataFrame, plant: Plant, sun_at: pd.Timedelta) -> list[Measured]:
    times = pd.DatetimeIndex(rows.index)
    return [
        Measured(SUN, "1", times, _sun_factor(rows, plant, sun_at)),
        Measured(WIND, "1", times, _wind_factor(rows["wind_speed"].to_numpy(), plant.wind)),
        Measured(AIR, "degC", times, rows["temp_air"].to_numpy()),
    ]


def _sun_factor(rows: pd.DataFrame, plant: Plant, sun_at: pd.Timedelta) -> Floats:
    if "poa_global" in rows:
        return sun_factor(rows["poa_global"].to_numpy(), plant.sun.performance_ratio)
    sky = rows.set_axis(pd.DatetimeIndex(rows.index) + sun_at)
    return sun_factor(plane_w_per_m2(plant.site, plant.sun.tilt_deg, sky), plant.sun.performance_ratio)


def _wind_factor(m_per_s: Floats, wind: Wind) -> Floats:
    from windpowerlib.wind_speed import hellman

    at_hub = hellman(m_per_s, MEASURED_M, HUB_M, hellman_exponent=SHEAR)
    return np.interp(at_hub, SPEED_GRID, power_curve(wind.turbine, wind.curve_spread_m_per_s))


def _name(options: Options) -> str:
    return Path(options.region).stem if options.region.endswith((".yaml", ".yml")) else options.region


def _plant(part: Read, options: Options, where: str) -> Plant:
    known = options.region in names("regions") or options.region.endswith((".yaml", ".yml"))
    region = load_region(options.region) if known else None
    latitude = _place(where, "--latitude", part.latitude_deg, options.latitude_deg, 90.0)
    longitude = _place(where, "--longitude", part.longitude_deg, options.longitude_deg, 180.0)
    site = Site(latitude_deg=latitude, longitude_deg=longitude, altitude_m=part.altitude_m, province=_name(options))
    sun = region.sun if region else Sun(capacity_kw=0.0)
    wind = region.wind if region else Wind(capacity_kw=0.0)
    if options.tilt_deg is not None:
        if not 0 <= options.tilt_deg <= 90:
            raise ConfigError(f"--tilt = {options.tilt_deg:g}: must be from 0 to 90")
        sun = sun.model_copy(update={"tilt_deg": options.tilt_deg})
    return Plant(site, sun, wind.model_copy(update={"turbine": options.turbine}) if options.turbine else wind)


def _place(where: str, flag: str, of_file: float | None, given: float | None, most: float) -> float:
    if of_file is not None and given is not None and abs(of_file - given) > 0.01:
        raise ConfigError(f"{where}: {flag} = {given:g}: the file itself says {of_file:g}; leave the option out")
    degrees = of_file if of_file is not None else given
    if degrees is None:
        raise ConfigError(f"{where}: does not say where it was measured; {flag} must")
    if not -most <= degrees <= most:
        raise ConfigError(f"{where}: {flag} = {degrees:g}: must be from {-most:g} to {most:g}")
    return degrees


def _one_year(where: str, rows: pd.DataFrame, year: int | None) -> tuple[pd.DataFrame, int | None]:
    """Puts the months of a typical year into one calendar year; leaves other rows as they are."""
    index = pd.DatetimeIndex(rows.index)
    falls = bool((index[1:] < index[:-1]).any())
    jumps = bool((index[1:] - index[:-1] > pd.Timedelta(days=180)).any())
    if not falls and not jumps:
        if year is not None:
            raise ConfigError(f"{where}: --year = {year}: is for typical years, these rows are of {index[0].year}")
        return rows, None
    wanted = TYPICAL_YEAR if year is None else year
    try:
        return rows.set_axis(pd.DatetimeIndex([time.replace(year=wanted) for time in index])), wanted
    except ValueError as error:
        raise ConfigError(f"{where}: a typical year with a 29 February cannot become {wanted}; --year must leap") from (
            error
        )


def _checked(where: str, rows: pd.DataFrame) -> Floats:
    """Values, shape (N, K); NaN where missing."""
    values = []
    for column in rows:
        low, high, unit = LIMITS[str(column)]
        value = pd.to_numeric(rows[column], errors="coerce").to_numpy(dtype=np.float64)
        value = np.where(np.isin(value, MISSING.get(str(column), ())), np.nan, value)
        wrong = np.flatnonzero((value < low) | (value > high))
        if len(wrong):
            at = f"{where}: {column} = {value[wrong[0]]:g} at {rows.index[wrong[0]]}"
            raise ConfigError(f"{at}: must be from {low:g} to {high:g} {unit}")
        values.append(value)
    return np.stack(values, axis=1)


def _read(path: Path) -> Read:
    if not path.is_file():
        raise ConfigError(f"{path}: no such file")
    form, reader = _reader(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            found = reader(path)
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, OverflowError) as error:
        raise ConfigError(f"{path}: not readable as {form}: {type(error).__name__}: {error}") from error
    lacking = {"temp_air", "wind_speed"} - set(found.rows)
    if not {"ghi", "dni", "dhi"} <= set(found.rows) and "poa_global" not in found.rows:
        lacking |= {"ghi", "dni", "dhi"} - set(found.rows)
    if lacking or found.rows.empty:
        raise ConfigError(f"{path}: not usable as {form}: lacks {', '.join(sorted(lacking)) or 'rows'}")
    return found


def _reader(path: Path) -> tuple[str, Callable[[Path], Read]]:
    """Selects the reader of a file by its suffix and its first lines."""
    suffix = path.suffix.lower()
    if suffix == ".epw":
        return "EPW", _epw
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise ConfigError(f"{path}: not readable: {error.strerror}") from error
    if suffix == ".json":
        return ("PVGIS TMY", _pvgis_tmy) if '"tmy_hourly"' in text else ("PVGIS hourly", _pvgis_hourly)
    if text.lower().startswith("latitude"):
        return ("PVGIS TMY", _pvgis_tmy) if "time(UTC)" in text else ("PVGIS hourly", _pvgis_hourly)
    if "Date (MM/DD/YYYY)" in text:
        return "TMY3", _tmy3
    raise ConfigError(f"{path}: must be an EPW (.epw), TMY3 (.csv) or PVGIS (.csv, .json) file")


def _epw(path: Path) -> Read:
    from pvlib.iotools import read_epw

    rows, meta = read_epw(path)
    return Read(rows, HALF_HOUR, meta["latitude"], meta["longitude"], meta["altitude"], "EPW")


def _tmy3(path: Path) -> Read:
    from pvlib.iotools import read_tmy3

    rows, meta = read_tmy3(path)
    hours = rows.set_axis(pd.DatetimeIndex(rows.index) - pd.Timedelta(hours=1))
    return Read(hours, HALF_HOUR, meta["latitude"], meta["longitude"], meta["altitude"], "TMY3")


def _pvgis_tmy(path: Path) -> Read:
    from pvlib.iotools import read_pvgis_tmy

    rows, meta = read_pvgis_tmy(path)
    return _pvgis(rows, meta, "PVGIS TMY")


def _pvgis_hourly(path: Path) -> Read:
    from pvlib.iotools import read_pvgis_hourly

    rows, meta = read_pvgis_hourly(path)
    beams = ["poa_direct", "poa_sky_diffuse", "poa_ground_diffuse"]
    if "poa_global" not in rows:
        rows = rows.assign(poa_global=rows[beams].sum(axis=1, skipna=False))
    return _pvgis(rows, meta, "PVGIS hourly")


def _pvgis(rows: pd.DataFrame, meta: dict[str, Any], form: str) -> Read:
    inputs = {str(key).lower().replace("_", " "): value for key, value in _flat(meta["inputs"]).items()}
    stamps = pd.DatetimeIndex(rows.index)
    hours = rows.set_axis(stamps.floor("h"))
    after = pd.Timedelta(hours=float(inputs.get("irradiance time offset", 0.0)))
    latitude, longitude = (None if inputs.get(key) is None else float(inputs[key]) for key in ("latitude", "longitude"))
    return Read(
        hours, stamps[0] - hours.index[0] + after, latitude, longitude, float(inputs.get("elevation") or 0.0), form
    )


def _flat(inputs: dict[str, Any]) -> dict[str, Any]:
    """Scalars of the inputs, including those of the location."""
    inner = inputs.get("location", {})
    scalars = {**inputs, **(inner if isinstance(inner, dict) else {})}
    return {key: value for key, value in scalars.items() if isinstance(value, str | int | float) and json.dumps(value)}
