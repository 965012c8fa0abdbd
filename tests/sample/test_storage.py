"""Densities go to disk and come back the same; damaged files are refused."""

import numpy as np
import pytest

from zscape import sample
from zscape.errors import RunFormatError


def fitted():
    z = np.random.default_rng(0).standard_normal((40, 3))
    return [
        sample.StandardNormal(3),
        sample.Gaussian().fit(z),
        sample.Mixture(2, seed=5).fit(z),
        sample.Empirical().fit(z),
        sample.Empirical().fit((z, -np.ones_like(z))),
    ]


@pytest.mark.parametrize("density", fitted())
def test_a_density_comes_back_the_same(tmp_path, density):
    path = tmp_path / "folder" / "density.npz"
    sample.save(density, path)
    again = sample.load(path)
    assert type(again) is type(density)
    assert repr(again) == repr(density)
    assert np.array_equal(again.sample(7, seed=2), density.sample(7, seed=2))
    assert again.to_arrays().keys() == density.to_arrays().keys()
    for name, array in density.to_arrays().items():
        assert np.array_equal(again.to_arrays()[name], array)
    assert [file.name for file in path.parent.iterdir()] == ["density.npz"]


def test_no_pickle_is_written_or_read(tmp_path):
    for number, density in enumerate(fitted()):
        sample.save(density, tmp_path / f"{number}.npz")
        with np.load(tmp_path / f"{number}.npz", allow_pickle=False) as archive:
            assert all(archive[name].dtype.kind in "fiU" for name in archive.files)
    np.savez(tmp_path / "pickled.npz", kind=np.array("Gaussian"), mean=np.array([{}], dtype=object))
    with pytest.raises(RunFormatError, match="not a readable npz file"):
        sample.load(tmp_path / "pickled.npz")


def test_damaged_and_foreign_files_are_refused(tmp_path):
    path = tmp_path / "density.npz"
    with pytest.raises(RunFormatError, match="there is no file"):
        sample.load(path)
    sample.save(fitted()[1], path)
    whole = path.read_bytes()
    for damaged in (whole[: len(whole) // 2], b"", b"not an archive"):
        path.write_bytes(damaged)
        with pytest.raises(RunFormatError, match="not a readable npz file"):
            sample.load(path)
    np.save(tmp_path / "array.npy", np.zeros(3))
    (tmp_path / "array.npy").rename(path)
    with pytest.raises(RunFormatError, match="not a readable npz file"):
        sample.load(path)
    np.savez(path, kind=np.array("Gausian"))
    with pytest.raises(RunFormatError, match="did you mean 'Gaussian'"):
        sample.load(path)
    np.savez(path, kind=np.array("Gaussian"), mean=np.zeros(2))
    with pytest.raises(RunFormatError, match="lacks the array 'covariance'"):
        sample.load(path)
    np.savez(path, other=np.zeros(2))
    with pytest.raises(RunFormatError, match="does not hold a known density"):
        sample.load(path)


def test_only_densities_of_the_room_are_saved(tmp_path):
    class Own:
        def sample(self, count, *, seed=0):
            raise NotImplementedError

        def log_prob(self, z):
            raise NotImplementedError

        def to_arrays(self):
            raise NotImplementedError

    with pytest.raises(TypeError, match="but got Own"):
        sample.save(Own(), tmp_path / "own.npz")
    assert not list(tmp_path.iterdir())
