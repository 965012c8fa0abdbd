import gzip

import numpy as np
import pytest
from PIL import Image

from zscape.data import check


@pytest.fixture
def folder(tmp_path):
    for number in range(4):
        Image.fromarray(np.full((4, 4), number * 50, dtype=np.uint8)).save(tmp_path / f"{number}.png")
    return tmp_path


def test_embedded_data_is_good():
    (finding,) = check("digits")
    assert finding.good
    assert "1797 of 1 x 8 x 8" in finding.note


def test_every_faulty_picture_is_named(folder):
    assert [finding.good for finding in check(folder)] == [True]
    (folder / "1.png").write_bytes(b"broken")
    (folder / "3.png").write_bytes(b"")
    findings = check(folder)
    assert [finding.path.rpartition("/")[2] for finding in findings] == ["1.png", "3.png", folder.name]
    assert not any(finding.good for finding in findings)
    assert "cannot be read as an image" in findings[0].note
    assert "0 bytes" in findings[1].note
    assert findings[-1].note == "does not load, see above"


def test_a_file_other_than_the_published_one_is_named(tmp_path):
    part = tmp_path / "mnist"
    part.mkdir()
    (part / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(b"nonsense"))
    (part / "train-labels-idx1-ubyte").write_bytes(b"nonsense")
    findings = check("mnist", data_dir=tmp_path)
    assert [finding.good for finding in findings] == [False, True, False, False, False]
    assert "not the published file (needed md5:f68b3c2d" in findings[0].note
    assert "unzipped, not checked by hash" in findings[1].note
    assert "missing; fetch or copy it" in findings[2].note
    assert "is not an IDX file" in findings[4].note


def test_what_is_nowhere_is_one_finding(tmp_path, monkeypatch):
    monkeypatch.delenv("ZSCAPE_DATA", raising=False)
    (finding,) = check("mnist", data_dir=tmp_path)
    assert not finding.good
    assert "zscape data fetch mnist" in finding.note


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist", "dsprites-subset", "dsprites-thinned", "coil20"])
def test_the_shared_files_are_the_published_ones(shared_data, name):
    findings = check(name, data_dir=shared_data)
    assert all(finding.good for finding in findings)
    assert len(findings) > 1
