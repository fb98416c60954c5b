"""Random numbers that depend only on a key and the number of a stream, so that any thread can draw any episode.

The generator is Philox4x64-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"). Uniform and normal
numbers follow from it as in NumPy, the normal ones by the ziggurat method. So `numpy.random.Philox` gives the same
numbers, see `envs.world.processes.streams`.
"""

from __future__ import annotations

from collections.abc import Callable
from math import exp, log1p
from typing import Any, cast

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic
from numba.np.random import _constants
from numpy.typing import NDArray

from wattward.envs.kernels.compiling import called, inlined
from wattward.envs.model.types import Floats, Ints

Words = NDArray[np.uint64]

ROUNDS = 10
MULTIPLY_0, MULTIPLY_2 = np.uint64(0xD2E7470EE14C6C93), np.uint64(0xCA5A826395121157)
ADD_0, ADD_1 = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBB67AE8584CAA73B)
"""The constants of Philox4x64."""
BLOCK, AT_ONCE = 4, 64
"""Numbers that one counter gives, and numbers that are drawn at once; the processor overlaps their computation."""

UNIT = 1.0 / 9007199254740992.0
LAYER, SIGN, MANTISSA = np.uint64(0xFF), np.uint64(1), np.uint64(0x000FFFFFFFFFFFFF)
INSIDE, WIDTH, DENSITY = _constants.ki_double, _constants.wi_double, _constants.fi_double
TAIL, PER_TAIL = float(_constants.ziggurat_nor_r), float(_constants.ziggurat_nor_inv_r)
"""The layers of the ziggurat, each (256,): numbers that need no test, width of a unit, density at the edge."""


def _to_product(typingctx: Any, first: Any, second: Any) -> Any:  # noqa: ANN401, ARG001 - Numba's protocol
    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:  # noqa: ANN401, ARG001
        wide, narrow = ir.IntType(128), ir.IntType(64)
        product = builder.mul(builder.zext(args[0], wide), builder.zext(args[1], wide))
        return builder.trunc(builder.lshr(product, ir.Constant(wide, 64)), narrow)

    return types.uint64(types.uint64, types.uint64), codegen


_high_word = cast("Callable[[Any, Any], Any]", intrinsic(_to_product))
"""The upper 64 bits of a product."""


@inlined
def _fill_words(key: Words, stream: Words, block: int, words: Words) -> None:
    """Fills words with the numbers of consecutive blocks of a stream; a stream's first block has number 0."""
    for i in range(words.size // BLOCK):
        key_0, key_1 = key[0], key[1]
        w0, w1, w2, w3 = np.uint64(block + i + 1), np.uint64(0), stream[0], stream[1]
        for _ in range(ROUNDS):
            high_0, low_0 = _high_word(MULTIPLY_0, w0), MULTIPLY_0 * w0
            high_2, low_2 = _high_word(MULTIPLY_2, w2), MULTIPLY_2 * w2
            w0, w1, w2, w3 = high_2 ^ w1 ^ key_0, low_2, high_0 ^ w3 ^ key_1, low_0
            key_0, key_1 = key_0 + ADD_0, key_1 + ADD_1
        words[BLOCK * i], words[BLOCK * i + 1] = w0, w1
        words[BLOCK * i + 2], words[BLOCK * i + 3] = w2, w3


@inlined
def _next_word(key: Words, stream: Words, words: Words, state: Ints) -> Any:  # noqa: ANN401 - a Numba integer
    """Returns the next number of a stream. `state` holds its place in `words` and the number of the next block."""
    if state[0] == AT_ONCE:
        _fill_words(key, stream, state[1], words)
        state[0], state[1] = 0, state[1] + AT_ONCE // BLOCK
    state[0] += 1
    return words[state[0] - 1]


@inlined
def _to_unit(word: Any) -> float:  # noqa: ANN401 - a Numba integer
    return float((word >> np.uint64(11)) * UNIT)


@called
def fill_uniform(key: Words, stream: Words, first: int, out: Floats) -> None:
    """Fills `out` with uniform numbers from 0 to below 1.

    Args:
        key: of the episode, shape (2,).
        stream: number of the process and of its part, shape (2,).
        first: numbers of the stream to pass over, a multiple of AT_ONCE.
        out: receives the numbers, one-dimensional.
    """
    words = np.empty(AT_ONCE, np.uint64)
    for at in range(0, out.size, AT_ONCE):
        _fill_words(key, stream, (first + at) // BLOCK, words)
        for i in range(min(AT_ONCE, out.size - at)):
            out[at + i] = _to_unit(words[i])


@called
def fill_normal(key: Words, stream: Words, out: Floats) -> None:
    """Fills `out`, one-dimensional, with standard normal numbers from the start of a stream; see `fill_uniform`."""
    words, state = np.empty(AT_ONCE, np.uint64), np.empty(2, np.int64)
    i, place, block = 0, AT_ONCE, 0
    while i < out.size:
        if place == AT_ONCE:
            _fill_words(key, stream, block, words)
            place, block = 0, block + AT_ONCE // BLOCK
        word = words[place]
        place += 1
        layer, size = np.int64(word & LAYER), (word >> np.uint64(9)) & MANTISSA
        value = size * WIDTH[layer]
        if (word >> np.uint64(8)) & SIGN:
            value = -value
        if size < INSIDE[layer]:
            out[i] = value
            i += 1
        else:
            state[0], state[1] = place, block
            found, value = _at_edge(key, stream, words, state, layer, size, value)
            place, block = state[0], state[1]
            if found:
                out[i] = value
                i += 1


@inlined
def _at_edge(
    key: Words,
    stream: Words,
    words: Words,
    state: Ints,
    layer: Any,  # noqa: ANN401 - a Numba integer
    size: Any,  # noqa: ANN401 - a Numba integer
    value: float,
) -> tuple[bool, float]:
    """Decides whether a number at the edge of its layer is taken, and returns the number."""
    if layer == 0:
        far = _tail(key, stream, words, state)
        return True, -far if (size >> np.uint64(8)) & SIGN else far
    height = _to_unit(_next_word(key, stream, words, state))
    density = (DENSITY[layer - 1] - DENSITY[layer]) * height + DENSITY[layer]
    return density < exp(-0.5 * value * value), value


@inlined
def _tail(key: Words, stream: Words, words: Words, state: Ints) -> float:
    """Draws a number from the tail of the normal distribution, beyond TAIL (Marsaglia 1964)."""
    while True:
        x = -PER_TAIL * log1p(-_to_unit(_next_word(key, stream, words, state)))
        y = -log1p(-_to_unit(_next_word(key, stream, words, state)))
        if y + y > x * x:
            return TAIL + x
