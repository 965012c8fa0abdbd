import pytest
import torch

from zscape.training import guards
from zscape.training.guards import fast_products

CPU = torch.device("cpu")
matmul = getattr(torch.backends.mkldnn, "matmul", None)
needs_choice = pytest.mark.skipif(matmul is None, reason="this torch cannot choose who multiplies matrices")


@needs_choice
def test_the_choice_is_put_back():
    before = matmul.fp32_precision
    with fast_products(CPU):
        pass
    assert matmul.fp32_precision == before


@needs_choice
def test_products_inside_are_float32_whatever_the_processor():
    a, b = torch.randn(64, 300), torch.randn(300, 77)
    with fast_products(CPU):
        product = a @ b
    torch.testing.assert_close(product.double(), a.double() @ b.double(), rtol=1e-5, atol=1e-4)


@needs_choice
def test_a_choice_that_loses_precision_is_taken_back(monkeypatch):
    before = matmul.fp32_precision
    monkeypatch.setattr(guards, "_products_are_float32", lambda: False)
    with fast_products(CPU):
        assert matmul.fp32_precision == before


def test_the_check_sees_bfloat16(monkeypatch):
    assert guards._products_are_float32()
    product = torch.Tensor.__matmul__

    def rounded(a, b):
        if a.dtype == torch.float64:
            return product(a, b)
        return product(a.bfloat16(), b.bfloat16()).float()

    monkeypatch.setattr(torch.Tensor, "__matmul__", rounded)
    assert not guards._products_are_float32()


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
