"""Fields over steps and regions: their course, what is known ahead of it, and look-ups in tables."""

from __future__ import annotations

import numpy as np

from wattward.envs.kernels.compiling import called, inlined
from wattward.envs.model.types import Floats, Ints
from wattward.envs.world.compiled.memory import floats_1, floats_2, floats_3
from wattward.envs.world.processes.forecast import split_innovations
from wattward.envs.world.processes.gaussian import Course, Law, run_course


@inlined
def law(a: Ints, i: int) -> Law:
    """The law whose arrays begin at row `i`."""
    return Law(
        floats_2(a, i),
        floats_2(a, i + 1),
        floats_2(a, i + 2),
        floats_1(a, i + 3),
        floats_1(a, i + 4),
        floats_2(a, i + 5),
    )


@inlined
def law_of_several(a: Ints, i: int, place: int) -> Law:
    """One of several laws whose arrays begin at row `i`."""
    return Law(
        floats_3(a, i)[place],
        floats_3(a, i + 1)[place],
        floats_3(a, i + 2)[place],
        floats_2(a, i + 3)[place],
        floats_2(a, i + 4)[place],
        floats_3(a, i + 5)[place],
    )


@inlined
def look_up(x: float, first: float, per_unit: float, table: Floats) -> float:
    """Interpolates in a table over an even grid; beyond its ends, the values at its ends hold."""
    place = min(max((x - first) * per_unit, 0.0), table.size - 1.0)
    j = min(int(place), table.size - 2)
    return table[j] + (table[j + 1] - table[j]) * (place - j)


@called
def course_of(normals: Floats, law: Law, course: Floats) -> int:
    """Fills a course, shape (3, R, N), from the next normal numbers; returns how many it takes."""
    regions, n = course.shape[1:]
    start = np.zeros(2 * regions)
    for i in range(2 * regions):
        for j in range(2 * regions):
            start[i] += law.start_root[i, j] * normals[j]
    taken = (n + 2) * regions
    run_course(
        normals[2 * regions : taken].copy().reshape(n, regions), start, law, Course(course[0], course[1], course[2])
    )
    return taken


@inlined
def clear(block: Floats) -> None:
    """Sets a block of three axes to 0."""
    for i in range(block.shape[0]):
        for j in range(block.shape[1]):
            for k in range(block.shape[2]):
                block[i, j, k] = 0.0


@called
def ahead_of(
    normals: Floats, law: Law, weights: Floats, pieces: Ints, innovations: Floats, noise: Floats, ahead: Floats
) -> int:
    """Fills what is known ahead of innovations, shape (R, K, N); returns how many normal numbers it takes."""
    regions, n = innovations.shape
    if pieces.size == 0:
        clear(ahead)
        return 0
    for a in range(pieces.size):
        for r in range(regions):
            noise[a, r] = 0.0
            for i in range(regions):
                weight, first = law.unit_root[r, i], (a * regions + i) * n
                if weight != 0.0:
                    for t in range(n):
                        noise[a, r, t] += weight * normals[first + t]
    split_innovations(innovations, weights, pieces, noise[: pieces.size], ahead)
    return pieces.size * regions * n
