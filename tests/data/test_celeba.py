"""CelebA from a small copy of its real layout: crop, attributes, split, and everything that may be wrong."""

import numpy as np
import pytest
import torch
from PIL import Image

from zscape.data import check, load
from zscape.data.celeba import is_celeba, open_celeba
from zscape.data.folder import read_picture
from zscape.errors import DataError

ATTRIBUTES, SPLITS = "list_attr_celeba.txt", "list_eval_partition.txt"
NAMES = ("5_o_Clock_Shadow", "Male", "Smiling")
COUNT = 12


def face(number):
    """178 x 218 as the aligned faces are: a colour in the central 148 pixels, another around them."""
    pixels = np.full((218, 178, 3), 255, dtype=np.uint8)
    pixels[35:183, 15:163] = [10 * number, 100, 200 - 10 * number]
    return Image.fromarray(pixels)


def flags(number):
    return [1 if number >> bit & 1 else -1 for bit in range(3)]


def write(folder, *, offered=False):
    places = {part: folder / part if offered else folder for part in ("Img", "Anno", "Eval")}
    for place in places.values():
        place.mkdir(parents=True, exist_ok=True)
    names = [f"{number + 1:06d}.jpg" for number in range(COUNT)]
    (places["Img"] / "img_align_celeba").mkdir()
    for number, name in enumerate(names):
        face(number).save(places["Img"] / "img_align_celeba" / name, quality=95)
    # The published list aligns its columns with further blanks and ends lines with one.
    rows = [
        f"{name} {' '.join(f'{flag:2d}' for flag in flags(number))} " for number, name in enumerate(names)
    ]
    attributes = "\n".join([str(COUNT), " ".join(NAMES) + " ", *rows]) + "\n"
    (places["Anno"] / "list_attr_celeba.txt").write_text(attributes)
    parts = [0] * 8 + [1] * 2 + [2] * 2
    rows = [f"{name} {part}" for name, part in zip(names, parts, strict=True)]
    (places["Eval"] / "list_eval_partition.txt").write_text("\n".join(rows) + "\n")
    return folder


@pytest.fixture
def celeba(tmp_path):
    return write(tmp_path / "celeba")


@pytest.mark.parametrize("offered", [False, True])
def test_faces_attributes_and_split_by_name_and_by_path(tmp_path, offered):
    folder = write(tmp_path / "celeba", offered=offered)
    data = load("celeba", data_dir=tmp_path)
    assert (len(data), data.shape, data.labels) == (COUNT, (3, 64, 64), None)
    assert tuple(data.factors) == NAMES
    table = np.stack(list(data.factors.values()), axis=1)
    np.testing.assert_array_equal(table, [[flag > 0 for flag in flags(number)] for number in range(COUNT)])
    assert all(values.dtype == np.int64 for values in data.factors.values())
    assert {name: rows.tolist() for name, rows in data.splits.items()} == {
        "train": list(range(8)),
        "validation": [8, 9],
        "test": [10, 11],
    }
    by_path = load(folder)
    assert by_path.fingerprint == data.fingerprint
    assert torch.equal(load(**data.to_spec()).images, data.images)


def test_the_central_148_pixels_are_what_is_seen(celeba):
    data = load(celeba)
    expected = np.array([[10 * number, 100, 200 - 10 * number] for number in range(COUNT)])
    seen = data.images.numpy()[:, :, 1:-1, 1:-1].astype(int)
    # One colour each, but for what JPEG does at the edge of the next block.
    assert np.abs(seen - expected[:, :, None, None]).max() <= 8
    with Image.open(celeba / "img_align_celeba" / "000003.jpg") as image:
        square = image.crop((15, 35, 163, 183)).resize((64, 64), Image.Resampling.BILINEAR)
        np.testing.assert_array_equal(data.images[2].numpy(), np.moveaxis(np.asarray(square), 2, 0))


@pytest.mark.parametrize("size", [8, 40, 148, 200])
def test_the_same_square_at_any_size_and_in_grey(celeba, size):
    data = load(celeba, size=size, grey=True)
    assert data.shape == (1, size, size)
    # White, which surrounds the square, is never seen.
    assert int(data.images.max()) < 200


def test_pictures_are_decoded_once(celeba, cache, monkeypatch):
    first = load(celeba)
    assert len(list((cache / "prepared").glob("*.npy"))) == 1
    monkeypatch.setattr("zscape.data.folder.read_picture", None)
    assert torch.equal(load(celeba).images, first.images)


def test_without_a_list_of_the_split_it_is_drawn(celeba):
    (celeba / "list_eval_partition.txt").unlink()
    assert {name: len(rows) for name, rows in load(celeba).splits.items()} == {
        "train": 10,
        "validation": 1,
        "test": 1,
    }


def test_lists_saved_on_other_systems_are_read(celeba):
    before = load(celeba)
    for name in (ATTRIBUTES, SPLITS):
        text = (celeba / name).read_text().replace("  ", "\t").replace("\n", "\r\n")
        (celeba / name).write_bytes(b"\xef\xbb\xbf" + text.encode() + b"\r\n")
    after = load(celeba)
    assert after.fingerprint == before.fingerprint
    assert after.splits["test"].tolist() == [10, 11]


def test_a_csv_of_labels_makes_it_an_ordinary_folder(celeba):
    rows = "".join(f"img_align_celeba/{number + 1:06d}.jpg,{number % 2}\n" for number in range(6))
    (celeba / "labels.csv").write_text(f"file,label\n{rows}")
    data = load(celeba, labels=celeba / "labels.csv")
    assert (len(data), data.shape, data.factors) == (6, (3, 218, 178), {})


def changed(celeba, name, old, new):
    path = celeba / name
    path.write_text(path.read_text().replace(old, new, 1))


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        (ATTRIBUTES, "12\n", "", r"number of pictures on line 1 .*, but begins with '5_o_Clock_Shadow Male"),
        (ATTRIBUTES, "12\n", "13\n", r"says that it lists 13 pictures, but has rows for 12"),
        (ATTRIBUTES, "Male", "Smiling", r"line 2 of .* names 'Smiling' twice"),
        (
            ATTRIBUTES,
            "000004.jpg  1",
            "000004.jpg",
            r"line 6 of .* 3 values of -1 or 1, but holds '000004\.jpg",
        ),
        (ATTRIBUTES, "000004.jpg  1", "000004.jpg  0", r"line 6 of .* 3 values of -1 or 1, but holds"),
        (ATTRIBUTES, "000004.jpg", "000003.jpg", r"lists 000003\.jpg twice"),
        (ATTRIBUTES, "000004.jpg", "000044.jpg", r"lacks 1, such as 000044\.jpg"),
        (SPLITS, "000009.jpg 1", "000009.jpg 3", r"line 9 of .* 0, 1 or 2 .*, but holds '000009\.jpg 3'"),
        (SPLITS, "000009.jpg 1\n", "", r"differ in 1, such as 000009\.jpg"),
        (SPLITS, "000009.jpg", "x.jpg", r"differ in 2, such as 000009\.jpg"),
    ],
)
def test_lists_that_are_wrong_or_do_not_match_are_refused(celeba, name, old, new, message):
    changed(celeba, name, old, new)
    with pytest.raises(DataError, match=message):
        load(celeba)


@pytest.mark.parametrize(
    ("text", "message"), [("0\nMale\n", "but lists none"), ("9" * 5000 + "\nMale\n", "but begins with '9999")]
)
def test_a_list_of_nothing_and_one_of_no_end_are_refused(celeba, text, message):
    (celeba / ATTRIBUTES).write_text(text)
    with pytest.raises(DataError, match=message):
        load(celeba)


def test_a_picture_in_two_splits_is_refused(celeba):
    with (celeba / SPLITS).open("a") as file:
        file.write("000001.jpg 2\n")
    with pytest.raises(DataError, match=r"line 13 of .* lists 000001\.jpg a second time"):
        load(celeba)


def test_missing_parts_are_named(tmp_path, celeba):
    extra = celeba / "img_align_celeba" / "extra.jpg"
    face(0).save(extra)
    with pytest.raises(DataError, match=r"holds, unlisted, 1, such as extra\.jpg"):
        load(celeba)
    extra.unlink()
    (celeba / ATTRIBUTES).write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match=r"list_attr_celeba\.txt cannot be read as text"):
        load(celeba)
    (celeba / ATTRIBUTES).write_text("")
    with pytest.raises(DataError, match="but begins with ''"):
        load(celeba)
    (celeba / ATTRIBUTES).unlink()
    with pytest.raises(DataError, match=r"needs list_attr_celeba\.txt beside img_align_celeba"):
        load("celeba", data_dir=tmp_path)
    empty = tmp_path / "other" / "celeba"
    empty.mkdir(parents=True)
    assert not is_celeba(empty)
    with pytest.raises(DataError, match="needs the folder img_align_celeba"):
        open_celeba(empty)
    with pytest.raises(DataError, match="needs the folder img_align_celeba"):
        load("celeba", data_dir=tmp_path / "other")


def test_broken_and_small_pictures_are_named(celeba):
    whole = celeba / "img_align_celeba" / "000005.jpg"
    content = whole.read_bytes()
    whole.write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match=r"000005\.jpg cannot be read as an image"):
        load(celeba)
    findings = check(celeba)
    assert [finding.path.rpartition("/")[2] for finding in findings] == ["000005.jpg", "celeba"]
    Image.new("RGB", (178, 140)).save(whole)
    with pytest.raises(DataError, match=r"000005\.jpg is 178 x 140, less than the 148 x 148"):
        load(celeba)


def test_a_check_of_a_good_copy_is_one_finding(tmp_path, celeba):
    (finding,) = check("celeba", data_dir=tmp_path)
    assert finding.good
    assert finding.path == str(celeba)
    assert "12 of 3 x 64 x 64" in finding.note


def test_a_crop_needs_no_size(tmp_path):
    face(3).save(tmp_path / "face.png")
    assert read_picture(tmp_path / "face.png", grey=False, crop=100).shape == (3, 100, 100)


def test_a_size_that_cannot_be_is_refused(celeba):
    with pytest.raises(ValueError, match="at least 1 pixel"):
        open_celeba(celeba, size=0)
