"""The layout of the observation: one table of fields, and everything that follows from it.

An observation is the clock, then the same fields for each region. Positions, limits, the kernels' constants, the named
views and the table in docs/observation.md are derived from `FIELDS`. A new row moves the fields behind it, so code
that fills or reads a field uses its name (`AT.NAME`).
"""

from __future__ import annotations

from typing import NamedTuple

from wattward.envs.model.constants import named

LOW, HIGH = -10.0, 10.0
"""Lower and upper limit of every number of an observation."""
SLACK_EDGES_H = (0.25, 1.0, 4.0, 12.0, 24.0)
"""Upper edges of the queue's buckets by slack [h]; a last bucket has no upper edge."""
BLOCK_EDGES_H = (0, 1, 2, 3, 4, 6, 8, 10, 12, 15, 18, 21, 24)
"""Edges of the blocks of lead time over which forecasts are averaged [h]. An upper edge belongs to its block."""
A_BLOCK = 0
"""Width of a field that has one number for each forecast block of the scenario."""
GROUPS = {
    "clock": "clock",
    "world": "each region",
    "present": "each region",
    "forecast": "each region",
    "extra": "each region, where there is such",
}
"""Groups of fields in their order, and what the docs say they describe.

The clock comes first; the other groups are repeated for each region. `kernels.ahead` fills clock, world and forecast
when an episode is loaded, because they depend on the world alone. `kernels.observe` fills present and extra in every
step. Extra fields exist if a scenario has stores, contracts, sleep, grid events or constraints.
"""


class Field(NamedTuple):
    """One named field.

    Attributes:
        group: One of `GROUPS`.
        name: Its unique name.
        width: How many numbers it has, or `A_BLOCK`.
        meaning: What the numbers mean, in words.
        least: Smaller values are clipped to this one.
        most: Larger values are clipped to this one.
        log: Whether log(1 + value) is observed. Only present fields may have this; their kernel first sums GPU-h.
    """

    group: str
    name: str
    width: int
    meaning: str
    least: float = LOW
    most: float = HIGH
    log: bool = False


FIELDS = (
    Field("clock", "hour", 2, "sine and cosine of the hour of the day, by the scenario's clock"),
    Field("clock", "season", 2, "sine and cosine of the day of the year"),
    Field("clock", "weekend", 1, "1 on Saturday and Sunday"),
    Field("clock", "time_left", 1, "share of the episode left"),
    Field("clock", "last_day", 1, "hours left / 24", most=1.0),
    Field("world", "price", 1, "price now / the scenario's mean price - 1"),
    Field("world", "price_rank", 1, "share of the coming leads that are cheaper than now, ties counted half"),
    Field("world", "price_above_lowest", 1, "(price now - lowest coming price) / mean price"),
    Field("world", "carbon", 1, "grid carbon intensity / the scenario's mean - 1"),
    Field("present", "surplus", 1, "GPUs that surplus green power could run / fleet", most=2.0),
    Field("present", "interactive", 1, "GPUs that requests need now / fleet"),
    Field("present", "locked", 1, "GPUs of running rigid jobs that cannot be preempted / fleet"),
    Field("present", "running", 1, "other deferrable GPUs of the last step / fleet"),
    Field("present", "locked_work", 1, "expected GPU-h left of locked rigid jobs / fleet", log=True),
    Field("present", "rigid_work", 1, "expected GPU-h of other rigid jobs / fleet", log=True),
    Field("present", "transit", 1, "expected GPU-h on its way here / fleet", log=True),
    Field("present", "late", 1, "expected GPU-h past its deadline / fleet", log=True),
    Field(
        "present",
        "base_load",
        1,
        "facility power of idle, interactive and locked GPUs less green power / full power",
        least=-2.0,
    ),
    Field("present", "peak", 1, "highest grid power so far / full power"),
    Field("present", "wan_backlog", 1, "data still to move / what the link moves in a step"),
    Field(
        "present",
        "queue",
        len(SLACK_EDGES_H) + 1,
        f"expected GPU-h of unlocked work / fleet, by slack: under {', '.join(f'{h:g}' for h in SLACK_EDGES_H)} h, and"
        " more",
        log=True,
    ),
    Field("forecast", "price_ahead", A_BLOCK, "as price, mean by forecast block"),
    Field(
        "forecast",
        "surplus_ahead",
        A_BLOCK,
        "as surplus (nothing locked, PUE as now), forecast, mean by block",
        most=2.0,
    ),
    Field("forecast", "interactive_ahead", A_BLOCK, "as interactive, forecast, mean by block"),
    Field("extra", "stored_power", 1, "energy in the site's power stores / their capacity"),
    Field("extra", "stored_cold", 1, "cold in its cooling stores / their capacity"),
    Field("extra", "store_rule", 1, "what the price rule would order the stores: 1 charge, 0 neither, -1 discharge"),
    Field("extra", "awake", 1, "GPUs awake / fleet"),
    Field("extra", "in_order", 1, "GPUs in order / fleet"),
    Field("extra", "link", 1, "share of the link's capacity that is there"),
    Field("extra", "direct", 1, "what the direct line offers now / full power"),
    Field("extra", "contract", 1, "what the green contract delivers now / full power"),
    Field("extra", "cut", 1, "cut that the grid asks for now / full power"),
    Field("extra", "announced_cut", 1, "cut that it asks for now or has announced / full power"),
    Field("extra", "announced_in", 1, "hours until then / 24", most=1.0),
    Field("extra", "green_lead", 1, "green share of the site's energy so far less the least that is required"),
)
"""The table of fields, by group, in the order of the observation."""


def fields_of(*groups: str) -> tuple[Field, ...]:
    """The rows of some groups, in their order."""
    return tuple(field for field in FIELDS if field.group in groups)


def _checked() -> None:
    """Raises ValueError if the table contradicts itself."""
    names, order = [field.name for field in FIELDS], [list(GROUPS).index(field.group) for field in FIELDS]
    if len(set(names)) < len(names):
        raise ValueError("two fields of an observation have the same name")
    if order != sorted(order):
        raise ValueError(f"the fields of an observation must stand by group: {', '.join(GROUPS)}")
    for field in FIELDS:
        if (field.width == A_BLOCK) != (field.group == "forecast") or (field.log and field.group != "present"):
            raise ValueError(f"field {field.name!r}: a field of the {field.group} group has another width or scale")


def _offsets() -> dict[str, int]:
    """The position of each field in its section of an observation.

    There are four sections: the clock; world and present together; forecast; and extra. In the forecast section, a
    position counts fields, each with one number for each block.
    """
    found: dict[str, int] = {}
    for section in (("clock",), ("world", "present"), ("forecast",), ("extra",)):
        at = 0
        for field in fields_of(*section):
            found[field.name] = at
            at += field.width or 1
    return found


def _numbers(*groups: str) -> int:
    return sum(field.width for field in fields_of(*groups))


_checked()
N_CLOCK = _numbers("clock")
N_WORLD = _numbers("world")
N_NOW = _numbers("world", "present")
"""How many numbers of a region precede the forecasts."""
N_FORECASTS = len(fields_of("forecast"))
"""How many fields have one number for each block."""
N_EXTRA = _numbers("extra")
AT = named("AT", _offsets())
"""Position of each field: in the clock, among a region's N_NOW numbers, among forecast or among extra fields."""
LEAST = named("LEAST", {field.name: field.least for field in FIELDS})
MOST = named("MOST", {field.name: field.most for field in FIELDS})
WIDTH = named("WIDTH", {field.name: field.width for field in FIELDS})
LOGGED = tuple(
    getattr(AT, field.name) + i for field in fields_of("world", "present") if field.log for i in range(field.width)
)
"""Indices of those of a region's N_NOW numbers that are on a logarithmic scale."""


def region_width(n_blocks: int, extended: bool) -> int:
    """How many numbers a region has in an observation with `n_blocks` forecast blocks; extra fields if `extended`."""
    return N_NOW + N_FORECASTS * n_blocks + (N_EXTRA if extended else 0)


def field_table() -> str:
    """The fields as a Markdown table, for the docs."""
    lines = [
        f"| {GROUPS[f.group]} | `{f.name}` | {f.width or 'one a block'} | {f.meaning} | {_scale(f)} |" for f in FIELDS
    ]
    return "\n".join(["| of | field | numbers | meaning | scale |", "|---|---|---|---|---|", *lines]) + "\n"


def _scale(field: Field) -> str:
    least = f"at least {field.least:g}" if field.least > LOW else ""
    most = f"at most {field.most:g}" if field.most < HIGH else ""
    return ", ".join(part for part in ("log(1 + x)" if field.log else "", least, most) if part)
