"""Linear interpolation in many tables at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from wattward.envs.kernels.compiling import entry

if TYPE_CHECKING:
    from wattward.envs.model.types import Floats


def interpolate_rows(x: Floats, grid: Floats, tables: Floats) -> Floats:
    """Interpolates each row in its own table; bitwise equal to `np.interp`, but faster on an even grid.

    Args:
        x: positions, (R, N).
        grid: evenly spaced and ascending points, (M,).
        tables: values at the grid, (R, M). Beyond the ends of the grid, the values at its ends hold.

    Returns:
        The values, (R, N).
    """
    values = np.empty(x.shape)
    _look_up(np.ascontiguousarray(x), grid, tables, values)
    return values


@entry
def _look_up(x: Floats, grid: Floats, tables: Floats, values: Floats) -> None:
    last = grid.size - 1
    low, per_unit = grid[0], last / (grid[last] - grid[0])
    for r in range(x.shape[0]):
        for i in range(x.shape[1]):
            here = x[r, i]
            if here >= grid[last]:
                values[r, i] = tables[r, last]
            elif here > low:
                j = min(int((here - low) * per_unit), last - 1)
                if grid[j] > here:
                    j -= 1
                elif grid[j + 1] <= here:
                    j += 1
                slope = (tables[r, j + 1] - tables[r, j]) / (grid[j + 1] - grid[j])
                values[r, i] = slope * (here - grid[j]) + tables[r, j]
            else:
                values[r, i] = tables[r, 0] if here <= low else here  # NaN stays NaN
