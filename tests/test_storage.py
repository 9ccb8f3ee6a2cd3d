"""Large matrices are in memory if there is room, else in a file that never outlives its use."""

import errno
import os
import resource
import shutil
import signal

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from alkit import storage
from alkit.errors import ConfigurationError, NotEnoughMemoryError
from alkit.storage import Storage, some

CPU = torch.device("cpu")


@pytest.fixture
def nothing_small(monkeypatch):
    """No matrix is so small that it is always in memory."""
    monkeypatch.setattr(storage, "SMALL", 0)


def mapped(rows, folder):
    """True if a tensor lies in a file of a folder."""
    start = rows.data_ptr()
    with open("/proc/self/maps") as lines:
        for line in lines:
            low, high = (int(end, 16) for end in line.split()[0].split("-"))
            if low <= start < high:
                return str(folder) in line
    return False


def test_what_fits_into_memory_is_there_and_what_does_not_is_in_a_file(tmp_path, monkeypatch):
    held = Storage(folder=tmp_path).empty((10, 3), torch.float32, CPU, "rows")
    assert not mapped(held, tmp_path)
    monkeypatch.setattr(storage, "SMALL", 0)
    monkeypatch.setattr(storage, "free_memory", lambda device: 239)
    rows = Storage(folder=tmp_path).empty((10, 3), torch.float32, CPU, "rows")
    assert mapped(rows, tmp_path)
    monkeypatch.setattr(storage, "free_memory", lambda device: 240)
    assert not mapped(Storage(folder=tmp_path).empty((10, 3), torch.float32, CPU, ""), tmp_path)


@pytest.mark.usefixtures("nothing_small")
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_a_file_holds_what_is_written_and_leaves_nothing_in_its_folder(tmp_path, dtype, capsys):
    rows = Storage(folder=tmp_path, share=0).empty((50, 2, 3), dtype, CPU, "the features of 50")
    said = capsys.readouterr().err
    assert said.startswith("alkit: the features of 50, 0.0 GB of ")
    assert str(tmp_path) in said
    values = torch.arange(300).view(50, 2, 3).to(dtype)
    rows.copy_(values)
    rows[:, 0] *= 2
    assert rows.dtype == dtype
    assert torch.equal(rows[:, 1], values[:, 1])
    assert torch.equal(rows[:, 0], 2 * values[:, 0])
    assert mapped(rows, tmp_path)
    assert not list(tmp_path.iterdir())


def test_the_space_of_a_file_is_free_once_its_tensor_is_gone(tmp_path):
    def blocks():
        os.sync()
        return os.statvfs(tmp_path).f_bfree

    rows = Storage(folder=tmp_path, share=0).empty((2**26,), torch.float32, CPU, "rows")  # 256 MiB
    full = blocks()
    del rows
    assert (blocks() - full) * os.statvfs(tmp_path).f_frsize > 2**27  # others write as well


def test_a_disk_without_room_is_an_error_before_anything_is_written(tmp_path, capsys):
    free = shutil.disk_usage(tmp_path).free
    message = r"the features need \d+\.\d GB.*of disk in .*float16.*part of the"
    with pytest.raises(NotEnoughMemoryError, match=message):
        Storage(folder=tmp_path, share=0).empty((2 * free,), torch.uint8, CPU, "the features")
    assert not capsys.readouterr().err


@pytest.mark.usefixtures("nothing_small")
def test_a_disk_that_gets_full_meanwhile_is_an_error(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(NotEnoughMemoryError, match=r"rows need 0.0 GB.*Storage\(folder=\.\.\.\)"):
        Storage(folder=tmp_path, share=0).empty((10,), torch.float32, CPU, "rows")


@pytest.mark.usefixtures("nothing_small")
def test_a_file_that_cannot_be_made_is_an_error_with_the_reason_of_the_system(tmp_path):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    try:
        with pytest.raises(NotEnoughMemoryError, match=r"GB of disk in .* \(File too large\)\."):
            Storage(folder=tmp_path, share=0).empty((1000,), torch.float32, CPU, "rows")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("nothing_small")
def test_blocks_are_reserved_where_the_system_cannot_reserve_them(tmp_path, monkeypatch):
    monkeypatch.delattr(os, "posix_fallocate")
    monkeypatch.setattr(storage, "BLOCK", 7)
    rows = Storage(folder=tmp_path, share=0).empty((10,), torch.float32, CPU, "rows")
    assert torch.equal(rows, torch.zeros(10))


@given(
    seed=st.integers(0, 99),
    mask=st.booleans(),
    dtype=st.sampled_from([torch.float16, torch.float32]),
)
def test_some_rows_are_the_same_in_a_file(seed, mask, dtype):
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randn(40, 3, generator=generator).to(dtype)
    places = torch.randint(40, (25,), generator=generator)
    places = torch.rand(40, generator=generator) < 0.5 if mask else places
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(storage, "SMALL", 0)
        patch.setattr(storage, "BLOCK", 100)
        assert torch.equal(some(rows, places, Storage(share=0)), rows[places])
        assert torch.equal(some(rows, places), rows[places])
    assert some(rows, slice(3, 9)).data_ptr() == rows[3:].data_ptr()


def test_large_files_are_not_in_a_folder_that_may_be_in_memory(tmp_path, monkeypatch):
    for name in ("TMPDIR", "TEMP", "TMP"):
        monkeypatch.delenv(name, raising=False)
    assert str(storage._folder()) == "/var/tmp"
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    assert storage._folder() == tmp_path


@pytest.mark.parametrize("wrong", [{"dtype": "int8"}, {"share": 2}, {"folder": "no such"}])
def test_arguments_that_cannot_be_meant_are_refused(wrong):
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        Storage(**wrong)


def test_a_folder_is_a_path():
    with pytest.raises(ConfigurationError, match="expected a path"):
        Storage(folder=3)
