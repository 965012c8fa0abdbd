"""The page of the study sparse-disentanglement, written from what was measured."""

from __future__ import annotations

import numpy as np

from zscape import measure, walk
from zscape.report.knowledge import information_map
from zscape.report.pictures import compared, traversals
from zscape.report.wording import number, words
from zscape.run import Run
from zscape.studies.evidence import counted, sizes_of
from zscape.studies.page import Page
from zscape.studies.sparse_claims import cost, estimators, pictures, recipes, slips, sparsity
from zscape.studies.sparse_evidence import Evidence
from zscape.studies.sparse_fits import BOTH, GAMMA, KINDS, VAE, steps_of
from zscape.studies.sparse_measures import Subject

_PAPER = ("mig_hist", "aam_hist")
_QUALITY = ("PSNR", "SSIM")
_PICTURES = ("nll", "kl", "feature distance", "sparsity", "active")
_INFORMATION = ("mig_aggregate", "aam_aggregate", "modularity_hist", "MIG, test pictures")
_LEARNED = (
    "dci_disentanglement_forest", "dci_completeness_forest", "dci_informativeness_forest", "sap",
    "explicitness", "factor_vae_score", "beta_vae_score", "udr_lasso",
)  # fmt: skip
_SHOWN, _STEPS = 12, 9


def page(found: Evidence) -> Page:
    """The page; nothing is written yet."""
    made = Page(
        found.order, "Sparse disentanglement: an L1 penalty, a perceptual loss, and metrics that are right"
    )
    made.introduce(
        """
        The published system adds an L1 penalty at the encoder's output of a variational autoencoder, puts a
        perceptual loss in the place of pixels, and reports MIG, AAM, PSNR and SSIM beside a VAE and a
        beta-VAE. The code that it cites for AAM estimates the entropy of each latent from a mix of all, and
        gives a perfect code 0.5; its table cannot be read as a result. Here the same kinds of model, and
        those that were published for the purpose, are fitted on one network and judged by metrics that are
        tested against perfect, rotated and empty codes.
        """
    )
    for section in (_set_up, _theirs, sparsity, pictures, slips, _ours, recipes, estimators, _quality, cost):
        section(made, found)
    _drawn(made, found)
    return made


def _set_up(page: Page, found: Evidence) -> None:
    scale, data = found.scale, found.data
    factors = ", ".join(f"{name} ({len(np.unique(column))})" for name, column in data.factors.items())
    page.head("Set-up")
    page.tell(
        f"""
        - Data: {data.name}, {sizes_of(data)} pictures of {" x ".join(map(str, data.shape))}; factors and
          their values: {factors}.
        - Model: convolutions of {", ".join(map(str, scale.channels))} channels and a dense layer of
          {scale.dense} to {scale.latent} latents, and the mirror of it; {scale.epochs} epochs,
          {steps_of(scale, data):,} steps of {scale.batch}, Adam at {scale.rate:g}; {counted(scale.seeds)} of
          each kind. The same for all kinds.
        - Kinds: beta-VAE with beta = 4; beta-TCVAE with beta = 6; FactorVAE with gamma = {GAMMA:g} and a
          critic of {scale.critic[1]} layers of {scale.critic[0]}; DIP-VAE I and II at 10; annealed VAE to
          {scale.capacity:g} nats. L1 at {scale.sparsity:g} nats a unit, on posterior means (*sparse,
          mean*), sampled codes (*sparse, sample*) or all that the encoder gives (*sparse, outputs*): the
          paper does not say which, nor its weight. Perceptual: squared relative difference of features in
          the place of pixels, at {scale.perceptual:g} nats for all that is seen; {found.network}. The paper
          names VGG16 and neither layers nor weight: these are ours.
        - Pictures are judged on the test split at the means of their codes; what latents know, on the codes
          of all rows, as published, since no factor was seen in training; MIG of the test split alone
          stands beside it. Models are those after the last step. Numbers are means over seeds, ± half of
          the 95 % interval (Student's t).
        """
    )


def _theirs(page: Page, found: Evidence) -> None:
    page.head("The paper's tables")
    page.tell(
        """
        MIG and AAM by histograms of 20 bins, corrected for bias; PSNR in dB with a range of 1, SSIM. Of the
        paper's cells those at hand stand beside ours.
        """
    )
    _table(page, found, (*_PAPER, *_QUALITY), published=True)


def _ours(page: Page, found: Evidence) -> None:
    page.head("What latents know of factors")
    page.tell(
        """
        By mutual information: MIG and AAM from densities of the aggregate posterior, modularity, and MIG by
        histograms on the test split alone. By learning: DCI with a forest, SAP, explicitness; by votes: the
        FactorVAE and beta-VAE scores, which do not see a rotation of the codes. Without factors: UDR, how far
        the seeds of a kind agree latent by latent, on test pictures.
        """
    )
    _table(page, found, _INFORMATION)
    _table(page, found, _LEARNED)


def _quality(page: Page, found: Evidence) -> None:
    page.head("Pictures and codes")
    page.tell(
        """
        Negative log-likelihood of pixels and KL in nats a picture, feature distance (0: the same features, 1:
        nothing of them), the L1 norm of the means, and latents in use (variance of the mean above 0.01).
        """
    )
    _table(page, found, _PICTURES)
    for kind in KINDS:
        if _carries_nothing(found, kind):
            page.tell(
                f"""
                {kind}: a KL of {found.values(kind, "kl").mean():.1f} nats, but no latent in use. Posteriors
                are narrow and all alike, so that the KL is spent and nothing is said of a picture: these fits
                have failed, and what is told of their latents is of none.
                """
            )


def _carries_nothing(found: Evidence, kind: str) -> bool:
    """Whether no seed has a latent in use though the KL says that there is something to read."""
    return not found.values(kind, "active").any() and bool((found.values(kind, "kl") > 1).all())


def _table(page: Page, found: Evidence, names: tuple[str, ...], *, published: bool = False) -> None:
    """A line a kind, a column a measure, and beside it the paper's where it is at hand."""
    lines = []
    for kind in KINDS:
        line: list[object] = [kind]
        for name in names:
            held_out = name in (*_QUALITY, *_PICTURES, "MIG, test pictures", "udr_lasso")
            row = found.row(found.values(kind, name), kind, name, held_out=held_out)
            line.append(row)
            if published and name in _PAPER:
                line.append("" if row.paper is None else number(row.paper))
        lines.append(line)
    heads = [
        head
        for name in names
        for head in ((words(name), "the paper's") if published and name in _PAPER else (words(name),))
    ]
    page.table(("model", *heads), lines)


def _drawn(page: Page, found: Evidence) -> None:
    """Reconstructions of all kinds; walks and what latents know, for the VAE, the paper's and the best."""
    seed = found.scale.seeds[0]
    best = max(KINDS, key=lambda kind: float(np.median(found.values(kind, "mig_hist"))))
    subjects = {
        kind: Subject.of(Run(found.order.models / found.run_of(kind, seed)), found.data, seed)
        for kind in KINDS
    }
    page.head("Pictures")
    test = subjects[VAE].test
    rows = np.sort(np.random.default_rng(0).permutation(len(test))[:_SHOWN])
    groups = {"test pictures": subjects[VAE].pictures(test.id[rows])}
    groups |= {kind: each.decoded(each.test.mean[rows]) for kind, each in subjects.items()}
    page.picture(
        "reconstructions",
        compared(groups, _SHOWN),
        alt="Rows of pictures: originals, then what each kind of model makes of their codes",
        caption=f"{_SHOWN} test pictures drawn at random, and what is made of their codes; seed {seed}.",
    )
    for kind in dict.fromkeys((VAE, BOTH, best)):
        _latents(page, subjects[kind], kind, seed, what=" (the best MIG)" if kind == best else "")


def _latents(page: Page, subject: Subject, kind: str, seed: int, *, what: str) -> None:
    slug = kind.lower().replace(" + ", "-").replace(", ", "-").replace(" ", "-")
    codes = subject.test
    start = codes.mean[0].astype(np.float64)
    order = walk.ranked(codes)
    if len(order):
        ways = walk.traversals(codes, start=start, steps=_STEPS, latents=order)
        images = subject.decoded(ways.z.reshape(-1, ways.z.shape[2]))
        nats = walk.latent_kl(codes)
        page.picture(
            f"traversals-{slug}",
            traversals(
                images.reshape(len(order), _STEPS, *images.shape[1:]),
                [f"{walk.latent_name(int(each))}  {nats[each]:.2f} nats" for each in order],
            ),
            alt=f"Rows of pictures in which one latent of {kind} moves",
            caption=f"{kind}{what}: one latent a row, from its 2.5 % to its 97.5 % quantile, others as in "
            f"the first test picture; latents in use by their KL; seed {seed}.",
        )
    found = measure.histogram_information(subject.codes, subject.codes.factors)
    page.picture(
        f"information-{slug}",
        information_map(found.matrix, found.entropies, found.names),
        alt=f"What each latent of {kind} knows of each factor",
        caption=f"{kind}{what}: mutual information as a share of the entropy of the factor; {found.n:,} "
        f"codes, seed {seed}. A frame marks the latent that knows most, the gap is by how much it is ahead.",
    )
