import os
import signal
import subprocess
import sys
from contextlib import ExitStack
from threading import Timer

import pytest
from small import compare

import alkit as al
from alkit.errors import FolderError
from alkit.lock import locked, wait_for

ROOT = os.path.dirname(os.path.dirname(al.__file__))


def test_a_second_run_of_one_folder_is_refused(tmp_path):
    with locked(tmp_path):
        with pytest.raises(FolderError, match=f"process {os.getpid()}"):
            compare(folder=tmp_path)
        code = f"import small; small.compare(folder={str(tmp_path)!r})"
        path = os.pathsep.join([ROOT, os.path.dirname(__file__)])
        other = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONPATH": path},
            capture_output=True,
            text=True,
        )
        assert other.returncode
        assert "another run is using" in other.stderr
    compare(folder=tmp_path)


def test_the_lock_dies_with_its_holder_and_is_not_inherited(tmp_path):
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        with locked(tmp_path):
            orphan = os.fork()
            if not orphan:
                os.write(writing, b"x")
                signal.pause()
            os.write(writing, str(orphan).encode())
            signal.pause()
    text = b""
    while len(text) < 3:
        text += os.read(reading, 20)
    orphan = int(text.replace(b"x", b""))
    with pytest.raises(FolderError, match=f"process {child}"), locked(tmp_path):
        pass
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    try:
        with locked(tmp_path):
            pass
    finally:
        os.kill(orphan, signal.SIGKILL)


def test_a_folder_is_made_and_free_again_after_an_error(tmp_path):
    folder = tmp_path / "new" / "folder"
    with pytest.raises(ZeroDivisionError), locked(folder):
        raise ZeroDivisionError
    with locked(folder), pytest.raises(FolderError, match="another run"), locked(folder):
        pass


def test_a_lock_is_waited_for_as_long_as_patience_lasts(tmp_path):
    with locked(tmp_path), ExitStack() as stack, pytest.raises(FolderError, match="is using"):
        wait_for(stack, tmp_path, 0.1)
    holder = ExitStack()
    holder.enter_context(locked(tmp_path))
    release = Timer(0.2, holder.close)
    release.start()
    with ExitStack() as stack:
        wait_for(stack, tmp_path)
        with pytest.raises(FolderError), locked(tmp_path):
            pass
    release.join()
    with locked(tmp_path):
        pass
