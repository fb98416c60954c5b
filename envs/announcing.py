"""Says so when kernels are being compiled: half a minute of silence at the first step looks like a fault."""

from __future__ import annotations

import sys
from typing import Any

from numba.core.event import Listener, register

NOTICE = "wattward: compiling its kernels, half a minute, once; later processes find them compiled\n"


class Announcer(Listener):
    """Writes the notice to a terminal at the first compilation of an entry in this process."""

    def __init__(self, module: str) -> None:
        self._module, self._said = module, False

    def on_start(self, event: Any) -> None:  # noqa: ANN401 - Numba's event
        """Takes note of a compilation that begins."""
        compiled = event.data["dispatcher"].py_func
        if not self._said and compiled.__module__ == self._module and sys.stderr.isatty():
            self._said = True
            sys.stderr.write(NOTICE)
            sys.stderr.flush()

    def on_end(self, event: Any) -> None:  # noqa: ANN401 - Numba's event
        """Nothing to say."""


def announce_compilation_of(module: str) -> None:
    """Lets the user know when functions of a module are compiled, not when they are found compiled on disk."""
    register("numba:compile", Announcer(module))  # type: ignore[no-untyped-call]
