"""The layout of an observed job: one table of fields, and everything that follows from it.

A row describes a job that may be ordered: the job itself, its class, and then the same fields for each region that it
may run in. Positions, limits, the kernel's constants and the table in docs/observation.md are derived from
`JOB_FIELDS`; code that fills or reads a field uses its name (`JOB_AT.NAME`).
"""

from __future__ import annotations

from typing import NamedTuple

from wattward.envs.model.constants import named

MARGIN_SHARE = 0.05
"""Surplus that covers this share of the fleet makes the marginal price of a region's power 0."""


class JobField(NamedTuple):
    """One named number of an observed job.

    Attributes:
        group: "job", or "option" for a number of each region.
        name: Its unique name.
        meaning: What the number means, in words.
        least: Smaller values are clipped to this one.
        most: Larger values are clipped to this one.
    """

    group: str
    name: str
    meaning: str
    least: float = 0.0
    most: float = 1.0


JOB_FIELDS = (
    JobField("job", "present", "1 for a job, 0 for an empty row"),
    JobField("job", "gpus", "GPUs that it can use, for a rigid job all that it needs, / fleet of its region"),
    JobField("job", "left", "h / (1 + h), where h are the hours left on all its GPUs, by its owner's estimate"),
    JobField("job", "slack", "hours that it can still wait by the estimate / 24", -2.0, 4.0),
    JobField("job", "deadline", "hours to its deadline / 24", -2.0, 4.0),
    JobField("job", "due", "1 if by the estimate it must run now to end in time"),
    JobField("job", "data", "data that move with it / what its region's link moves in a step", most=10.0),
    JobField("job", "malleable", "1 if it runs on any number of GPUs up to its limit"),
    JobField("job", "preemptible", "1 if it may be stopped while it runs"),
    JobField("job", "restart", "hours of all its GPUs that a pause costs", most=10.0),
    JobField("job", "running", "1 if it held GPUs in the last step"),
    JobField("job", "paused", "1 if it must restart before it continues"),
    JobField("job", "held", "GPUs that it held in the last step / its GPUs"),
    JobField("option", "here", "1 if the job is in this region"),
    JobField("option", "price", "marginal price of power for a GPU now / the mean of the regions", -10.0, 10.0),
    JobField("option", "best_price", "the lowest such price until its latest start, by forecast", -10.0, 10.0),
    JobField("option", "power", "facility power of one more GPU here / the mean of the regions", most=10.0),
    JobField("option", "room", "free GPUs / the job's GPUs", most=2.0),
    JobField("option", "transit", "hours until its data are there", most=10.0),
    JobField("option", "move_cost", "cost of moving its data / what its work is worth in shaped rewards", most=10.0),
)
"""The table of fields, by group, in the order of a row; the class of the job stands between the groups."""


def _named(group: str) -> tuple[JobField, ...]:
    return tuple(field for field in JOB_FIELDS if field.group == group)


N_JOB_NUMBERS, N_OPTION_NUMBERS = len(_named("job")), len(_named("option"))
"""How many numbers describe a job itself, and how many each region as an option."""
JOB_AT = named(
    "JOB_AT", {field.name: place for group in ("job", "option") for place, field in enumerate(_named(group))}
)
"""Position of each field: among the numbers of the job, or among those of an option."""
JOB_LEAST = named("JOB_LEAST", {field.name: field.least for field in JOB_FIELDS})
JOB_MOST = named("JOB_MOST", {field.name: field.most for field in JOB_FIELDS})


def job_width(n_classes: int, n_regions: int) -> int:
    """How many numbers a row has: the job, one number for each class, and the options."""
    return N_JOB_NUMBERS + n_classes + n_regions * N_OPTION_NUMBERS


def job_field_table() -> str:
    """The fields as a Markdown table, for the docs."""
    of = {"job": "the job", "option": "each region"}
    rows = [f"| {of[f.group]} | `{f.name}` | {f.meaning} | {f.least:g} to {f.most:g} |" for f in JOB_FIELDS]
    classes = "| the job | `class` | 1 for its class, 0 for every other class of the scenario | 0 to 1 |"
    rows.insert(N_JOB_NUMBERS, classes)
    return "\n".join(["| of | field | meaning | range |", "|---|---|---|---|", *rows]) + "\n"
