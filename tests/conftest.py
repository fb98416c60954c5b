"""What every test shares: one thread a worker, no window, hypothesis without deadlines, the recorded data if any."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from hypothesis import settings

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")

# a shell without job control starts what runs in the background deaf to Ctrl-C, and all that this starts with it
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("here", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "here")


@pytest.fixture(scope="session")
def data_dir(pytestconfig: pytest.Config) -> Path:
    """The recorded series: WATTWARD_DATA, else shared/data beside the repository; tests that need them skip without."""
    home = pytestconfig.inipath.parent if pytestconfig.inipath else pytestconfig.rootpath
    path = Path(os.environ.get("WATTWARD_DATA") or home.parent / "shared" / "data")
    if not path.is_dir():
        pytest.skip(f"no recorded data at {path} (set WATTWARD_DATA to the folder that holds them)")
    return path
