import re
from pathlib import Path

import pytest

from zscape.data import catalogue, check, find, load
from zscape.data.entries import entry, located
from zscape.errors import DataError
from zscape.folders import places
from zscape.model.weights import KNOWN


@pytest.fixture
def nowhere(monkeypatch):
    monkeypatch.delenv("ZSCAPE_DATA", raising=False)


def test_the_catalogue_is_well_formed():
    names = [known.name for known in catalogue()]
    assert len(set(names)) == len(names)
    assert {"digits", "sprites", "mnist", "fashion-mnist", "dsprites", "dsprites-thinned", "coil20"} <= set(
        names
    )
    for known in catalogue():
        assert known.summary
        assert known.licence
        for file in known.files:
            assert file.path.startswith(known.path)
            assert file.url is None or file.url.startswith("https://")
            assert file.url is None or file.url.endswith(file.path.rpartition("/")[2])
            assert file.hashes
            for known_hash in file.hashes:
                assert re.fullmatch(r"md5:[0-9a-f]{32}|sha256:[0-9a-f]{64}", known_hash)


def test_what_can_be_fetched():
    fetchable = {known.name for known in catalogue() if known.fetchable}
    assert {"mnist", "fashion-mnist", "dsprites"} <= fetchable
    assert not fetchable & {"digits", "sprites", "paintings", "coil20"}


def test_folders_are_looked_at_in_order(tmp_path, monkeypatch, cache):
    monkeypatch.setenv("ZSCAPE_DATA", str(tmp_path / "named"))
    expected = (tmp_path / "given", tmp_path / "named", cache / "data")
    assert places(tmp_path / "given") == expected
    assert places() == expected[1:]
    for folder in reversed(expected):
        (folder / "mnist").mkdir(parents=True)
        (folder / "mnist" / "train-images-idx3-ubyte.gz.part").touch()
        assert find("mnist", tmp_path / "given").path != folder / "mnist"
        (folder / "mnist" / "train-labels-idx1-ubyte").touch()
        assert find("mnist", tmp_path / "given").path == folder / "mnist"
    assert find("mnist", tmp_path / "given").looked == tuple(folder / "mnist" for folder in expected)


@pytest.mark.usefixtures("nowhere")
def test_a_missing_data_set_lists_the_places_and_the_command(tmp_path, cache):
    assert find("mnist").path is None
    with pytest.raises(DataError) as caught:
        located("mnist", tmp_path)
    message = str(caught.value)
    assert str(tmp_path / "mnist") in message
    assert str(cache / "data" / "mnist") in message
    assert message.endswith("zscape data fetch mnist")
    with pytest.raises(DataError, match=r"paintings was not found; .*--data-dir or ZSCAPE_DATA"):
        located("paintings")


def test_generated_data_is_looked_for_nowhere():
    assert find("digits").looked == ()
    assert find("sprites:size=32").path is None


@pytest.mark.usefixtures("nowhere")
def test_relative_paths_are_also_looked_for_in_data_folders(tmp_path, monkeypatch):
    (tmp_path / "faces").mkdir()
    assert located("faces", tmp_path) == tmp_path / "faces"
    assert located(str(tmp_path / "faces")) == tmp_path / "faces"
    with pytest.raises(DataError, match=r"absent/x\.npz was not found; looked at .*check the path"):
        located("absent/x.npz", tmp_path)


@pytest.mark.usefixtures("nowhere")
def test_no_name_is_not_the_working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match="needs a name or a path, but got none; known are celeba, chairs"):
        located("")


@pytest.mark.usefixtures("nowhere")
def test_an_unknown_name_suggests_the_nearest():
    with pytest.raises(DataError, match=r"'minst' is neither a file or folder nor .* did you mean 'mnist'"):
        located("minst")
    with pytest.raises(DataError, match=r"did you mean 'digits'"):
        entry("digit")


NETWORKS = [known for known in catalogue() if known.name.startswith("network:")]


@pytest.mark.parametrize("known", NETWORKS, ids=[known.name for known in NETWORKS])
def test_a_network_can_be_fetched_lies_where_models_look_and_has_the_hash_that_its_name_begins_with(known):
    (file,) = known.files
    assert known.fetchable
    assert file.path == known.path
    assert Path(file.path).parent == Path("networks")
    assert Path(file.path).name in [each.name for each in KNOWN[known.name.partition(":")[2]]]
    # torchvision names its files so.
    (digest,) = (each.removeprefix("sha256:") for each in file.hashes)
    assert len(digest) == 64
    assert f"-{digest[:8]}.pth" in file.path
    assert known.licence


def test_a_network_is_found_checked_and_no_data_set(tmp_path, cache):
    (missing,) = check("network:vgg16", data_dir=tmp_path)
    assert not missing.good
    assert "zscape data fetch network:vgg16" in missing.note
    path = tmp_path / "networks" / "vgg16-397923af.pth"
    path.parent.mkdir()
    path.write_bytes(b"another file")
    assert find("network:vgg16", tmp_path).path == path
    (wrong,) = check("network:vgg16", data_dir=tmp_path)
    assert "not the published file" in wrong.note
    (unknown,) = check("network:vgg61", data_dir=tmp_path)
    assert "did you mean 'network:vgg1" in unknown.note
    with pytest.raises(DataError, match="is a feature network and no data set"):
        load("network:vgg16", data_dir=tmp_path)
