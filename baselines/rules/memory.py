"""What a rule remembers of the jobs of an episode."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from wattward.envs.model.types import Ints

FEW_JOBS = 64


class ByJob:
    """An array with a row for each job of an episode, found by the numbers of jobs; it grows with the numbers."""

    def __init__(self, empty: float, shape: tuple[int, ...] = (), dtype: Any = np.float64) -> None:  # noqa: ANN401
        """Makes an empty memory.

        Args:
            empty: The value of jobs for which nothing was set.
            shape: The shape of a row.
            dtype: The type of the values, as NumPy takes it.
        """
        self._empty, self._rows = empty, np.full((FEW_JOBS, *shape), empty, dtype)

    def __getitem__(self, numbers: Ints) -> NDArray[Any]:
        """The rows of jobs, shape (J, ...), as a copy."""
        self._grow(numbers)
        return self._rows[numbers]

    def __setitem__(self, numbers: Ints, rows: Any) -> None:  # noqa: ANN401 - whatever NumPy broadcasts
        """Sets the rows of jobs."""
        self._grow(numbers)
        self._rows[numbers] = rows

    def _grow(self, numbers: Ints) -> None:
        missing = int(numbers.max(initial=-1)) + 1 - len(self._rows)
        if missing > 0:
            shape = (max(missing, len(self._rows)), *self._rows.shape[1:])
            self._rows = np.concatenate([self._rows, np.full(shape, self._empty, self._rows.dtype)])
