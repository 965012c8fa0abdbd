"""3D chairs from a small copy of their real layout: crop, factors from file names, and what may be wrong."""

import numpy as np
import pytest
import torch
from PIL import Image

from zscape.data import check, load
from zscape.data.chairs import is_chairs, open_chairs
from zscape.errors import DataError

CHAIRS = ("1028b32dc1873c2afe26a3ac360dbd4", "aa1029cb8f60a4a0d7d3e0a5a1a2b3c4")
VIEWS = [(p, t) for p in (20, 30) for t in (11, 23, 360)]


def view(chair, elevation, azimuth):
    """600 x 600 on white, as rendered: the central 400 pixels grey by view, the rest black to be cut off."""
    pixels = np.zeros((600, 600, 3), dtype=np.uint8)
    pixels[100:500, 100:500] = 50 * chair + elevation + azimuth // 4
    return Image.fromarray(pixels)


@pytest.fixture
def chairs(tmp_path):
    folder = tmp_path / "rendered_chairs"
    for chair, name in enumerate(CHAIRS):
        (folder / name / "renders").mkdir(parents=True)
        for number, (p, t) in enumerate(VIEWS, start=1):
            path = folder / name / "renders" / f"image_{number:03d}_p{p:03d}_t{t:03d}_r096.png"
            view(chair, p, t).save(path)
    (folder / "all_chair_names.mat").write_bytes(b"not read")
    return folder


def test_views_and_factors_by_name_and_by_path(tmp_path, chairs):
    data = load("chairs", data_dir=tmp_path)
    assert (len(data), data.shape, data.names) == (12, (1, 64, 64), CHAIRS)
    assert list(data.factors) == ["chair", "azimuth", "elevation"]
    np.testing.assert_array_equal(data.labels, [0] * 6 + [1] * 6)
    np.testing.assert_array_equal(data.factors["chair"], data.labels)
    np.testing.assert_array_equal(data.factors["azimuth"], [0, 1, 2] * 4)
    np.testing.assert_array_equal(data.factors["elevation"], [0, 0, 0, 1, 1, 1] * 2)
    np.testing.assert_array_equal(data.values["azimuth"], [11, 23, 360])
    np.testing.assert_array_equal(data.values["elevation"], [20, 30])
    expected = [50 * chair + p + t // 4 for chair in range(2) for p, t in VIEWS]
    seen = data.images[:, 0].numpy()
    assert (seen == np.array(expected)[:, None, None]).all()
    assert load(chairs).fingerprint == data.fingerprint
    assert torch.equal(load(**data.to_spec()).images, data.images)


def test_colour_and_size_are_as_asked(chairs):
    assert load(chairs, grey=False).shape == (3, 64, 64)
    data = load(chairs, size=32)
    assert data.shape == (1, 32, 32)
    assert int(data.images.min()) > 0


def test_views_are_decoded_once(chairs, cache, monkeypatch):
    first = load(chairs)
    assert len(list((cache / "prepared").glob("*.npy"))) == 1
    monkeypatch.setattr("zscape.data.folder.read_picture", None)
    assert torch.equal(load(chairs).images, first.images)


def test_a_chair_may_lack_views(chairs):
    (chairs / CHAIRS[0] / "renders" / "image_002_p020_t023_r096.png").unlink()
    data = load(chairs)
    assert len(data) == 11
    assert data.factors["azimuth"][:5].tolist() == [0, 2, 0, 1, 2]


def test_what_is_wrong_is_named(tmp_path, chairs):
    renders = chairs / CHAIRS[1] / "renders"
    odd = renders / "front.png"
    view(0, 20, 11).save(odd)
    with pytest.raises(
        DataError, match=r"names such as image_001_p020_t011_r096\.png .*front\.png has another"
    ):
        load(chairs)
    odd.unlink()
    broken = renders / "image_003_p020_t360_r096.png"
    broken.write_bytes(broken.read_bytes()[:100])
    with pytest.raises(DataError, match=r"image_003_p020_t360_r096\.png cannot be read as an image"):
        load(chairs)
    assert [finding.good for finding in check(chairs)] == [False, False]
    Image.new("RGB", (600, 300)).save(broken)
    with pytest.raises(DataError, match="is 600 x 300, less than the 400 x 400"):
        load(chairs)
    (chairs / "0000" / "renders").mkdir(parents=True)
    with pytest.raises(DataError, match=r"0000 needs pictures in renders, but has none"):
        load("chairs", data_dir=tmp_path)


def test_an_empty_folder_under_the_name_is_refused(tmp_path):
    (tmp_path / "rendered_chairs").mkdir()
    with pytest.raises(
        DataError, match=r"needs a folder a chair, but holds none; unpack rendered_chairs\.tar"
    ):
        load("chairs", data_dir=tmp_path)
    with pytest.raises(ValueError, match="at most 8192"):
        open_chairs(tmp_path, size=10**6)


def test_other_folders_of_classes_are_no_chairs(tmp_path):
    (tmp_path / "a" / "renders").mkdir(parents=True)
    view(0, 20, 11).save(tmp_path / "a" / "renders" / "1.png")
    (tmp_path / "b").mkdir()
    assert not is_chairs(tmp_path)


def test_a_check_of_a_good_copy_is_one_finding(tmp_path, chairs):
    (finding,) = check("chairs", data_dir=tmp_path)
    assert finding.good
    assert finding.path == str(chairs)
    assert "12 of 1 x 64 x 64" in finding.note
