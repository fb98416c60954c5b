"""The table of supplies: the sources of energy, and which of them are green."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Supply(NamedTuple):
    """A source of energy."""

    flow: str  # the field of `Flows` with its power; for a plant on site, all available power
    kind: str


ON_SITE, DIRECT, CONTRACT, STORE, GRID = "on site", "direct line", "contract", "store", "grid"
SUPPLY: Mapping[str, Supply] = {
    "sun": Supply("sun_kw", ON_SITE),
    "wind": Supply("wind_kw", ON_SITE),
    "hydro": Supply("hydro_kw", ON_SITE),
    "recovered": Supply("recovered_kw", ON_SITE),
    "direct": Supply("direct_used_kw", DIRECT),
    "contract": Supply("contract_kw", CONTRACT),
    "stores": Supply("discharge_kw", STORE),
    "grid": Supply("grid_kw", GRID),
}
"""Supplies by name: plants on site, plants elsewhere, then supplies that are never green."""
SUPPLIES = tuple(SUPPLY)
PLANTS = tuple(name for name, supply in SUPPLY.items() if supply.kind in (ON_SITE, DIRECT, CONTRACT))
"""The green supplies; their delivered energy is certified."""
