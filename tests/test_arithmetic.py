import pytest
import torch

from zscape import arithmetic
from zscape.arithmetic import fast_products, flushed_denormals

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
    monkeypatch.setattr(arithmetic, "_products_are_float32", lambda: False)
    with fast_products(CPU):
        assert matmul.fp32_precision == before


def test_the_check_sees_bfloat16(monkeypatch):
    check = arithmetic._products_are_float32.__wrapped__
    assert check()
    product = torch.Tensor.__matmul__

    def rounded(a, b):
        if a.dtype == torch.float64:
            return product(a, b)
        return product(a.bfloat16(), b.bfloat16()).float()

    monkeypatch.setattr(torch.Tensor, "__matmul__", rounded)
    assert not check()


def test_subnormal_numbers_are_zero_inside_only():
    tiny = torch.full((), 1e-40)
    with flushed_denormals(True):
        assert (tiny * 1.0).item() == 0
        with flushed_denormals(False):
            assert (tiny * 1.0).item() > 0
        assert (tiny * 1.0).item() == 0
    assert (tiny * 1.0).item() > 0
