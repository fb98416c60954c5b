from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest
from numba import njit

from wattward.envs.kernels.compiling import NOTICE, Announcer, announce_compilation_of


def event_of(module: str) -> Any:
    return SimpleNamespace(data={"dispatcher": SimpleNamespace(py_func=SimpleNamespace(__module__=module))})


def test_a_terminal_is_told_once_of_the_modules_own_compilations(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    announcer = Announcer("mine")
    announcer.on_start(event_of("mine"))
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    announcer.on_start(event_of("another's"))
    assert capsys.readouterr().err == ""
    announcer.on_start(event_of("mine"))
    announcer.on_start(event_of("mine"))
    assert capsys.readouterr().err == NOTICE


def test_numba_tells_it_of_a_compilation(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    announce_compilation_of(__name__)

    @njit
    def twice(number: int) -> int:
        return 2 * number

    assert twice(4) == 8
    assert capsys.readouterr().err == NOTICE
