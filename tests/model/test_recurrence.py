import itertools

import pytest
import torch
from torch import nn
from torch.nn import functional

from zscape.model.recurrence import LSTM

STEPS, BATCH, INPUTS, WIDTH = 5, 3, 2, 4


def made(**options):
    lstm = LSTM(INPUTS, WIDTH, **options).double()
    with torch.no_grad():
        for parameter in lstm.parameters():
            parameter += 0.3 * torch.randn_like(parameter)
    return lstm


def given(*, steps=STEPS):
    shapes = (steps, BATCH, INPUTS), (BATCH, WIDTH), (BATCH, WIDTH), (BATCH, 4 * WIDTH)
    return [torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in shapes]


def plainly(lstm, x, h, c, constant, mask=None):
    """The recurrence from its definition, differentiated by torch."""
    states = [h]
    for t, row in enumerate(x):
        gates = row @ lstm.input_weight + h @ lstm.state_weight + lstm.bias + constant
        i, f, o, g = gates.chunk(4, dim=1)
        if lstm.gain is not None:
            i, f, o, g = (
                functional.layer_norm(gate, (WIDTH,), gain, shift)
                for gate, gain, shift in zip((i, f, o, g), lstm.gain, lstm.shift, strict=False)
            )
        candidate = torch.tanh(g) * (1 if mask is None else mask[t])
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * candidate
        shown = c if lstm.gain is None else functional.layer_norm(c, (WIDTH,), lstm.gain[4], lstm.shift[4])
        h = torch.sigmoid(o) * torch.tanh(shown)
        states.append(h)
    return torch.stack(states)


@pytest.mark.parametrize(("layer_norm", "dropout"), [*itertools.product((False, True), (0.0, 0.4))])
def test_states_and_gradients_are_those_of_the_definition(monkeypatch, layer_norm, dropout):
    lstm, inputs = made(layer_norm=layer_norm, dropout=dropout), given()
    mask = lstm._mask(inputs[0])
    monkeypatch.setattr(lstm, "_mask", lambda _: mask)
    leaves = [*inputs, *lstm.parameters()]
    ours, theirs = lstm(*inputs)[0], plainly(lstm, *inputs, mask)
    torch.testing.assert_close(ours, theirs)
    weights = torch.randn_like(theirs)
    for mine, plain in zip(
        torch.autograd.grad((ours * weights).sum(), leaves),
        torch.autograd.grad((theirs * weights).sum(), leaves),
        strict=True,
    ):
        torch.testing.assert_close(mine, plain)


@pytest.mark.parametrize("layer_norm", [False, True])
def test_a_graph_gone_through_twice_gives_the_same_gradients(layer_norm):
    lstm, inputs = made(layer_norm=layer_norm), given()
    leaves = [*inputs, *lstm.parameters()]
    value = lstm(*inputs)[0].square().sum()
    first = torch.autograd.grad(value, leaves, retain_graph=True)
    kept = [each.clone() for each in first]
    second = torch.autograd.grad(value, leaves)
    for before, now, again in zip(kept, first, second, strict=True):
        assert torch.equal(before, now)
        assert torch.equal(before, again)


def test_it_is_torchs_lstm():
    lstm, (x, h, c, _) = made(), given()
    torchs = nn.LSTM(INPUTS, WIDTH).double()
    order = [0, 1, 3, 2]  # torch puts the candidate before the output gate

    def rows(weight):
        return torch.cat([weight.chunk(4, dim=-1)[place] for place in order], dim=-1).t()

    with torch.no_grad():
        torchs.weight_ih_l0.copy_(rows(lstm.input_weight))
        torchs.weight_hh_l0.copy_(rows(lstm.state_weight))
        torchs.bias_ih_l0.copy_(rows(lstm.bias))
        torchs.bias_hh_l0.zero_()
    states, memories = lstm(x, h, c)
    expected, (_, last) = torchs(x, (h[None], c[None]))
    torch.testing.assert_close(states[1:], expected)
    torch.testing.assert_close(memories[-1], last[0])
    assert torch.equal(states[0], h)


def test_step_by_step_is_all_at_once():
    lstm, (x, h, c, constant) = made(layer_norm=True), given()
    states, memories = lstm(x, h, c, constant)
    for t in range(STEPS):
        one, kept = lstm(x[t : t + 1], h, c, constant)
        h, c = one[1], kept[1]
        torch.testing.assert_close(h, states[t + 1])
        torch.testing.assert_close(c, memories[t + 1])


def test_without_steps_the_state_is_the_one_to_begin_with():
    lstm, (x, h, c, constant) = made(), given(steps=0)
    states, _ = lstm(x, h, c, constant)
    assert torch.equal(states, h[None])
    (gradient,) = torch.autograd.grad(states.sum(), h)
    assert torch.equal(gradient, torch.ones_like(h))


def test_dropout_is_of_training_alone_and_keeps_the_mean():
    lstm, inputs = made(dropout=0.25), given()
    torch.manual_seed(1)
    first = lstm(*inputs)[0]
    torch.manual_seed(1)
    assert torch.equal(first, lstm(*inputs)[0])
    assert not torch.equal(first, lstm(*inputs)[0])
    torch.testing.assert_close(lstm.eval()(*inputs)[0], plainly(lstm, *inputs))
    mask = lstm.train()._mask(torch.zeros(200, 50, INPUTS))
    assert mask.unique().tolist() == pytest.approx([0.0, 1 / 0.75])
    assert mask.mean().item() == pytest.approx(1.0, abs=0.02)


def test_under_autocast_only_products_with_states_are_rounded():
    lstm, inputs = made().float(), [part.detach().float() for part in given()]
    exact = lstm(*inputs)[0]
    with torch.autocast("cpu", torch.bfloat16):
        rounded = lstm(*inputs)[0]
    assert rounded.dtype == torch.float32
    assert torch.equal(rounded[0], exact[0])
    assert 0 < (rounded - exact).abs().max() < 0.02
    exact_gradients = torch.autograd.grad(exact.square().sum(), list(lstm.parameters()))
    gradients = torch.autograd.grad(rounded.square().sum(), list(lstm.parameters()))
    for mine, plain in zip(gradients, exact_gradients, strict=True):
        assert mine.dtype == torch.float32
        torch.testing.assert_close(mine, plain, rtol=0.05, atol=0.05 * plain.abs().max().item())


def test_at_first_states_are_turned_not_stretched():
    lstm = LSTM(INPUTS, WIDTH)
    assert not lstm.bias.any()
    for block in lstm.state_weight.chunk(4, dim=1):
        torch.testing.assert_close(block @ block.T, torch.eye(WIDTH))
