import pytest
import torch

from zscape.training import guards


def test_products_are_counted_there_and_back_and_nothing_else():
    linear, conv = torch.nn.Linear(7, 5), torch.nn.Conv2d(3, 4, 3, stride=2, padding=1)
    back = torch.nn.ConvTranspose2d(4, 3, 4, stride=2, padding=1)
    for module, shape, ahead in (
        (linear, (11, 7), 2 * 11 * 7 * 5),
        (conv, (2, 3, 8, 8), 2 * (2 * 4 * 4 * 4) * 27),
        (back, (2, 4, 4, 4), 2 * (2 * 4 * 4 * 4) * 3 * 16),
    ):
        with torch.no_grad(), guards.CountedProducts() as counted:
            module(torch.ones(shape)).exp()
        assert counted.operations == ahead
    with guards.CountedProducts() as counted:
        linear(torch.ones(11, 7, requires_grad=True)).sum().backward()
    assert counted.operations == 3 * 2 * 11 * 7 * 5


def test_small_steps_have_one_thread_and_large_ones_what_there_was():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with guards.fitting_threads(1e6):
            assert torch.get_num_threads() == 1
        with guards.fitting_threads(1e9):
            assert torch.get_num_threads() == 2
        with pytest.raises(RuntimeError), guards.fitting_threads(1e6):
            raise RuntimeError
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
