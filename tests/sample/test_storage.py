"""Densities go to disk and come back the same; damaged files are refused."""

import zipfile

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


def by_class(statistics="diagonal"):
    z = np.random.default_rng(0).standard_normal((40, 3))
    return sample.ByClass(statistics, theta=[0.5, 1.0, 0.2], components=2).fit(z, np.arange(40) % 2)


def indefinite(matrix):
    matrix[..., 0, 1] = matrix[..., 1, 0] = 9
    return matrix


def lopsided(matrix):
    matrix[..., 0, 1] += 0.1
    return matrix


COMMON = {
    "classes": [
        (lambda c: c[[0, 0]], "'classes' needs different labels in rising order"),
        (lambda c: c[::-1], "'classes' needs different labels in rising order"),
        (lambda c: np.arange(3), r"'weights' needs shape \(C, K\) with C=3, but has \(2, 1\)"),
        (lambda c: c + 0.5, "'classes' needs whole numbers, but has dtype float64"),
        (lambda c: c.astype(np.uint64) + np.uint64(2**63), "'classes' needs whole numbers, but has dtype"),
    ],
    "weights": [
        (lambda w: w * 0.9, "'weights' needs positive numbers that sum to 1"),
        (lambda w: w * np.nan, "'weights' needs finite numbers"),
        (lambda w: w[:0], r"'weights' needs shape .*, but has \(0"),
    ],
    "means": [
        (lambda m: m * np.nan, "'means' needs finite numbers, but holds NaN"),
        (lambda m: m[..., :2], "'covariances' needs shape"),
        (lambda m: m[0], "'means' needs shape"),
        (lambda m: m.astype(str), "'means' needs real numbers, but has dtype <U"),
    ],
    "draws": [
        (lambda n: np.array(np.inf), "'draws' needs whole numbers, but has dtype float64"),
        (lambda n: np.array([1, 2]), r"'draws' needs shape \(\), but has \(2,\)"),
        (lambda n: np.array("three"), "'draws' needs whole numbers, but has dtype <U5"),
        (lambda n: np.array(0), "'draws' needs numbers >= 1"),
    ],
    "seed": [
        (lambda s: np.array("x"), "'seed' needs whole numbers"),
        (lambda s: np.array(1.5), "'seed' needs whole numbers, but has dtype float64"),
    ],
    "theta": [
        (lambda t: -t, "'theta' needs numbers >= 0, but goes from -1 to -0.2"),
        (lambda t: t * np.inf, "'theta' needs finite numbers"),
        (lambda t: t[:2], r"'theta' needs shape \(D\) with D=3, but has \(2,\)"),
        (lambda t: np.ones((1, 2, 3)), r"'theta' needs shape \(C, D\) with C=2, D=3"),
    ],
    "statistics": [
        (lambda s: np.array("diagonals"), "did you mean 'diagonal'"),
        (lambda s: np.array(3), "'statistics' needs text, but has dtype int64"),
    ],
}  # fmt: skip
FAULTS = [
    (by_class(), COMMON | {"covariances": [(lambda v: -v, "'covariances' needs numbers >= ")]}),
    (by_class("full"), {"covariances": [
        (indefinite, "'covariances' needs positive definite matrices"),
        (lopsided, "'covariances' needs symmetric matrices"),
        (lambda v: v[..., 0], r"'covariances' needs shape \(C, K, D, D\)"),
    ], "statistics": [(lambda s: np.array("diagonal"), r"'covariances' needs shape \(C, K, D\)")]}),
    (by_class("mixture"), {"statistics": [(lambda s: np.array("full"), "one component for 'full'")]}),
    (fitted()[0], {"dimension": [
        (lambda d: np.array(0), "'dimension' needs numbers >= 1"),
        (lambda d: np.array(2.5), "'dimension' needs whole numbers"),
        (lambda d: np.array([1, 2]), "'dimension' needs shape"),
    ]}),
    (fitted()[1], {
        "mean": [
            (lambda m: m * np.nan, "'mean' needs finite"),
            (lambda m: m[:2], "'covariance' needs shape"),
        ],
        "covariance": [
            (indefinite, "'covariance' needs positive definite"),
            (lambda v: v + np.inf, "'covariance' needs finite"),
            (lambda v: v[:2], r"'covariance' needs shape \(D, D\) with D=3"),
        ],
        "shrinkage": [(lambda s: s + 2, "'shrinkage' needs numbers >= 0 and <= 1")],
    }),
    (fitted()[2], {
        "weights": COMMON["weights"],
        "means": [(lambda m: m[:1], r"'means' needs shape \(K, D\) with K=2")],
        "covariances": [(indefinite, "'covariances' needs positive definite")],
        "seed": [*COMMON["seed"], (lambda s: np.array(-1), "'seed' needs numbers >= 0")],
    }),
    (fitted()[4], {
        "mean": [
            (lambda m: m * np.nan, "'mean' needs finite"),
            (lambda m: m[:0], "'mean' needs shape"),
            (lambda m: m[:9], r"'logvar' needs shape \(N, D\) with N=9, D=3, but has \(40, 3\)"),
        ],
        "logvar": [(lambda v: v - np.inf, "'logvar' needs finite"), (lambda v: v > 0, "has dtype bool")],
    }),
]  # fmt: skip


@pytest.mark.parametrize(
    ("density", "name", "fault", "message"),
    [
        pytest.param(density, name, fault, message, id=f"{type(density).__name__}-{name}-{number}")
        for density, faults in FAULTS
        for name, each in faults.items()
        for number, (fault, message) in enumerate(each)
    ],
)
def test_numbers_that_no_density_has_are_refused_by_name(tmp_path, density, name, fault, message):
    arrays = density.to_arrays()
    arrays[name] = fault(np.array(arrays[name]))
    np.savez(tmp_path / "density.npz", kind=np.array(type(density).__name__), **arrays)
    with pytest.raises(
        RunFormatError, match=f"does not hold a {type(density).__name__} that can be: .*{message}"
    ):
        sample.load(tmp_path / "density.npz")


@pytest.mark.parametrize("statistics", ["diagonal", "full", "mixture"])
def test_labels_and_theta_of_classes_come_back(tmp_path, statistics):
    density = by_class(statistics).scaled(np.arange(6.0).reshape(2, 3))
    sample.save(density, tmp_path / "density.npz")
    again = sample.load(tmp_path / "density.npz")
    for name, array in density.to_arrays().items():
        assert np.array_equal(again.to_arrays()[name], array)
        assert again.to_arrays()[name].dtype == array.dtype


def npy(header):
    header = header.encode().ljust(118) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(64)


@pytest.mark.parametrize(
    "member",
    [
        b"no array",
        b"\x93NUMPY\x07\x00",
        npy("{'descr': '<f8', 'fortran_order': False, 'shape': (100000000000000,)}"),
        npy("{'descr': '<f8', 'fortran_order': False, 'shape': (10000000000000000000000,)}"),
        npy("{'descr': '|O', 'fortran_order': False, 'shape': (2,)}"),
        npy("{'descr': '<f8', 'fortran_order': False, 'shape': 'x'}"),
        npy("{'descr': '<q9', 'fortran_order': False, 'shape': (2,)}"),
        npy('{"descr": ("""'),
        npy("(" * 100),
        npy("\t1\n  2\n 3"),
    ],
)
def test_members_that_are_no_arrays_are_refused(tmp_path, member):
    path = tmp_path / "density.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mean.npy", member)
    with pytest.raises(RunFormatError, match="not a readable npz file"):
        sample.load(path)


def test_members_of_any_compression_that_are_damaged_are_refused(tmp_path):
    sample.save(sample.StandardNormal(2), tmp_path / "good.npz")
    for method in (zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        path = tmp_path / f"{method}.npz"
        with zipfile.ZipFile(tmp_path / "good.npz") as good, zipfile.ZipFile(path, "w", method) as archive:
            for name in good.namelist():
                archive.writestr(name, good.read(name))
        whole = path.read_bytes()
        # Behind the header of the first member and the five bytes of settings that LZMA has.
        start = 30 + len("dimension.npy") + 9
        for place in range(start, start + 40):
            path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
            with pytest.raises(RunFormatError):
                sample.load(path)


def test_text_that_is_none_is_refused(tmp_path):
    bad = np.array([0x7FFFFFFF], "<u4").view("<U1").reshape(())
    np.savez(tmp_path / "density.npz", dimension=np.array(2), kind=bad)
    with pytest.raises(RunFormatError, match="'kind' is no text"):
        sample.load(tmp_path / "density.npz")
