"""Where compiled kernels are kept on disk.

As Numba does, kernels are kept in the folder that `NUMBA_CACHE_DIR` names, else in the package's own `__pycache__`,
else in the user's cache folder. If none of them can be written, they are kept in a temporary folder, which only the
user can write. What the package's own folder holds is used, even if it cannot be written, so that an image with a
read-only package may bring its kernels along.

Numba recognises a kernel by the content of its file, its signature, and the processor, so that a copied package keeps
its kernels, and another processor compiles them again.
"""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from numba.core.caching import (
    CompileResultCacheImpl,
    FunctionCache,
    IndexDataCacheFile,
    InTreeCacheLocator,
    UserProvidedCacheLocator,
    UserWideCacheLocator,
    ZipCacheLocator,
)

FOLDER = "wattward-kernels"


class TemporaryCacheLocator(UserWideCacheLocator):
    """A locator of last resort: a temporary folder."""

    def __init__(self, py_func: Callable[..., object], py_file: str) -> None:
        super().__init__(py_func, py_file)
        self._cache_path = str(temporary_folder() / self.get_suitable_cache_subpath(py_file))


@cache
def temporary_folder() -> Path:
    """A temporary folder that belongs to this user alone.

    It outlives the process, so that the next one finds its kernels. If somebody else has taken its name, a new folder
    is made.
    """
    user = str(os.getuid()) if hasattr(os, "getuid") else ""
    folder = Path(tempfile.gettempdir(), "-".join(filter(None, (FOLDER, user))))
    with suppress(OSError):
        folder.mkdir(mode=0o700, exist_ok=True)
        if _is_private(folder):
            return folder
    return Path(tempfile.mkdtemp(prefix=f"{FOLDER}-"))


def _is_private(folder: Path) -> bool:
    """Whether only this user can write into the folder; what is loaded from there is executed."""
    if not hasattr(os, "getuid"):
        return folder.is_dir()
    found = folder.lstat()
    mine, others = found.st_uid == os.getuid(), found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return stat.S_ISDIR(found.st_mode) and mine and not others


class _KernelCacheImpl(CompileResultCacheImpl):
    _locator_classes = [  # noqa: RUF012 - Numba's name and type
        UserProvidedCacheLocator,
        InTreeCacheLocator,
        UserWideCacheLocator,
        ZipCacheLocator,
        TemporaryCacheLocator,
    ]


class KernelCache(FunctionCache):
    """The kernels of one function on disk."""

    _impl_class = _KernelCacheImpl

    def __init__(self, py_func: Callable[..., object]) -> None:
        super().__init__(py_func)
        locator = InTreeCacheLocator(py_func, py_func.__code__.co_filename)
        path, stamp = locator.get_cache_path(), self._impl.locator.get_source_stamp()
        self._packaged = None if path == self.cache_path else IndexDataCacheFile(path, self._impl.filename_base, stamp)

    def _load_overload(self, sig: object, target_context: Any) -> Any:  # noqa: ANN401 - Numba's protocol
        found = super()._load_overload(sig, target_context)
        if found is not None or self._packaged is None:
            return found
        reduced = None
        with suppress(OSError):  # the folder may not be readable
            reduced = self._packaged.load(self._index_key(sig, target_context.codegen()))
        return None if reduced is None else self._impl.rebuild(target_context, reduced)

    def save_overload(self, sig: object, data: object) -> None:
        """Keeps a compiled kernel; a full disk costs the next process time, and this one nothing."""
        with suppress(OSError):
            super().save_overload(sig, data)
