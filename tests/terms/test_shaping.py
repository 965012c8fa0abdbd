import copy
import functools
import itertools
import os
import shutil
import signal

import numpy as np
import pytest
import torch

import zscape as zs
from zscape import recipes
from zscape.base import Draw, Posterior, needs_whole_batch
from zscape.errors import StoppedError
from zscape.model import GaussianHead
from zscape.terms import (
    RememberedCovariance,
    check_term,
    correlation,
    covariance,
    covariance_floor,
)
from zscape.training import Engine


def of_codes(z, logvar=None, mean=None, step=0):
    mean = z if mean is None else mean
    head = GaussianHead()
    return Draw(mean, None, Posterior(mean, logvar), z, head(mean), Posterior, head, step, 100)


def double(*shape):
    return torch.randn(*shape, dtype=torch.float64)


def skewed(*shape):
    """Independent codes of mean 0 and variance 1, far from Gaussian."""
    return torch.rand(*shape, dtype=torch.float64).log() + 1


def estimate(term, batches, *others):
    """Mean of a term over many batches of codes, and its standard error."""
    values = torch.vmap(lambda *parts: term(of_codes(*parts)))(batches, *others)
    return values.mean().item(), values.std().item() / len(values) ** 0.5


def off_diagonal(matrix):
    return matrix.sum() - matrix.diagonal().sum()


@pytest.mark.parametrize(
    "term",
    [
        covariance,
        functools.partial(covariance, of="z", unbiased=False),
        functools.partial(covariance, of="z", diagonal=2.0),
        functools.partial(covariance, of="aggregate", diagonal=2.0),
        functools.partial(covariance, of="aggregate", diagonal=2.0, unbiased=False),
        correlation,
        functools.partial(correlation, of="mean"),
        functools.partial(correlation, of="z", unbiased=False),
        covariance_floor,
        functools.partial(covariance_floor, of="z"),
        RememberedCovariance(of="aggregate", diagonal=1.0),
        RememberedCovariance(unbiased=False, size=5).eval(),
    ],
)
def test_they_conform(term):
    check_term(term)
    assert needs_whole_batch(term)


@pytest.mark.parametrize(("batch", "latent"), [(7, 3), (7, 7), (4, 9)])
def test_the_published_form_is_the_sum_of_squares_off_the_diagonal(batch, latent):
    z = double(batch, latent)
    matrix = np.cov(z.numpy().T)
    expected = off_diagonal(matrix**2)
    assert covariance(of_codes(z), unbiased=False).item() == pytest.approx(expected, rel=1e-12)
    identity = expected + 0.7 * ((matrix.diagonal() - 1) ** 2).sum()
    assert covariance(of_codes(z), unbiased=False, diagonal=0.7).item() == pytest.approx(identity, rel=1e-12)
    squared = np.corrcoef(z.numpy().T) ** 2
    assert correlation(of_codes(z), unbiased=False).item() == pytest.approx(off_diagonal(squared), rel=1e-12)
    adjusted = 1 - (1 - squared) * (batch - 1) / (batch - 2)
    assert correlation(of_codes(z)).item() == pytest.approx(off_diagonal(adjusted), rel=1e-9)


@pytest.mark.parametrize("latent", [3, 8])
def test_the_unbiased_form_is_the_u_statistic(latent):
    """Against its definition: the mean over all four distinct samples of a product of two differences."""
    z, logvar = double(6, latent), double(6, latent)
    var = logvar.exp()
    products = [[], [], []]
    for a, b, c, d in itertools.permutations(range(6), 4):
        first, second = z[a] - z[b], z[c] - z[d]
        crossed = first.outer(first) * second.outer(second) / 4
        products[0].append(off_diagonal(crossed))
        products[1].append(((first**2 / 2 - 1) * (second**2 / 2 - 1)).sum())
        own, other = (first**2 + var[a] + var[b]) / 2 - 1, (second**2 + var[c] + var[d]) / 2 - 1
        products[2].append((own * other).sum())
    off, points, aggregate = (torch.stack(product).mean() for product in products)
    draw = of_codes(z, logvar)
    torch.testing.assert_close(covariance(draw), off)
    torch.testing.assert_close(covariance(draw, of="z", diagonal=0.3), off + 0.3 * points)
    torch.testing.assert_close(covariance(draw, of="aggregate", diagonal=0.3), off + 0.3 * aggregate)


def test_what_is_penalised_of_z_of_its_mean_and_of_the_aggregate():
    mean, z, logvar = double(9, 4), double(9, 4), double(9, 4)
    draw = of_codes(z, logvar, mean)
    sampled, means = np.cov(z.numpy().T), np.cov(mean.numpy().T)
    aggregate = means + np.diag(logvar.exp().mean(0).numpy())
    for of, matrix in (("z", sampled), ("mean", means), ("aggregate", aggregate)):
        expected = off_diagonal(matrix**2) + ((matrix.diagonal() - 1) ** 2).sum()
        value = covariance(draw, unbiased=False, of=of, diagonal=1.0)
        assert value.item() == pytest.approx(expected, rel=1e-12)
        scale = np.sqrt(matrix.diagonal())
        rho = matrix / np.outer(scale, scale)
        value = correlation(draw, unbiased=False, of=of)
        assert value.item() == pytest.approx(off_diagonal(rho**2), rel=1e-12)
    assert covariance(draw, of="aggregate") == covariance(draw, of="mean")
    assert covariance_floor(draw, of="aggregate") == covariance_floor(draw, of="mean")


def test_a_deterministic_encoder_has_no_variance_to_add():
    draw = of_codes(double(8, 3))
    assert covariance(draw, of="aggregate", diagonal=1.0) == covariance(draw, of="mean", diagonal=1.0)


@pytest.mark.parametrize("unbiased", [True, False])
def test_dip_vae_of_a_constant_mean_and_unit_variance_is_exactly_zero(unbiased):
    """Where the public PyTorch codes add a scalar to every entry of the covariance."""
    draw = of_codes(torch.full((8, 5), 0.3), torch.zeros(8, 5))
    assert covariance(draw, unbiased=unbiased, of="aggregate", diagonal=1.0).item() == 0
    # The means alone have covariance 0, which is 1 from the identity in each latent.
    assert covariance(draw, unbiased=unbiased, of="mean", diagonal=10.0).item() == pytest.approx(50)


def test_dip_vae_by_hand():
    """Means (1, 1) and (-1, -1): covariance 2 everywhere; variances average 0.5 and 3."""
    mean = torch.tensor([[1.0, 1.0], [-1.0, -1.0]]).double()
    draw = of_codes(mean, torch.tensor([[0.25, 3.0], [0.75, 3.0]]).double().log())
    assert recipes.dip_vae(1)["covariance"].term(draw).item() == pytest.approx(8 + 10 * 2)
    assert recipes.dip_vae(2)["covariance"].term(draw).item() == pytest.approx(8 + 1.5**2 + 4**2)


@pytest.mark.parametrize(("count", "expected"), [(32, 524.4), (100, 164.2), (512, 31.8)])
def test_the_published_form_reads_the_floor_on_independent_codes(count, expected):
    """definitions.md 3.1, D = 128: D (D - 1) / (N - 1)."""
    latent = 128
    assert latent * (latent - 1) / (count - 1) == pytest.approx(expected, abs=0.05)
    draws = torch.randn(60, count, latent)
    for term in (functools.partial(covariance, unbiased=False), covariance_floor):
        mean, error = estimate(term, draws)
        assert abs(mean - expected) < 4 * error + 0.05
    mean, error = estimate(covariance, draws)
    assert abs(mean) < 4 * error
    assert 4 * error < 0.02 * expected


def test_a_known_case_naive_and_unbiased():
    """definitions.md 3.1, D = 16, N = 32: true 10.593, naive 24.71, and its two debiased forms."""
    latent, count = 16, 32
    shared = (10.593 / 240) ** 0.5
    # The variance at which the naive form reads 24.71: its bias is (off^2 + v^2) D (D - 1) / (N - 1).
    own = ((24.71 - 10.593) * 31 / 240 - shared**2) ** 0.5
    true = shared + (own - shared) * torch.eye(latent, dtype=torch.float64)
    assert off_diagonal(true**2).item() == pytest.approx(10.593)
    factor = torch.linalg.cholesky(true)
    draws = double(4000, count, latent) @ factor.T

    def gaussian(draw):
        n = count - 1
        matrix = draw.z.T.cov()
        entries = (n**2 * matrix**2 - n * matrix.diagonal().outer(matrix.diagonal())) / (n - 1) / (n + 2)
        return off_diagonal(entries)

    def halves(draw):
        return off_diagonal(draw.z[:16].T.cov() * draw.z[16:].T.cov())

    naive, error = estimate(functools.partial(covariance, unbiased=False), draws)
    assert abs(naive - 24.71) < 4 * error
    errors = {}
    for term in (covariance, gaussian, halves):
        mean, errors[term] = estimate(term, draws)
        assert abs(mean - 10.593) < 4 * errors[term]
        assert errors[term] < 0.15
    assert errors[covariance] < 0.97 * errors[halves]


@pytest.mark.parametrize(("count", "latent"), [(4, 3), (5, 8), (12, 3), (16, 20)])
def test_unbiased_for_codes_that_are_not_gaussian(count, latent):
    factor = torch.linalg.qr(double(latent, latent))[0] * torch.linspace(0.5, 2.0, latent).double()
    true = factor @ factor.T
    off, pull = off_diagonal(true**2), (true.diagonal() - 1).square().sum()
    draws = skewed(6000, count, latent) @ factor.T
    for diagonal in (0.0, 1.0):
        mean, error = estimate(functools.partial(covariance, diagonal=diagonal), draws)
        assert abs(mean - (off + diagonal * pull)) < 4 * error
        naive, error = estimate(functools.partial(covariance, unbiased=False, diagonal=diagonal), draws)
        assert naive - (off + diagonal * pull) > 8 * error


def test_the_bias_of_the_published_form_is_that_which_is_documented():
    """Gaussian codes of known covariance: (P + A) / (B - 1), and not (P + A) / B."""
    count, latent = 6, 4
    factor = double(latent, latent)
    true = factor @ factor.T
    documented = off_diagonal(true**2 + true.diagonal().outer(true.diagonal())) / (count - 1)
    draws = double(40000, count, latent) @ factor.T
    found, error = estimate(functools.partial(covariance, unbiased=False), draws)
    assert abs(found - off_diagonal(true**2) - documented) < 4 * error
    assert 4 * error < documented / count
    assert "(P + A) / (B - 1) on average" in covariance.__doc__


def test_the_aggregates_diagonal_is_unbiased():
    """Means and variances that depend on each other: E variance = 0.5, Var mean = 1."""

    # 1 - mean is exponential with mean 1, so its second moment is 2.
    mean = skewed(20000, 6, 2)
    logvar = (0.25 * (1 - mean).square()).log()
    term = functools.partial(covariance, of="aggregate", diagonal=1.0)
    found, error = estimate(term, mean, logvar)
    assert abs(found - 2 * 0.5**2) < 4 * error
    naive, error = estimate(functools.partial(term, unbiased=False), mean, logvar)
    assert naive > 1 + 4 * error


@pytest.mark.parametrize("count", [3, 5, 40])
@pytest.mark.parametrize("of", ["z", "aggregate"])
def test_correlations_of_independent_latents_are_zero_on_average_whatever_their_distribution(count, of):
    scales = torch.tensor([0.1, 1.0, 5.0, 1.0, 1.0]).double()
    codes = scales * skewed(4000, count, 5)
    mean, error = estimate(functools.partial(correlation, of=of), codes, double(4000, count, 5))
    assert abs(mean) < 4 * error
    naive, error = estimate(functools.partial(correlation, unbiased=False, of="z"), codes)
    assert abs(naive - 20 / (count - 1)) < 4 * error


def test_the_floor_of_correlations_in_the_aggregate_is_less_by_what_the_means_do_not_carry():
    """Independent means of variance 1 beside an encoder's variance of 1: w is about 1/2."""
    count, latent = 200, 4
    draws = double(1500, count, latent)
    term = functools.partial(correlation, unbiased=False, of="aggregate")
    found, error = estimate(term, draws, torch.zeros_like(draws))
    assert abs(found - latent * (latent - 1) / 4 / (count - 1)) < 4 * error
    assert "sum of w_i w_j over B - 1" in correlation.__doc__


def test_correlations_at_their_ends():
    line = double(9, 1)
    same = of_codes(torch.cat([line, -3 * line + 1, line], 1))
    assert correlation(same).item() == pytest.approx(6)
    crossed = of_codes(torch.tensor([[1.0, 0], [-1, 0], [0, 1], [0, -1]]).double())
    assert correlation(crossed, unbiased=False).item() == 0
    assert correlation(crossed).item() == pytest.approx(-2 / 2)


@pytest.mark.parametrize("of", ["z", "mean", "aggregate"])
@pytest.mark.parametrize("constant", [0.0, 0.1, 1e4])
def test_a_latent_that_does_not_vary_is_uncorrelated_and_has_a_finite_gradient(of, constant):
    z = torch.randn(8, 4)
    z[:, :2] = constant
    z.requires_grad_()
    draw = of_codes(z, None if of == "mean" else torch.zeros(8, 4))
    value = correlation(draw, of=of)
    value.backward()
    assert torch.isfinite(z.grad).all()
    logvar = None if draw.q.logvar is None else draw.q.logvar[:, 2:]
    rest = correlation(of_codes(z.detach()[:, 2:], logvar), of=of)
    torch.testing.assert_close(value.detach(), rest, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("unbiased", [True, False])
@pytest.mark.parametrize("shape", [(12, 5), (6, 9)])
def test_what_changes_nothing(unbiased, shape):
    z = double(*shape)
    latents, samples = torch.randperm(shape[1]), torch.randperm(shape[0])
    scale = torch.linspace(0.1, 7.0, shape[1], dtype=torch.float64)
    options = {"unbiased": unbiased, "of": "z"}
    for term in (
        functools.partial(covariance, diagonal=0.5, **options),
        functools.partial(correlation, **options),
    ):
        value = term(of_codes(z))
        for other in (z + 3 * scale, z[:, latents], z[samples], -z):
            torch.testing.assert_close(term(of_codes(other)), value)
    rescaled = of_codes(z * scale)
    torch.testing.assert_close(correlation(rescaled, **options), correlation(of_codes(z), **options))
    torch.testing.assert_close(
        covariance(of_codes(3 * z), **options), 81 * covariance(of_codes(z), **options)
    )


@pytest.mark.parametrize("unbiased", [True, False])
@pytest.mark.parametrize("of", ["z", "mean", "aggregate"])
@pytest.mark.parametrize("shape", [(7, 3), (5, 6)])
def test_gradients_against_differences(unbiased, of, shape):
    parts = [double(*shape).requires_grad_() for _ in range(3)]

    def through(term):
        return lambda z, logvar, mean: term(of_codes(z, logvar, mean))

    for term in (
        functools.partial(covariance, unbiased=unbiased, of=of, diagonal=0.5),
        functools.partial(correlation, unbiased=unbiased, of=of),
        functools.partial(covariance_floor, of=of),
    ):
        assert torch.autograd.gradcheck(through(term), parts)


def test_the_published_gradient_shrinks_independent_codes_and_the_unbiased_one_does_not():
    """What makes a penalty at its floor a penalty on variance: its derivative with respect to scale."""

    def shrinkage(unbiased):
        scale = torch.ones((), dtype=torch.float64, requires_grad=True)
        for _ in range(200):
            covariance(of_codes(scale * double(32, 64)), unbiased=unbiased).backward()
        return scale.grad.item() / 200

    floor = 64 * 63 / 31
    assert shrinkage(unbiased=False) == pytest.approx(4 * floor, rel=0.02)
    assert abs(shrinkage(unbiased=True)) < 0.05 * floor


def test_float32_is_close_to_float64_where_little_is_left():
    z = torch.randn(4096, 3) + 5
    assert covariance(of_codes(z), unbiased=False).item() == pytest.approx(
        covariance(of_codes(z.double()), unbiased=False).item(), rel=1e-3
    )


@pytest.mark.parametrize(
    ("term", "codes", "needed"),
    [
        (covariance, 3, "4 or more codes, but the batch holds 3"),
        (functools.partial(covariance, unbiased=False), 1, "2 or more codes, but the batch holds 1"),
        (correlation, 2, "3 or more"),
        (functools.partial(correlation, unbiased=False), 1, "2 or more"),
        (covariance_floor, 1, "2 or more"),
        (RememberedCovariance(), 3, "4 or more"),
    ],
)
def test_too_few_codes_are_refused(term, codes, needed):
    with pytest.raises(ValueError, match=needed):
        term(of_codes(double(codes, 2)))


def test_settings_that_cannot_be_are_refused():
    for diagonal in (-1.0, float("nan")):
        with pytest.raises(ValueError, match="diagonal >= 0"):
            covariance(of_codes(double(5, 2)), diagonal=diagonal)
        with pytest.raises(ValueError, match="diagonal >= 0"):
            RememberedCovariance(diagonal=diagonal)
    with pytest.raises(ValueError, match="size >= 1, but got 0"):
        RememberedCovariance(size=0)


def test_a_word_that_names_nothing_is_refused_by_hand_too(monkeypatch):
    # Types are checked in tests alone, so the check of ours is called where these do not reach.
    from zscape.terms import shaping

    unchecked = getattr(shaping._need_of, "__wrapped__", shaping._need_of)
    with pytest.raises(ValueError, match="z, mean, aggregate, but got 'mu'"):
        unchecked("mu")


@pytest.mark.parametrize("of", ["z", "mean", "aggregate"])
@pytest.mark.parametrize("unbiased", [True, False])
def test_a_memory_is_the_plain_form_on_the_codes_joined(of, unbiased):
    options = {"unbiased": unbiased, "of": of, "diagonal": 0.4}
    memory = RememberedCovariance(size=10, **options)
    batches = [(double(4, 6), double(4, 6), double(4, 6)) for _ in range(6)]
    for step, _ in enumerate(batches):
        parts = [part.requires_grad_() for part in batches[step]]
        value = memory(of_codes(*parts, step=step))
        # The last ten codes of the steps before, then the batch, which alone moves.
        joined = [torch.cat([b[i].detach() for b in batches[:step]] + [parts[i]])[-14:] for i in range(3)]
        plain = covariance(of_codes(*joined), **options)
        torch.testing.assert_close(value, plain)
        used = [
            part
            for part, name in zip(parts, "zsm", strict=True)
            if name in {"z": "z", "mean": "m"}.get(of, "sm")
        ]
        ours, theirs = torch.autograd.grad(value, used), torch.autograd.grad(plain, used)
        for mine, other in zip(ours, theirs, strict=True):
            torch.testing.assert_close(mine, len(joined[0]) / 4 * other)


def test_a_memory_has_the_gradient_of_the_plain_form_on_average_with_less_noise():
    factor = torch.linalg.qr(double(24, 24))[0] * torch.linspace(0.3, 1.5, 24).double()
    true = factor @ factor.T
    exact = 4 * (true - true.diagonal().diag()) @ factor
    gradients = {}
    for name, term in (("plain", covariance), ("memory", RememberedCovariance(size=400))):
        found = []
        for step in range(400):
            axes = factor.clone().requires_grad_()
            value = term(of_codes(double(8, 24) @ axes.T, step=step))
            found.append(torch.autograd.grad(value, axes)[0])
        gradients[name] = torch.stack(found[50:])
    noise = {name: (found - exact).square().sum((1, 2)).mean() for name, found in gradients.items()}
    assert noise["memory"] < 0.2 * noise["plain"]
    # Along the exact gradient; without the factor N / B it would be a fiftieth of what it is.
    along = (gradients["memory"].mean(0) * exact).sum() / exact.square().sum()
    assert along == pytest.approx(1, abs=0.15)


def test_a_memory_turns_only_with_the_step():
    memory, z = RememberedCovariance(size=8), double(5, 3)
    memory(of_codes(double(5, 3), step=0))
    first = memory(of_codes(z, step=1))
    assert memory(of_codes(z, step=1)) == first
    assert memory(of_codes(z, step=2)) != first


def test_a_memory_in_evaluation_mode_judges_the_batch_alone_and_keeps_nothing():
    memory, z = RememberedCovariance(), double(6, 3)
    memory(of_codes(double(6, 3), step=0))
    before = copy.deepcopy(memory.state_dict())
    assert memory.eval()(of_codes(z, step=1)) == covariance(of_codes(z))
    after = memory.state_dict()
    assert all(
        torch.equal(before["_extra_state"]["newest"], state["_extra_state"]["newest"]) for state in [after]
    )
    memory.train()
    assert memory(of_codes(z, step=1)) != covariance(of_codes(z))


def test_a_memory_forgets_when_a_fit_begins_anew():
    memory, z = RememberedCovariance(), double(6, 3)
    for step in range(3):
        memory(of_codes(double(6, 3), step=step))
    assert memory(of_codes(z, step=0)) == covariance(of_codes(z))


def fit_with_memory(out, **options):
    data = zs.data.load("digits")
    torch.manual_seed(0)
    model = zs.Autoencoder.mlp(data.shape, latent=12, widths=(16,))
    objective = recipes.decorrelated_vae(5.0, form="memory")
    engine = Engine(accelerator="cpu", log_every=10)
    return zs.fit(model, objective, data, out=out, epochs=1, batch=8, engine=engine, **options)


def interrupted(out):
    def stop(progress):
        if progress.step == 60:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(StoppedError):
        fit_with_memory(out, watch=stop)


def test_a_resumed_fit_with_a_memory_ends_where_the_undisturbed_one_ends(tmp_path):
    """The codes remembered are part of the checkpoint, and the objective is rebuilt from the spec."""
    whole, broken, amnesic = (tmp_path / name for name in ("whole", "broken", "amnesic"))
    last = fit_with_memory(whole).history()
    interrupted(broken)
    shutil.copytree(broken, amnesic)
    found = zs.resume(broken, zs.data.load("digits")).history()
    for name in ("last.safetensors", "weights.safetensors"):
        assert (broken / name).read_bytes() == (whole / name).read_bytes()
    for name in set(last) - {"seconds", "samples_per_second"}:
        np.testing.assert_array_equal(found[name], last[name], err_msg=name)

    # That the codes matter: without them the fit ends elsewhere.
    state = torch.load(amnesic / "checkpoint.ckpt", weights_only=True)
    kept = state["modules"][-1]["_extra_state"]
    assert kept["past"].shape == (472, 1, 12)
    state["modules"][-1]["_extra_state"] = {"past": None, "newest": None, "step": -1}
    torch.save(state, amnesic / "checkpoint.ckpt")
    zs.resume(amnesic, zs.data.load("digits"))
    assert (amnesic / "last.safetensors").read_bytes() != (whole / "last.safetensors").read_bytes()
