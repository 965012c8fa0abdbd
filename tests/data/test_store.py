import os
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from zscape.data.store import cache_key, gather
from zscape.errors import DataError
from zscape.folders import cache_dir

ARRAY = np.random.default_rng(0).integers(0, 256, (10, 1, 4, 4), dtype=np.uint8)


def chunks():
    yield ARRAY[:7]
    yield ARRAY[7:]


def never():
    raise AssertionError("needed no chunk")


def test_within_the_budget_images_are_in_memory_and_leave_no_file(tmp_path):
    path = tmp_path / "a.npy"
    images = gather(chunks, ARRAY.shape, budget_gib=1.0, cached=lambda: path)
    np.testing.assert_array_equal(images.numpy(), ARRAY)
    assert not path.exists()


@pytest.mark.parametrize("budget", [0.0, 1.0])
def test_a_cached_file_is_read_and_not_made_again(tmp_path, budget):
    path = tmp_path / "deep" / "a.npy"
    gather(chunks, ARRAY.shape, budget_gib=budget, cached=lambda: path, keep=True)
    images = gather(never, ARRAY.shape, budget_gib=budget, cached=lambda: path, keep=True)
    np.testing.assert_array_equal(images.numpy(), ARRAY)
    assert [file.name for file in path.parent.iterdir()] == ["a.npy"]


def test_over_the_budget_images_are_a_read_only_map_without_a_warning(tmp_path):
    path = tmp_path / "a.npy"
    before = list(warnings.filters)
    images = gather(chunks, ARRAY.shape, budget_gib=0.0, cached=lambda: path)
    assert warnings.filters == before
    np.testing.assert_array_equal(images.numpy(), ARRAY)
    # The process's own list of maps says whether this one can be written.
    listing = Path("/proc/self/maps")
    if listing.exists():
        modes = [line.split()[1] for line in listing.read_text().splitlines() if line.endswith(str(path))]
        assert modes
        assert not any("w" in mode for mode in modes)
    picked = images.index_select(0, torch.tensor([3, 1])).to(torch.float32).mul_(1 / 255)
    np.testing.assert_allclose(picked.numpy(), ARRAY[[3, 1]] / 255, rtol=1e-6)


def test_a_damaged_cache_file_is_named_with_its_remedy(tmp_path):
    path = tmp_path / "a.npy"
    path.write_bytes(b"nonsense")
    with pytest.raises(DataError, match=r"a\.npy is damaged.*delete it and load again"):
        gather(never, ARRAY.shape, budget_gib=0.0, cached=lambda: path)
    np.save(path, ARRAY[:3])
    with pytest.raises(DataError, match=r"a\.npy holds uint8 of shape \(3, 1, 4, 4\).*delete it"):
        gather(never, ARRAY.shape, budget_gib=0.0, cached=lambda: path)


def test_a_cache_that_cannot_be_written_is_named_with_its_remedy(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(DataError, match=r"could not be written.*set ZSCAPE_CACHE"):
        gather(chunks, ARRAY.shape, budget_gib=0.0, cached=lambda: tmp_path / "file" / "a.npy")


def test_an_error_while_reading_leaves_no_cache_file(tmp_path):
    def broken():
        yield ARRAY[:2]
        raise DataError("torn")

    with pytest.raises(DataError, match=r"torn"):
        gather(broken, ARRAY.shape, budget_gib=0.0, cached=lambda: tmp_path / "a.npy")
    assert list(tmp_path.iterdir()) == []


def test_the_key_changes_with_files_and_options(tmp_path):
    file = tmp_path / "a.png"
    file.write_bytes(b"1")
    key = cache_key([file], (64, None))
    assert key == cache_key([file], (64, None))
    assert key != cache_key([file], (32, None))
    file.write_bytes(b"12")
    longer = cache_key([file], (64, None))
    assert longer != key
    os.utime(file, ns=(1, 1))
    assert cache_key([file], (64, None)) != longer


def test_the_cache_folder_can_be_named(monkeypatch, tmp_path):
    monkeypatch.setenv("ZSCAPE_CACHE", str(tmp_path))
    assert cache_dir() == tmp_path
    monkeypatch.delenv("ZSCAPE_CACHE")
    assert "zscape" in str(cache_dir())


def test_the_key_sees_a_change_whose_size_and_time_are_set_back(tmp_path):
    file = tmp_path / "a.png"
    file.write_bytes(b"1")
    os.utime(file, ns=(1, 1))
    key = cache_key([file], ())
    time.sleep(0.05)  # more than a tick of the file system's clock
    file.write_bytes(b"2")
    os.utime(file, ns=(1, 1))
    written = cache_key([file], ())
    assert written != key
    other = tmp_path / "b.png"
    other.write_bytes(b"2")
    os.utime(other, ns=(1, 1))
    other.replace(file)
    assert cache_key([file], ()) != written


def test_what_neither_memory_nor_disk_can_hold_is_refused(tmp_path):
    shape = (2**24, 3, 2**13, 2**13)
    with pytest.raises(DataError, match=r"3\.146e\+06 GiB, more than there is memory for; choose a smaller"):
        gather(never, shape, budget_gib=float("inf"), cached=lambda: tmp_path / "a.npy")
    with pytest.raises(DataError, match=r"take 3\.146e\+06 GiB, but .* GiB free; .*set ZSCAPE_CACHE"):
        gather(never, shape, budget_gib=0.0, cached=lambda: tmp_path / "deep" / "a.npy")
    assert list(tmp_path.iterdir()) == []


def test_a_cache_of_an_unknown_user_is_refused(monkeypatch):
    monkeypatch.setenv("ZSCAPE_CACHE", "~nobody-of-that-name/x")
    with pytest.raises(DataError, match="~nobody-of-that-name/x names a home folder that is not known"):
        cache_dir()
