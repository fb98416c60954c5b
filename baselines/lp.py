"""Builds linear programs from blocks of arrays, solves them with HiGHS, and gives bounds valid at any tolerance."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from wattward.envs.model.types import Floats, Ints

RELATIVE_MARGIN = 1e-9
"""Share of the dual value's terms that is subtracted from it.

It covers rounding errors here and the simulator's own tolerance of 1e-9 GPU-h per job.
"""

ABSENT = -1
"""Number that stands for a column that does not exist."""


class SolverError(RuntimeError):
    """The linear program could not be solved; the message names the solver's status."""


class Program(NamedTuple):
    """Minimise cost'x subject to row_lower <= A x <= row_upper, lower <= x <= upper; A in compressed rows."""

    cost: Floats  # (n,)
    lower: Floats  # (n,)
    upper: Floats  # (n,)
    row_lower: Floats  # (m,)
    row_upper: Floats  # (m,)
    row_start: Ints  # (m + 1,)
    column: Ints  # (nonzeros,)
    value: Floats  # (nonzeros,)


class Solution(NamedTuple):
    """The result of a solve."""

    primal: Floats  # (n,) within the solver's tolerance
    row_dual: Floats  # (m,)
    objective: float
    status: str


@dataclass
class Builder:
    """Collects blocks of columns and rows; a block of any shape is one call."""

    _cost: list[Floats] = field(default_factory=list)
    _lower: list[Floats] = field(default_factory=list)
    _upper: list[Floats] = field(default_factory=list)
    _row_lower: list[Floats] = field(default_factory=list)
    _row_upper: list[Floats] = field(default_factory=list)
    _row: list[Ints] = field(default_factory=list)
    _column: list[Ints] = field(default_factory=list)
    _value: list[Floats] = field(default_factory=list)
    _n: int = 0
    _m: int = 0

    def columns(
        self, shape: tuple[int, ...], cost: ArrayLike, lower: ArrayLike, upper: ArrayLike, where: ArrayLike = True
    ) -> Ints:
        """Adds an array of variables and returns their column numbers.

        Args:
            shape: shape of the array.
            cost: cost of each variable, broadcast to `shape`.
            lower: lower limit of each variable, broadcast to `shape`.
            upper: upper limit of each variable, broadcast to `shape`.
            where: which variables exist, broadcast to `shape`.

        Returns:
            Column numbers, shape `shape`; ABSENT where no variable exists.
        """
        there = np.broadcast_to(np.asarray(where, dtype=np.bool_), shape)
        numbers = np.full(shape, ABSENT, dtype=np.int64)
        numbers[there] = self._n + np.arange(np.count_nonzero(there), dtype=np.int64)
        for kept, values in ((self._cost, cost), (self._lower, lower), (self._upper, upper)):
            kept.append(np.broadcast_to(np.asarray(values, dtype=np.float64), shape)[there])
        self._n += int(np.count_nonzero(there))
        return numbers

    def rows(self, lower: ArrayLike, upper: ArrayLike, *terms: tuple[ArrayLike, Ints]) -> Ints:
        """Adds one row for each entry of `lower` (shape S): lower <= sum of coefficient x column <= upper.

        The columns of a term have shape S, or S with further axes that are summed over; the coefficients broadcast to
        that shape with their leading axes. Columns that are ABSENT count as 0.

        Returns:
            Row numbers, shape S.
        """
        low = np.asarray(lower, dtype=np.float64)
        numbers = self._m + np.arange(low.size, dtype=np.int64)
        if not low.size:
            return numbers.reshape(low.shape)
        self._row_lower.append(low.ravel())
        self._row_upper.append(np.broadcast_to(np.asarray(upper, dtype=np.float64), low.shape).ravel())
        for coefficient, columns in terms:
            each = columns.reshape(low.size, -1)
            factor = np.broadcast_to(np.asarray(coefficient, dtype=np.float64), low.shape).reshape(low.size, 1)
            there = each != ABSENT
            self._row.append(np.broadcast_to(numbers[:, None], each.shape)[there])
            self._column.append(each[there])
            self._value.append(np.broadcast_to(factor, each.shape)[there])
        self._m += low.size
        return numbers.reshape(low.shape)

    def program(self) -> Program:
        """All blocks as one program. Zero coefficients are left out, and repeated ones are summed."""
        from scipy.sparse import coo_array

        entries = (np.concatenate(self._value), (np.concatenate(self._row), np.concatenate(self._column)))
        matrix = coo_array(entries, shape=(self._m, self._n)).tocsr()
        matrix.eliminate_zeros()
        return Program(
            cost=np.concatenate(self._cost),
            lower=np.concatenate(self._lower),
            upper=np.concatenate(self._upper),
            row_lower=np.concatenate(self._row_lower),
            row_upper=np.concatenate(self._row_upper),
            row_start=matrix.indptr.astype(np.int64),
            column=matrix.indices.astype(np.int64),
            value=matrix.data.astype(np.float64),
        )


def values_of(columns: Ints, values: Floats) -> Floats:
    """The values of `columns` (shape S), taken from `values` (n,), shape S; 0 where a column is ABSENT."""
    found: Floats = np.where(columns == ABSENT, 0.0, values[columns])
    return found


def solve(program: Program, method: str = "ipm") -> Solution:
    """Solves on one thread.

    Args:
        program: what to minimise.
        method: "ipm" is the interior point method without crossover. It is fast, and exact enough for `safe_value`. If
            it stalls, simplex is used instead. "simplex" gives a vertex.

    Raises:
        SolverError: the program has no optimum or the solver gave up.
    """
    from highspy import HighsModelStatus

    highs = _silent_highs()()
    for name, value in (("threads", 1), ("parallel", "off"), ("run_crossover", "off")):
        highs.setOptionValue(name, value)
    highs.passModel(_to_highs(program))
    for attempt in dict.fromkeys((method, "simplex")):
        highs.setOptionValue("solver", attempt)
        highs.run()
        if highs.getModelStatus() == HighsModelStatus.kOptimal:
            found = highs.getSolution()
            primal, dual = np.array(found.col_value), np.array(found.row_dual)
            return Solution(primal, dual, float(program.cost @ primal), f"optimal by {attempt}")
    status = highs.modelStatusToString(highs.getModelStatus())
    raise SolverError(f"the linear program was not solved: HiGHS reports {status!r}")


@cache
def _silent_highs() -> Any:  # noqa: ANN401 - highspy ships no types
    """A class of solvers that print nothing. HiGHS 1.16 prints a banner before options of a new solver can be set."""
    from highspy import Highs

    class SilentHighs(Highs):
        def enableCallbacks(self) -> None:  # noqa: N802 - the call of a new solver that prints
            self.silent()
            super().enableCallbacks()  # type: ignore[no-untyped-call]

    return SilentHighs


def _to_highs(program: Program) -> Any:  # noqa: ANN401 - highspy ships no types
    from highspy import HighsLp, MatrixFormat

    lp = HighsLp()
    lp.num_col_, lp.num_row_ = program.cost.size, program.row_lower.size
    lp.col_cost_, lp.col_lower_, lp.col_upper_ = program.cost, program.lower, program.upper
    lp.row_lower_, lp.row_upper_ = program.row_lower, program.row_upper
    lp.a_matrix_.format_ = MatrixFormat.kRowwise
    lp.a_matrix_.start_, lp.a_matrix_.index_, lp.a_matrix_.value_ = program.row_start, program.column, program.value
    return lp


def safe_value(program: Program, row_dual: Floats) -> float:
    """A lower bound on the optimum by weak duality. It is valid for any `row_dual`, even an inexact one.

    Every column must have finite limits. A dual whose sign needs a row limit that is infinite is set to zero.
    """
    from scipy.sparse import csr_array

    dual = np.where((row_dual > 0) & np.isinf(program.row_lower), 0.0, row_dual)
    dual = np.where((dual < 0) & np.isinf(program.row_upper), 0.0, dual)
    shape = (program.row_lower.size, program.cost.size)
    matrix = csr_array((program.value, program.column, program.row_start), shape=shape)
    reduced = program.cost - matrix.T @ dual
    at_rows = np.where(dual > 0, program.row_lower, np.where(dual < 0, program.row_upper, 0.0))
    at_columns = np.where(reduced > 0, program.lower, program.upper)
    terms = np.concatenate([dual * at_rows, reduced * at_columns])
    return float(terms.sum() - RELATIVE_MARGIN * max(1.0, np.abs(terms).sum()))
