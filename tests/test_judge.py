"""The judge learns, repeats, keeps its labels, and refuses what it cannot judge."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

import zscape as zs
from zscape.errors import DivergedError, RunFormatError
from zscape.judge import Judge


def stripes(count=60, colours=1, side=8, classes=(3, -2, 40), seed=0):
    """Pictures with a bright band whose place is their class."""
    random = np.random.default_rng(seed)
    labels = np.asarray(classes)[np.arange(count) % len(classes)]
    pictures = 0.3 * random.random((count, colours, side, side))
    width = side // len(classes)
    for picture, label in zip(pictures, labels, strict=True):
        start = width * classes.index(label)
        picture[:, start : start + width] += 0.7
    return pictures.astype(np.float32), labels


@pytest.fixture(scope="module")
def judge():
    return Judge.fit(*stripes(), epochs=8, batch=20, seed=1)


def test_the_network_is_the_published_one(judge):
    # Keras counts 1,199,882 parameters for the same layers on 28x28 grey pictures of 10 classes.
    large = Judge((1, 28, 28), np.arange(10))
    assert sum(parameter.numel() for parameter in large.net.parameters()) == 1_199_882
    drops = [layer.p for layer in large.net if isinstance(layer, nn.Dropout)]
    assert drops == [0.25, 0.5]
    # ReLU after max-pooling is ReLU before it.
    x = torch.randn(2, 1, 8, 8)
    features = judge.net[2](judge.net[1](judge.net[0](x)))
    assert torch.equal(judge.net[4](judge.net[3](features)), judge.net[3](torch.relu(features)))


def test_it_learns_and_keeps_any_labels(judge):
    pictures, labels = stripes(seed=5)
    assert judge.classes_.tolist() == [-2, 3, 40]
    probabilities = judge(pictures)
    assert probabilities.shape == (60, 3)
    assert np.allclose(probabilities.sum(axis=1), 1, atol=1e-12)
    assert (judge.classes_[probabilities.argmax(axis=1)] == labels).mean() > 0.95


@pytest.mark.parametrize(
    ("colours", "side", "bf16"), [(1, 6, False), (3, 9, False), (3, 64, False), (1, 28, True)]
)
def test_shapes_of_pictures(colours, side, bf16):
    pictures, labels = stripes(12, colours, side, classes=(0, 1, 2))
    judge = Judge.fit(pictures, labels, epochs=1, bf16=bf16)
    assert judge.shape == (colours, side, side)
    assert judge(pictures).shape == (12, 3)


def test_a_judge_of_real_digits_knows_digits_it_has_not_seen():
    data = zs.data.load("digits")
    x, y = (tensor.numpy() for tensor in data.batch(torch.arange(len(data)), "cpu"))
    train, test = data.splits["train"], data.splits["test"]
    judge = Judge.fit(x[train], y[train], epochs=4, batch=32, seed=0)
    assert (judge(x[test]).argmax(axis=1) == y[test]).mean() > 0.93


def test_the_same_seed_gives_the_same_judge_and_leaves_random_state_alone():
    pictures, labels = stripes()
    state = torch.get_rng_state()
    one, two, three = (Judge.fit(pictures, labels, epochs=2, seed=seed) for seed in (4, 4, 5))
    assert torch.equal(torch.get_rng_state(), state)
    assert np.array_equal(one(pictures), two(pictures))
    assert not np.allclose(one(pictures), three(pictures))
    subnormal = torch.full((), 1e-40) * 1.0
    assert subnormal.item() > 0


def test_judging_is_without_dropout_and_in_any_blocks(judge):
    pictures, _ = stripes()
    whole = judge(pictures)
    assert np.array_equal(whole, judge(pictures))
    assert np.allclose(whole, judge(pictures, batch=7), atol=1e-6)
    assert np.allclose(whole[::-1], judge(pictures[::-1]), atol=1e-6)
    assert np.allclose(whole, judge(pictures.astype(np.float64)), atol=1e-6)
    assert np.allclose(whole, judge.logits(torch.from_numpy(pictures)).softmax(1).numpy(), atol=1e-6)


def test_gradients_reach_the_pictures_and_not_the_weights(judge):
    pictures = torch.from_numpy(stripes(4)[0]).requires_grad_(True)
    judge.logits(pictures).sum().backward()
    assert pictures.grad is not None
    assert pictures.grad.abs().sum() > 0
    assert all(parameter.grad is None for parameter in judge.net.parameters())


def test_watch_hears_of_every_step():
    heard = []
    Judge.fit(*stripes(50), epochs=3, batch=20, watch=lambda *step: heard.append(step))
    assert [step for step, _, _ in heard] == list(range(1, 10))
    assert {total for _, total, _ in heard} == {9}
    assert all(np.isfinite(loss) for _, _, loss in heard)
    assert heard[0][2] == pytest.approx(np.log(3), abs=0.3)


def test_it_comes_back_from_disk_the_same(tmp_path, judge):
    pictures, _ = stripes()
    path = tmp_path / "folder" / "judge.safetensors"
    judge.save(path)
    again = Judge.load(path)
    assert np.array_equal(again(pictures), judge(pictures))
    assert again.classes_.tolist() == judge.classes_.tolist()
    assert (again.shape, again.bf16) == (judge.shape, judge.bf16)
    assert not any(parameter.requires_grad for parameter in again.net.parameters())
    assert [file.name for file in path.parent.iterdir()] == ["judge.safetensors"]
    rough = Judge.fit(pictures, stripes()[1], epochs=1, bf16=True)
    rough.save(path)
    assert Judge.load(path).bf16
    assert np.array_equal(Judge.load(path)(pictures), rough(pictures))


def test_damaged_and_foreign_files_are_refused(tmp_path, judge):
    path = tmp_path / "judge.safetensors"
    with pytest.raises(RunFormatError, match="there is no file"):
        Judge.load(path)
    judge.save(path)
    whole = path.read_bytes()
    for damaged in (b"", whole[:100], whole[: len(whole) // 2]):
        path.write_bytes(damaged)
        with pytest.raises(RunFormatError, match="cannot be read"):
            Judge.load(path)
    path.write_bytes(whole)
    tensors = load_file(path)
    save_file(tensors, path)
    with pytest.raises(RunFormatError, match="does not hold a judge"):
        Judge.load(path)
    for metadata in (
        {"kind": "judge"},
        {"kind": "judge", "shape": "[1, 8, 8]", "classes": "[1, 2]", "bf16": "false"},
        {"kind": "judge", "shape": "8", "classes": "[1, 2]", "bf16": "false"},
        {"kind": "judge", "shape": "[1, 8", "classes": "[1, 2]", "bf16": "false"},
        {"kind": "judge", "shape": json.dumps([1, 8, 8]), "classes": "[[1], [2]]", "bf16": "false"},
    ):
        save_file(tensors, path, metadata)
        with pytest.raises(RunFormatError, match="not a whole judge"):
            Judge.load(path)


@pytest.mark.parametrize("classes", ["1e22", "repeated", "falling", "fractions"])
def test_classes_that_cannot_be_are_refused(tmp_path, judge, classes):
    path = tmp_path / "judge.safetensors"
    judge.save(path)
    count = len(judge.classes_)
    made = {
        "1e22": [10**22, *range(1, count)],
        "repeated": [0] * count,
        "falling": list(range(count, 0, -1)),
        "fractions": [0.5 + row for row in range(count)],
    }
    metadata = {"kind": "judge", "shape": json.dumps(judge.shape), "bf16": "false"}
    save_file(load_file(path), path, metadata | {"classes": json.dumps(made[classes])})
    with pytest.raises(RunFormatError, match="not a whole judge"):
        Judge.load(path)


def test_weights_that_are_not_finite_are_refused(tmp_path, judge):
    path = tmp_path / "judge.safetensors"
    judge.save(path)
    tensors = load_file(path)
    metadata = {
        "kind": "judge",
        "shape": json.dumps(judge.shape),
        "classes": json.dumps(judge.classes_.tolist()),
        "bf16": "false",
    }
    save_file({name: weight * float("nan") for name, weight in tensors.items()}, path, metadata)
    with pytest.raises(RunFormatError, match="not finite"):
        Judge.load(path)


def test_bad_input_is_refused(judge):
    pictures, labels = stripes()
    for images, message in (
        (pictures[:, 0], r"\(N, C, H, W\)"),
        ((255 * pictures).astype(np.uint8), "scale whole numbers"),
        (pictures[:0], "but got none"),
        (np.where(pictures > 0.9, np.nan, pictures), "hold NaN"),
        (np.where(pictures > 0.9, np.inf, pictures), "hold NaN or infinity"),
    ):
        with pytest.raises(ValueError, match=message):
            Judge.fit(images, labels[: len(images)])
        with pytest.raises(ValueError, match=message):
            judge(images)
    with pytest.raises(ValueError, match=r"shape \(1, 8, 8\), but got \(1, 8, 7\)"):
        judge(pictures[..., :7])
    with pytest.raises(ValueError, match="at least 6 pixels"):
        Judge.fit(pictures[..., :5], labels)
    with pytest.raises(ValueError, match="at least two classes"):
        Judge.fit(pictures, np.ones(len(labels), dtype=int))
    for wrong in (labels[:-1], labels.astype(float), labels[:, None]):
        with pytest.raises(ValueError, match="one whole label a picture"):
            Judge.fit(pictures, wrong)
    for wrong in ({"epochs": 0}, {"batch": 0}, {"seed": -1}):
        with pytest.raises(ValueError, match="epochs >= 1, batch >= 1 and seed >= 0"):
            Judge.fit(pictures, labels, **wrong)


def test_a_loss_that_is_not_finite_stops_the_training():
    pictures, labels = stripes()
    with pytest.raises(DivergedError, match="at step 1"):
        Judge.fit(pictures * np.float32(3e38), labels)
