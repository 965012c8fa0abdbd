import numpy as np
import pytest
import torch

from zscape.base import Data
from zscape.data import from_arrays, load
from zscape.errors import DataError


def pixels(count=20, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, 1, 4, 5), dtype=np.uint8)


def test_it_follows_the_protocol():
    data = from_arrays(pixels(), labels=[0, 1] * 10)
    assert isinstance(data, Data)
    assert data.shape == (1, 4, 5)
    assert len(data) == 20
    assert "train 16" in repr(data)


def test_a_batch_is_the_rows_scaled_to_the_unit_range():
    array = pixels()
    array[3, 0, 0, :2] = 0, 255
    data = from_arrays(array, labels=np.arange(20) % 4)
    index = torch.tensor([3, 17, 3])
    x, y = data.batch(index, "cpu")
    assert x.dtype == torch.float32
    assert float(x.min()) == 0.0
    assert float(x.max()) == 1.0
    np.testing.assert_allclose(x.numpy(), array[[3, 17, 3]] / 255.0, atol=1e-7)
    assert y.tolist() == [3, 1, 3]
    assert y.dtype == torch.int64


def test_every_byte_comes_back_from_its_float():
    data = from_arrays(np.arange(768, dtype=np.int64).astype(np.uint8).reshape(3, 16, 16))
    x, y = data.batch(torch.arange(3), "cpu")
    assert y is None
    np.testing.assert_array_equal(torch.round(x * 255).to(torch.uint8).numpy(), data.images.numpy())
    assert 0 <= float(x.min()) <= float(x.max()) <= 1


def test_a_batch_does_not_touch_the_images():
    data = from_arrays(pixels())
    before = data.images.clone()
    data.batch(torch.arange(20), "cpu")[0].zero_()
    assert torch.equal(data.images, before)


def test_batches_cover_the_split_once_and_are_shuffled_by_seed_and_epoch():
    data = from_arrays(pixels(100))

    def order(seed, epoch):
        return torch.cat(list(data.batches("train", 32, seed=seed, epoch=epoch))).numpy()

    assert [len(index) for index in data.batches("train", 32, seed=0, epoch=0)] == [32, 32, 16]
    np.testing.assert_array_equal(np.sort(order(0, 0)), data.splits["train"])
    np.testing.assert_array_equal(order(0, 3), order(0, 3))
    orders = [order(*key) for key in ((0, 0), (0, 1), (1, 0), (1, 1))]
    for number, first in enumerate(orders):
        for second in orders[number + 1 :]:
            assert not np.array_equal(first, second)


def test_epochs_need_not_be_drawn_in_order():
    data = from_arrays(pixels(100))
    straight = [torch.cat(list(data.batches("train", 7, seed=4, epoch=epoch))) for epoch in range(5)]
    assert torch.equal(torch.cat(list(data.batches("train", 7, seed=4, epoch=4))), straight[4])


def test_batches_refuse_at_the_call():
    data = from_arrays(pixels())
    with pytest.raises(
        ValueError, match=r"split needs to be one of train, validation, test, but got 'valid'"
    ):
        data.batches("valid", 4, seed=0, epoch=0)
    with pytest.raises(ValueError, match=r"batch size needs to be at least 1, but got 0"):
        data.batches("train", 0, seed=0, epoch=0)


def test_moving_keeps_everything_but_the_device():
    data = from_arrays(pixels(), labels=[0, 1] * 10)
    moved = data.to("meta")
    assert moved.images.device.type == "meta"
    assert data.images.device.type == "cpu"
    assert moved.splits is data.splits
    same = data.to("cpu")
    assert torch.equal(same.batch(torch.arange(4), "cpu")[0], data.batch(torch.arange(4), "cpu")[0])


def test_the_fingerprint_tells_data_apart():
    labels = np.arange(20) % 4
    base = from_arrays(pixels(), labels)
    assert base.fingerprint == from_arrays(pixels(), labels, seed=9, name="other").fingerprint
    assert base.fingerprint != from_arrays(pixels(seed=1), labels).fingerprint
    assert base.fingerprint != from_arrays(pixels(), labels[::-1].copy()).fingerprint
    assert base.fingerprint != from_arrays(pixels(), None).fingerprint
    assert base.fingerprint != from_arrays(pixels().transpose(0, 1, 3, 2), labels).fingerprint


def test_the_given_array_is_neither_changed_nor_kept():
    array = pixels()
    data = from_arrays(array)
    first = data.fingerprint
    array[:] = 0
    assert from_arrays(data.images).fingerprint == first


def test_tensors_and_floats_are_taken():
    tensor = torch.rand(6, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    data = from_arrays(tensor, labels=torch.tensor([0, 1, 0, 1, 0, 1]))
    assert (data.batch(torch.arange(6), "cpu")[0] - tensor).abs().max() <= 0.5 / 255 + 1e-6
    half = from_arrays(tensor.to(torch.bfloat16))
    assert (half.batch(torch.arange(6), "cpu")[0] - tensor).abs().max() <= 0.5 / 255 + 2**-8


def test_labels_are_numbered_and_named():
    data = from_arrays(pixels(4), labels=["b", "a", "b", "c"])
    assert data.names == ("a", "b", "c")
    assert data.labels.tolist() == [1, 0, 1, 2]
    data = from_arrays(pixels(4), labels=[7, 3, 3, 7])
    assert (data.names, data.labels.tolist()) == (("3", "7"), [1, 0, 0, 1])
    data = from_arrays(pixels(4), labels=[0.0, 1.0, 1.0, 0.0], names=("off", "on", "unused"))
    assert (data.names, data.labels.tolist()) == (("off", "on", "unused"), [0, 1, 1, 0])


@pytest.mark.parametrize(
    ("labels", "names", "message"),
    [
        ([0, 1, 2], (), r"one value an image, 4 in all, but those of the array 'arrays' have shape \(3,\)"),
        ([[0], [1], [0], [1]], (), r"have shape \(4, 1\)"),
        ([0.5, 1, 0, 1], (), "whole numbers or strings, but those of .* are float64; convert"),
        ([float("nan"), 1, 0, 1], (), "whole numbers or strings"),
        ([None, 1, 0, 1], (), "whole numbers or strings, but those of .* are object"),
        ([0, 1, 2, 0], ("a", "b"), r"lie in 0\.\.1, but those of .* span 0\.\.2"),
        ([-1, 1, 0, 0], ("a", "b"), r"span -1\.\.1"),
    ],
)
def test_bad_labels_are_refused(labels, names, message):
    with pytest.raises(DataError, match=message):
        from_arrays(pixels(4), labels, names=names)


def test_factors_are_kept_and_checked():
    factors = {"scale": np.arange(4)}
    assert from_arrays(pixels(4), factors=factors).factors["scale"].tolist() == [0, 1, 2, 3]
    with pytest.raises(DataError, match=r"factor 'scale' of the array 'mine' needs one value an image, 4"):
        from_arrays(pixels(4), factors={"scale": np.arange(3)}, name="mine")
    with pytest.raises(DataError, match=r"factor 'scale' .* needs finite numbers"):
        from_arrays(pixels(4), factors={"scale": np.array([0, 1, 2, np.nan])})


@pytest.mark.parametrize("count", [0, 1])
def test_no_or_one_image_is_refused(count):
    with pytest.raises(DataError, match=f"at least 3 images.*'arrays' holds {count}; add images"):
        from_arrays(pixels(count))


def test_black_and_white_bytes_are_refused():
    with pytest.raises(DataError, match=r"only 0 and 1 and would be black.*bool"):
        from_arrays(pixels(4) % 2)


def test_arrays_cannot_be_loaded_again_and_say_so():
    with pytest.raises(
        DataError, match=r"given as arrays.*pass the same arrays again, or save them as \.npz"
    ):
        load(**from_arrays(pixels(), name="mnist").to_spec())


@pytest.mark.parametrize("row", range(0, 200, 7))
def test_the_fingerprint_sees_every_pixel(row):
    array = pixels(200)
    first = from_arrays(array).fingerprint
    array[row, 0, 3, 4] ^= 1
    assert from_arrays(array).fingerprint != first


def test_the_fingerprint_is_the_same_in_any_chunks(monkeypatch):
    first = from_arrays(pixels(50)).fingerprint
    monkeypatch.setattr("zscape.data.source.CHUNK_BYTES", 70)
    assert from_arrays(pixels(50)).fingerprint == first


def test_above_its_limit_the_fingerprint_is_of_rows_from_first_to_last(monkeypatch):
    monkeypatch.setattr("zscape.data.images._FINGERPRINT_BYTES", 20 * 20)
    array = pixels(101)
    first = from_arrays(array).fingerprint
    for row, seen in ((0, True), (1, False), (100, True)):
        other = array.copy()
        other[row] ^= 1
        assert (from_arrays(other).fingerprint != first) == seen
    assert from_arrays(array[:100]).fingerprint != first


def test_the_fingerprint_sees_factors_and_not_their_order():
    size, turn = np.arange(20), np.arange(20) % 3
    base = from_arrays(pixels(), factors={"size": size, "turn": turn}).fingerprint
    assert from_arrays(pixels(), factors={"turn": turn, "size": size}).fingerprint == base
    assert from_arrays(pixels(), factors={"size": turn, "turn": size}).fingerprint != base
    assert from_arrays(pixels(), factors={"size": size}).fingerprint != base
    assert from_arrays(pixels(), factors={"size": size, "turn": turn + 0.5}).fingerprint != base
    assert (
        from_arrays(pixels(), labels=size).fingerprint
        != from_arrays(pixels(), factors={"": size}).fingerprint
    )


def test_the_fingerprint_is_computed_once_and_moves_along(monkeypatch):
    data = from_arrays(pixels(), labels=[0, 1] * 10)
    unmoved = data.to("cpu").fingerprint
    first = data.fingerprint
    assert first == unmoved
    monkeypatch.setattr("zscape.data.images.hashlib", None)
    assert data.fingerprint == data.to("meta").fingerprint == first


@pytest.mark.parametrize(
    "labels",
    [
        np.array([np.inf, 0, 1, 2]),
        np.array([0, -np.inf, 1, 2]),
        np.array([1e300, 0, 1, 2]),
        np.array([2**63, 0, 1, 2], dtype=np.uint64),
    ],
)
def test_labels_beyond_int64_are_refused(labels):
    with pytest.raises(DataError, match=r"labels need .* 'mine' .*convert them"):
        from_arrays(pixels(4), labels, name="mine")


def test_bytes_labels_are_read_as_utf8():
    data = from_arrays(pixels(4), np.array(["chat", "élan", "chat", "ours"], dtype="U4"))
    coded = from_arrays(pixels(4), np.array([name.encode() for name in ("chat", "élan", "chat", "ours")]))
    assert coded.names == data.names == ("chat", "ours", "élan")
    with pytest.raises(DataError, match=r"the array 'mine' .*UTF-8.*; save them as strings"):
        from_arrays(pixels(4), np.array([b"a", b"\xff", b"a", b"b"]), name="mine")


@pytest.mark.parametrize("name", ["id", "split", "label", "mean", "logvar"])
def test_factors_named_as_columns_of_codes_are_refused(name):
    with pytest.raises(DataError, match=rf"factor '{name}' of the array 'mine' .*rename it"):
        from_arrays(pixels(4), factors={name: np.arange(4)}, name="mine")
