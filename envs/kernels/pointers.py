"""Arrays that Python passes to kernels by their address."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from numba import types
from numba.extending import intrinsic
from numba.np.arrayobj import np_cfarray


def _to_array(typingctx: Any, address: Any, shape: Any, dtype: Any) -> Any:  # noqa: ANN401, ARG001 - Numba's protocol
    """An array at an address. Numba's `carray` would compile a function for each kind of array."""
    kind = types.Array(dtype.dtype, len(shape), "C")

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:  # noqa: ANN401, ARG001
        pointer = builder.inttoptr(args[0], context.get_value_type(types.voidptr))
        return np_cfarray(context, builder, kind(types.voidptr, shape), (pointer, args[1]))

    return kind(types.int64, shape, dtype), codegen


array_at = cast("Callable[[Any, Any, Any], Any]", intrinsic(_to_array))
"""The C-contiguous array at an address, of a shape and a dtype. Use it only while the array at the address lives."""
