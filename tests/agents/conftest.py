from __future__ import annotations

import builtins
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Makes importing a module of ours fail, as it does where the package that it needs is not installed."""
    plain = builtins.__import__

    def hide(module: str, package: str) -> None:
        def imported(name: str, *args: Any, **kwargs: Any) -> Any:
            if name == module:
                raise ModuleNotFoundError(name=package)
            return plain(name, *args, **kwargs)

        monkeypatch.setattr(builtins, "__import__", imported)

    return hide


@pytest.fixture
def loads_without_torch() -> Callable[[Path], bool]:
    """Whether a process that loads the policy in a folder has not imported torch."""

    def loads(folder: Path) -> bool:
        code = (
            "import sys; from pathlib import Path; from wattward.agents import load_policy;"
            f"load_policy(Path({str(folder)!r})); print('torch' in sys.modules)"
        )
        return subprocess.check_output([sys.executable, "-c", code], text=True) == "False\n"

    return loads
