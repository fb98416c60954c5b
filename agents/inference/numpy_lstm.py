"""A network with a memory, in NumPy alone: what it answers depends on all that it was shown since its `reset`."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float32]


class LstmCell:
    """One layer of long short-term memory as torch computes it: gates in the order input, forget, cell, output."""

    def __init__(self, of_input: Numbers, of_hidden: Numbers, bias: Numbers) -> None:
        """Weights of the input (4 H, in) and of the hidden state (4 H, H), and the sum of both biases (4 H,)."""
        self._of_input = np.ascontiguousarray(of_input.T)
        self._of_hidden = np.ascontiguousarray(of_hidden.T)
        self._bias = bias

    @property
    def n_inputs(self) -> int:
        """Length of an input."""
        return int(self._of_input.shape[0])

    @property
    def size(self) -> int:
        """Length H of the hidden state and of the cell's."""
        return int(self._of_hidden.shape[0])

    def __call__(self, x: Numbers, hidden: Numbers, cell: Numbers) -> tuple[Numbers, Numbers]:
        """Hidden state and cell state (..., H) after inputs (..., in)."""
        gates = x @ self._of_input + hidden @ self._of_hidden + self._bias
        entered, kept, new, shown = np.split(gates, 4, axis=-1)
        cell = _sigmoid(kept) * cell + _sigmoid(entered) * np.tanh(new)
        return _sigmoid(shown) * np.tanh(cell), cell


def _sigmoid(x: Numbers) -> Numbers:
    # by tanh, which does not overflow
    half: Numbers = np.tanh(np.float32(0.5) * x)
    half *= np.float32(0.5)
    half += np.float32(0.5)
    return half


class RecurrentNetwork:
    """An LSTM cell and a network behind it; carries the cell's state from one input to the next."""

    def __init__(self, cell: LstmCell, head: Callable[[Numbers], Numbers]) -> None:
        """`head` gives outputs (..., out) of hidden states (..., H)."""
        self._cell, self._head = cell, head
        self._state: tuple[Numbers, Numbers] | None = None

    @property
    def n_inputs(self) -> int:
        """Length of an input."""
        return self._cell.n_inputs

    def reset(self) -> None:
        """Forgets what came before."""
        self._state = None

    def __call__(self, x: Numbers) -> Numbers:
        """Outputs (..., out) of the next inputs (..., in) of one sequence each.

        Raises:
            ValueError: another number of sequences than before, without a `reset`.
        """
        lead = x.shape[:-1]
        if self._state is None:
            self._state = np.zeros((*lead, self._cell.size), np.float32), np.zeros((*lead, self._cell.size), np.float32)
        if self._state[0].shape[:-1] != lead:
            raise ValueError(f"inputs of shape {x.shape}: the state is of {self._state[0].shape[:-1]}; reset it first")
        self._state = self._cell(x, *self._state)
        return self._head(self._state[0])
