import numpy as np
import pytest
from PIL import Image

from zscape.data.folder import list_folder, open_folder, read_picture
from zscape.errors import DataError


def noise(height=6, width=8, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def write(path, array, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path, **options)
    return path


def whole(source):
    return np.concatenate(list(source.chunks()))


@pytest.fixture
def classes(tmp_path):
    for number in range(6):
        write(tmp_path / ("cat" if number % 2 else "dog") / f"{number}.png", noise(seed=number))
    return tmp_path


def test_a_sub_folder_a_class(classes):
    (classes / "cat" / "notes.txt").write_text("not a picture")
    (classes / ".hidden").mkdir()
    write(classes / ".hidden" / "0.png", noise())
    write(classes / "cat" / ".trash" / "0.png", noise())
    source = open_folder(classes)
    assert source.shape == (6, 3, 6, 8)
    assert source.names == ("cat", "dog")
    assert source.labels.tolist() == [0, 0, 0, 1, 1, 1]
    expected = np.stack([noise(seed=seed) for seed in (1, 3, 5, 0, 2, 4)])
    np.testing.assert_array_equal(whole(source), np.moveaxis(expected, 3, 1))


def test_classes_may_have_folders_within_and_other_suffixes(tmp_path):
    write(tmp_path / "a" / "deep" / "1.JPG", noise())
    write(tmp_path / "b" / "2.bmp", noise())
    assert open_folder(tmp_path).labels.tolist() == [0, 1]


def test_a_flat_folder_has_no_labels(tmp_path):
    for number in range(3):
        write(tmp_path / f"{number}.png", noise())
    assert open_folder(tmp_path).labels is None


def test_train_and_test_folders_prescribe_the_split(tmp_path):
    for part, count in (("train", 5), ("test", 2), ("val", 1)):
        for number in range(count):
            write(tmp_path / part / ("b" if number else "a") / f"{number}.png", noise())
    source = open_folder(tmp_path)
    assert {name: rows.tolist() for name, rows in source.fixed.items()} == {"test": [0, 1], "validation": [7]}
    assert source.labels.tolist() == [0, 1, 0, 1, 1, 1, 1, 0]
    assert source.names == ("a", "b")


def test_train_and_test_folders_must_be_alike(tmp_path):
    write(tmp_path / "train" / "a" / "1.png", noise())
    write(tmp_path / "test" / "1.png", noise())
    with pytest.raises(DataError, match="a sub-folder a class in some of test, train and none in others"):
        open_folder(tmp_path)


def test_a_csv_of_labels(tmp_path):
    for number in range(4):
        write(tmp_path / "in" / f"{number}.png", noise(seed=number))
    csv = tmp_path / "labels.csv"
    csv.write_text("﻿label,file,more\nblue,in/2.png,x\nred,in/0.png,y\nblue,in/3.png,\n", encoding="utf-8")
    source = open_folder(tmp_path, labels=csv)
    assert source.labels.tolist() == [0, 1, 0]
    assert source.names == ("blue", "red")
    np.testing.assert_array_equal(whole(source)[1], np.moveaxis(noise(seed=0), 2, 0))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("image,class\n0.png,a\n", r"columns file and label, but .*labels\.csv has image, class; rename"),
        ("", "has none; rename"),
        ("file,label\n", "lists no files"),
        ("file,label\n0.png,a\nabsent.png,b\n", r"row 3 of .*lists absent\.png, but .* does not exist"),
        ("file,label\n0.png,a\n0.png,b\n", r"row 3 of .* lists 0\.png a second time"),
        ("file,label\n0.png\n", "row 2 of .* lacks its file or its label"),
        ("file,label\n0.png,\n", "row 2 of .* lacks its file or its label"),
    ],
)
def test_bad_csvs_are_refused(tmp_path, text, message):
    write(tmp_path / "0.png", noise())
    (tmp_path / "labels.csv").write_text(text)
    with pytest.raises(DataError, match=message):
        open_folder(tmp_path, labels=tmp_path / "labels.csv")


def test_a_missing_csv_is_refused(tmp_path):
    write(tmp_path / "0.png", noise())
    with pytest.raises(DataError, match=r"absent\.csv cannot be read as a CSV"):
        open_folder(tmp_path, labels=tmp_path / "absent.csv")


def test_mixed_sizes_need_a_size(classes):
    odd = write(classes / "dog" / "odd.png", noise(9, 4))
    with pytest.raises(
        DataError, match=r"one size, but .*1\.png is 8 x 6 and .*odd\.png is 4 x 9; give a size"
    ):
        open_folder(classes)
    source = open_folder(classes, size=5)
    assert whole(source).shape == source.shape == (7, 3, 5, 5)
    assert odd in source.files


def test_any_aspect_ratio_is_scaled_by_its_shorter_side_and_cropped_at_the_centre(tmp_path):
    wide = np.zeros((20, 60, 3), dtype=np.uint8)
    wide[:, 20:40] = 200  # the centre square
    wide[:, :20, 0] = 255
    path = write(tmp_path / "wide.png", wide)
    np.testing.assert_array_equal(read_picture(path, grey=False, size=10), np.full((3, 10, 10), 200))
    path = write(tmp_path / "tall.png", np.ascontiguousarray(wide.transpose(1, 0, 2)))
    np.testing.assert_array_equal(read_picture(path, grey=False, size=10), np.full((3, 10, 10), 200))


def test_scaling_is_antialiased(tmp_path):
    stripes = np.zeros((64, 64), dtype=np.uint8)
    stripes[:, ::2] = 255
    picture = read_picture(write(tmp_path / "stripes.png", stripes), grey=True, size=8)
    assert 120 <= picture[:, 1:-1, 1:-1].min() <= picture[:, 1:-1, 1:-1].max() <= 135


def test_a_large_jpeg_is_decoded_small_and_looks_the_same(tmp_path):
    waves = np.sin(np.arange(800)[:, None] / 90) * np.cos(np.arange(1200)[None, :] / 70)
    path = write(tmp_path / "large.jpg", np.rint(127.5 + 127 * waves).astype(np.uint8), quality=95)
    with Image.open(path) as image:
        square = image.convert("L").crop((200, 0, 1000, 800))
    slow = np.asarray(square.resize((48, 48), Image.Resampling.BILINEAR)).astype(int)
    assert np.abs(read_picture(path, grey=True, size=48)[0] - slow).max() <= 3


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("size", [None, 6])
def test_exif_orientation_is_applied(tmp_path, orientation, size):
    upright = noise(6, 8)
    # What a camera held that way stores, by the definition of the tag: the inverse of the turn to apply.
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright, 1),
        7: upright[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = write(tmp_path / "a.png", np.ascontiguousarray(stored), exif=exif)
    expected = upright if size is None else upright[:, 1:7]
    np.testing.assert_array_equal(read_picture(path, grey=False, size=size), np.moveaxis(expected, 2, 0))
    assert open_folder(tmp_path).shape == (1, 3, 6, 8)


def test_grey_is_kept_grey_only_if_every_picture_is(tmp_path):
    write(tmp_path / "1.png", noise()[..., 0])
    assert open_folder(tmp_path).shape == (1, 1, 6, 8)
    write(tmp_path / "2.png", noise())
    assert open_folder(tmp_path).shape == (2, 3, 6, 8)
    assert whole(open_folder(tmp_path, grey=True)).shape == (2, 1, 6, 8)
    assert whole(open_folder(tmp_path, grey=False)).shape == (2, 3, 6, 8)


def test_transparency_is_laid_on_white(tmp_path):
    rgba = np.zeros((2, 2, 4), dtype=np.uint8)
    rgba[0, 0] = 10, 20, 30, 255
    rgba[0, 1] = 10, 20, 30, 0
    rgba[1, 0] = 0, 0, 0, 128
    path = write(tmp_path / "a.png", rgba)
    picture = read_picture(path, grey=False)
    assert picture[:, 0, 0].tolist() == [10, 20, 30]
    assert picture[:, 0, 1].tolist() == [255, 255, 255]
    assert picture[:, 1, 0].tolist() == [127, 127, 127]
    grey = Image.fromarray(rgba).convert("LA")
    grey.save(tmp_path / "b.png")
    assert read_picture(tmp_path / "b.png", grey=True)[0, 0, 1] == 255


def test_sixteen_bits_palettes_bits_and_inks(tmp_path):
    path = write(tmp_path / "deep.png", np.array([[0, 257, 32896], [65535, 128, 129]], dtype=np.uint16))
    assert read_picture(path, grey=True).ravel().tolist() == [0, 1, 128, 255, 0, 1]
    colours = Image.fromarray(np.array([[[255, 0, 0], [0, 0, 255]]], dtype=np.uint8))
    colours.convert("P", palette=Image.Palette.ADAPTIVE).save(tmp_path / "palette.png")
    assert read_picture(tmp_path / "palette.png", grey=False)[:, 0].tolist() == [[255, 0], [0, 0], [0, 255]]
    Image.fromarray(np.array([[True, False]])).save(tmp_path / "bits.png")
    assert read_picture(tmp_path / "bits.png", grey=True).ravel().tolist() == [255, 0]
    colours.convert("CMYK").save(tmp_path / "inks.tif")
    assert read_picture(tmp_path / "inks.tif", grey=False)[:, 0].tolist() == [[255, 0], [0, 0], [0, 255]]


def test_an_unreadable_picture_is_named(classes):
    bad = classes / "dog" / "bad.png"
    bad.write_bytes(b"this is no picture")
    with pytest.raises(
        DataError, match=r"bad\.png cannot be read as an image .*; delete it or copy it again"
    ):
        open_folder(classes)
    write(bad, noise())
    bad.write_bytes(bad.read_bytes()[:90])
    with pytest.raises(DataError, match=r"bad\.png cannot be read as an image"):
        whole(open_folder(classes, size=4, grey=False))


def test_a_truncated_jpeg_is_named(tmp_path):
    path = write(tmp_path / "cut.jpg", noise(64, 64))
    path.write_bytes(path.read_bytes()[:1500])
    with pytest.raises(DataError, match=r"cut\.jpg cannot be read as an image .*truncated"):
        read_picture(path, grey=False)


def test_an_empty_file_is_named(classes):
    (classes / "dog" / "empty.png").touch()
    with pytest.raises(DataError, match=r"empty\.png is empty \(0 bytes\); delete it or copy it again"):
        open_folder(classes)


def test_a_decompression_bomb_is_named(tmp_path, monkeypatch):
    path = write(tmp_path / "bomb.png", noise(60, 60))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(
        DataError, match=r"bomb\.png unpacks to more pixels than is safe.*scale it down first"
    ):
        read_picture(path, grey=False)


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"holds no pictures; needed are files such as \.bmp"):
        open_folder(tmp_path)


def test_pictures_beside_classes_are_refused(classes):
    write(classes / "stray.png", noise())
    with pytest.raises(
        DataError, match=r"holds pictures \(stray\.png, .*beside sub-folders.*\(cat, dog\); move"
    ):
        list_folder(classes)


def test_a_bad_size_is_refused(classes):
    with pytest.raises(ValueError, match="size needs to be at least 1 pixel, but got 0"):
        open_folder(classes, size=0)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("../0.png", r"row 3 of .*labels\.csv lists \.\./0\.png, which lies outside of .*name files"),
        ("../g/../../g/0.png", r"row 3 .* lies outside"),
        ("../g/0.png", r"row 3 of .* lists \.\./g/0\.png a second time"),
        ("./0.png", r"row 3 of .* a second time"),
        ("in/../0.png", r"row 3 of .* a second time"),
        ("n" * 5000 + ".png", r"n\.png cannot be looked at \(File name too long\); check the path"),
    ],
)
def test_csv_entries_outside_of_the_folder_or_twice_are_refused(tmp_path, entry, message):
    write(tmp_path / "g" / "0.png", noise())
    write(tmp_path / "0.png", noise())
    (tmp_path / "labels.csv").write_text(f"file,label\n0.png,a\n{entry},b\n")
    with pytest.raises(DataError, match=message):
        open_folder(tmp_path / "g", labels=tmp_path / "labels.csv")


def test_an_absolute_csv_entry_within_the_folder_is_taken(tmp_path):
    path = write(tmp_path / "0.png", noise())
    (tmp_path / "labels.csv").write_text(f"file,label\n{path},a\n")
    assert open_folder(tmp_path, labels=tmp_path / "labels.csv").files == (path,)
