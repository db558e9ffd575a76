"""A folder appears whole or not at all."""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from caft_export.errors import ExportError

_RENAME_NOREPLACE, _RENAME_EXCHANGE = 1, 2
_AT_FDCWD = -100

_staging: set[Path] = set()


def remove_staging() -> None:
    """Removes the temporary folders of this process, for a signal handler that ends it.

    An exception raised by the handler would not do: one that arrives inside a destructor or a
    callback from C++ is swallowed there, and the program would go on.
    """
    for folder in _staging:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def published_folder(
    out: Path, *, force: bool, ours: str, sync_files: bool = True
) -> Iterator[Path]:
    """Gives a temporary folder beside `out`; at the end of the block it becomes `out`.

    On any failure the temporary folder goes and `out` stays as it was. An existing `out` is
    replaced only with `force`, in one step, and only when it is empty or holds the file `ours`:
    a mistyped path must not cost anyone a folder. `sync_files` False leaves the files' own bytes to
    the caller, who linked them, say.
    """
    out = Path(os.path.abspath(out))
    check_target(out, force=force, ours=ours)
    staging = out.with_name(f".{out.name}.{uuid.uuid4().hex}.tmp")
    _staging.add(staging)  # before it exists, so that no signal finds it unknown
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        staging.mkdir()
    except OSError as error:
        _staging.discard(staging)
        raise ExportError(f"cannot write in {out.parent}: {error.strerror}") from None
    try:
        yield staging
        _sync_tree(staging, sync_files)
        check_target(out, force=force, ours=ours)
        _move(staging, out)
        sync(out.parent)
    except OSError as error:
        raise ExportError(f"cannot write {out}: {error.strerror or error}") from None
    finally:
        shutil.rmtree(staging, ignore_errors=True)
        _staging.discard(staging)


def check_target(out: Path, *, force: bool, ours: str) -> None:
    if not os.path.lexists(out):
        return
    if out.is_symlink() or not out.is_dir():
        raise ExportError(f"--out: {out} exists and is not a folder")
    if not any(out.iterdir()):
        return
    if not force:
        raise ExportError(f"--out: {out} exists: give --force to replace it")
    if not (out / ours).is_file():
        raise ExportError(f"--out: {out} holds no {ours}, so --force does not replace it")


def _move(staging: Path, out: Path) -> None:
    """Renames; an existing `out` ends up at `staging`, where the caller removes it."""
    if not out.exists():
        if not _renameat2(staging, out, _RENAME_NOREPLACE):
            os.rename(staging, out)
    elif not _renameat2(staging, out, _RENAME_EXCHANGE):
        old = staging.with_suffix(".old")
        os.rename(out, old)
        os.rename(staging, out)
        shutil.rmtree(old, ignore_errors=True)


def _renameat2(source: Path, target: Path, flags: int) -> bool:
    """renameat2(2). False where the kernel, the C library or the file system lacks it."""
    function = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if function is None:
        return False
    if function(_AT_FDCWD, os.fsencode(source), _AT_FDCWD, os.fsencode(target), flags) == 0:
        return True
    code = ctypes.get_errno()
    if code in (errno.EINVAL, errno.ENOSYS):
        return False
    raise OSError(code, os.strerror(code), str(target))


def _sync_tree(folder: Path, files_too: bool) -> None:
    for base, _, files in os.walk(folder):
        for name in files if files_too else ():
            sync(Path(base) / name)
        sync(Path(base))


def sync_file_system(folder: Path) -> None:
    """syncfs(2): everything written to the folder's file system. For many files: an fsync of each
    waits for the disk that many times."""
    function = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
    if function is None:
        os.sync()
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        if function(descriptor) != 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code), str(folder))
    finally:
        os.close(descriptor)


def sync(path: Path) -> None:
    """fsync(2) of a file or folder."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
