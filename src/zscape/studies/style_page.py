"""The page of the study style-paths, written from what was measured."""

from __future__ import annotations

import numpy as np

from zscape.run import Run
from zscape.studies.evidence import Row, counted, sizes_of
from zscape.studies.page import Page
from zscape.studies.sparse_measures import Subject
from zscape.studies.style_claims import angles, clusters, covariance, shapes, trained, walks
from zscape.studies.style_evidence import EXPLAINED, HELD_OUT, TRAINING, Evidence, error_of_the_mean
from zscape.studies.style_fits import BETA_WEIGHT, KINDS, PAINTINGS, STOCHASTIC, TRIPLET, VIEWS, Where
from zscape.studies.style_pictures import of_paintings, of_profiles, of_views
from zscape.studies.style_plates import lines
from zscape.studies.style_profiles import LONG_STEPS, PROMINENCE, RANDOM, STEPS, kind_of
from zscape.studies.style_structure import CLUSTERED, COMPONENTS, METHODS, SUBSPACE
from zscape.studies.style_turns import ARC, SPANS, turntable_of
from zscape.studies.style_views import ACROSS, DISSOLVE, FLOOR, NEIGHBOURS, PATHS, SEEN

_PARTS = (TRAINING, HELD_OUT)
# Decoders that explain less of the pictures are said to ignore their codes.
_BLANK = 0.1


def page(found: Evidence) -> Page:
    """The page; nothing is written yet."""
    made = Page(found.order, "Style paths: codes of paintings, and the ways between them")
    made.introduce(
        """
        William Rich, *Exploring the latent space of autoencoders with a metric of artistic style* (research
        report, University of the Witwatersrand, 2021), fits an autoencoder, a VAE, a beta-VAE, a triplet VAE
        and an adversarial autoencoder on paintings of four styles, describes how their codes are arranged,
        and follows the style loss along straight paths between codes. It names as further work paths that
        keep to the data, training on interpolations, and other data than art. Here the five are fitted beside
        ACAI and AEAI, which train on interpolations; what the report reads off curves is measured; and on
        views of objects that turn, where the true path is known, paths are judged by their distance from it.

        Of the report its abstract, its angles between first components and its reading of the curves are at
        hand. The other cells of its tables 5.1 to 7.1 are not, so that most of the tables below have no
        column of theirs.
        """
    )
    subjects = {where: {kind: _subject(found, where, kind) for kind in KINDS} for where in (PAINTINGS, VIEWS)}
    _set_up(made, found)
    made.head("Codes as a whole")
    covariance(made, found)
    _whole(made, found)
    of_paintings(made, found, subjects[PAINTINGS])
    made.head("Classes in the latent space")
    clusters(made, found)
    _clusters(made, found)
    angles(made, found)
    _classes(made, found)
    made.head("Style along straight paths")
    _profiles(made, found)
    shapes(made, found)
    of_profiles(made, found, subjects[PAINTINGS])
    made.head("Paths whose truth is known")
    _views(made, found)
    walks(made, found)
    trained(made, found)
    of_views(made, found, subjects[VIEWS])
    return made


def _subject(found: Evidence, where: Where, kind: str) -> Subject:
    seed = found.scale.seeds[0]
    return Subject.of(Run(found.order.models / found.run_of(where, kind, seed)), found.data[where], seed)


def _set_up(page: Page, found: Evidence) -> None:
    scale = found.scale
    paintings, views = found.data[PAINTINGS], found.data[VIEWS]
    table = turntable_of(views, scale.turn)
    page.head("Set-up")
    page.tell(
        f"""
        - Paintings: {paintings.name}, {sizes_of(paintings)} pictures of
          {" x ".join(map(str, paintings.shape))} in {found.classes} classes: {", ".join(paintings.names)}.
          The report has realism, and WikiArt's other styles; here baroque stands in for it.
        - Views: {views.name}, {len(table.rows)} objects at {table.rows.shape[1]} turns, {table.degrees:g}
          degrees apart, {" x ".join(map(str, views.shape))}. Every second view is trained on, but for an
          arc of {ARC * table.degrees:g} degrees of each object, somewhere on its turn, of which nothing
          between its ends is.
        - {_network(found, PAINTINGS)}
        - {_network(found, VIEWS)} The report has four convolutions, dense layers and 4,096 latents at 64 x
          64, on 103,250 paintings.
        - Kinds, all with the cross-entropy of pixels as reconstruction: AE, VAE, beta-VAE with beta =
          {BETA_WEIGHT:g}, triplet VAE (all triplets of a batch; its margin is half of the squared distance of
          two draws of the prior), adversarial AE (Gaussian prior), ACAI with its published weight and AEAI
          with the recipe's, made to fit that reconstruction and the number of pixels.
          {", ".join(STOCHASTIC)} have Gaussian posteriors; codes are their means. The labels of the triplet
          VAE are the styles, of the views the objects. The report's weights of critic and triplet are not at
          hand.
        - {counted(scale.seeds)} of each kind, models after the last step. Numbers are means over seeds, ±
          half of the 95 % interval (Student's t). *Held-out* codes are those of all pictures that were not
          trained on.
        """
    )
    rows, blank = [], []
    blind: dict[Where, float] = {where: error_of_the_mean(images) for where, images in found.data.items()}
    for kind in KINDS:
        line: list[object] = [kind]
        for where, most in blind.items():
            count = len(found.data[where].splits["test"])
            errors = found.values(where, kind, "squared error")
            explained = found.row(1 - errors / most, kind, f"{EXPLAINED}, {where}", n=count)
            line += [found.row(errors, kind, f"squared error, {where}", n=count), explained]
            if explained.value < _BLANK:
                blank.append(f"{kind} ({where})")
        rows.append(line)
    page.tell(
        """
        Squared error of reconstructions of test pictures, a mean over pixels in [0, 1], and the share that is
        *explained*: 0 for a decoder that makes the mean picture of every code, 1 without error.
        """
    )
    page.table(("model", "paintings", "explained", "views", "explained"), rows)
    if blank:
        page.tell(
            f"**Codes say next to nothing to the decoders of {', '.join(blank)}**: less than {_BLANK:.0%} is "
            "explained. Their pictures hardly change along any path, and what is said of these paths below "
            "is no more than noise."
        )


def _network(found: Evidence, where: Where) -> str:
    setting, data = found.scale.of(where), found.data[where]
    steps = setting.epochs * (len(data.splits["train"]) // setting.batch)
    return (
        f"Network for {where}: convolutions of {', '.join(map(str, setting.channels))} channels and a dense "
        f"layer of {setting.dense} to {setting.latent} latents, and the mirror of it; {setting.epochs} "
        f"epochs, {steps:,} steps of {setting.batch}, Adam at {found.scale.rate:g}."
    )


def _whole(page: Page, found: Evidence) -> None:
    page.tell(
        """
        Sphericity is the squared mean variance over the mean squared one, of all directions, corrected for
        the number of codes: 1 for a sphere, one over the number of latents for a line; with the posteriors'
        own variances added for those that have them. The share of the first principal component stands
        beside that of codes whose columns are permuted; *components*, of the first ten, lie above those of
        permuted columns.
        """
    )
    names = ("sphericity", "sphericity of posteriors", "first share", "first share, permuted", "components")
    _by_part(page, found, names)
    kinds = {
        kind: {
            "training": np.mean(
                [each["all"]["ratios"] for each in found.of(PAINTINGS, kind, TRAINING, "spectra")], 0
            ),
            "held-out": np.mean(
                [each["all"]["ratios"] for each in found.of(PAINTINGS, kind, HELD_OUT, "spectra")], 0
            ),
            "permuted, held-out": np.mean(
                [each["all"]["permuted"] for each in found.of(PAINTINGS, kind, HELD_OUT, "spectra")], 0
            ),
        }
        for kind in KINDS
    }
    page.picture(
        "spectra",
        lines(kinds, across="component", up="share of variance", plain=("permuted, held-out",)),
        alt="Shares of the first principal components in the variance of codes, a panel a model",
        caption=f"The first {COMPONENTS} principal components of all codes; means over seeds.",
    )
    names_of = found.data[PAINTINGS].names
    table = []
    for kind in KINDS:
        line: list[object] = [kind]
        spectra = found.of(PAINTINGS, kind, HELD_OUT, "spectra")
        for which in (each for each in spectra[0] if each != "all"):
            values = [each[which]["ratios"][0] for each in spectra]
            name = f"first share of {names_of[int(which)]}, {HELD_OUT}"
            line.append(found.row(values, kind, name, n=_size(found, int(which))))
        table.append(line)
    page.tell("Share of the first component within each class, of held-out codes:")
    page.table(("model", *names_of), table)


def _clusters(page: Page, found: Evidence) -> None:
    counts = found.scale.clusters
    page.tell(
        f"""
        Clusters by k-means and by normalised cuts of the graph of nearest neighbours. With {found.classes}
        clusters, one a class: silhouette, purity ({_commonest(found)} for the commonest class alone),
        normalised mutual information and adjusted Rand index with the classes. *Best* is the number of
        clusters among {", ".join(map(str, counts))} with the highest silhouette, a mean over seeds.
        """
    )
    for part in _PARTS:
        table = []
        for kind in KINDS:
            for method in METHODS:
                of = f"{method} {found.classes}"
                line: list[object] = [f"{kind}, {CLUSTERED[method]}"]
                for name in ("silhouette", "purity", "nmi", "ari"):
                    values = found.values(PAINTINGS, kind, part, of, name)
                    line.append(found.row(values, kind, f"{name} of {of}, {part}", n=found.codes_of(part)))
                scores = [
                    found.values(PAINTINGS, kind, part, f"{method} {each}", "silhouette").mean()
                    for each in counts
                ]
                table.append([*line, counts[int(np.argmax(scores))]])
        page.tell(f"{part.capitalize()} paintings:")
        page.table(("model and method", "silhouette", "purity", "NMI", "ARI", "best"), table)
    _composition(page, found)
    page.tell(
        """
        What can be read: accuracy of a linear probe and of the five nearest neighbours, learned from two
        thirds of the codes and tested on the others. *Training* codes are of pictures whose labels the
        triplet VAE has seen, *held-out* ones of pictures that no model has.
        """
    )
    _by_part(page, found, ("linear probe", "nearest neighbours", "silhouette of classes"))


def _commonest(found: Evidence) -> str:
    """Share of the commonest class among held-out paintings, in words."""
    return f"{found.values(PAINTINGS, KINDS[0], HELD_OUT, 'commonest class')[0]:.2f}"


def _composition(page: Page, found: Evidence) -> None:
    """What the clusters of the triplet VAE are made of, for the first seed."""
    counts = np.array(found.of(PAINTINGS, TRIPLET, HELD_OUT, f"kmeans {found.classes}", "counts")[0])
    names = found.data[PAINTINGS].names
    page.tell(
        f"What the k-means clusters of held-out codes are made of, {TRIPLET}, seed {found.scale.seeds[0]}:"
    )
    shares = counts / counts.sum(axis=1, keepdims=True)
    page.table(
        ("cluster", "codes", *names),
        [
            (number + 1, int(counts[number].sum()), *(f"{share:.0%}" for share in row))
            for number, row in enumerate(shares)
        ],
    )


def _classes(page: Page, found: Evidence) -> None:
    page.tell(
        f"""
        Angles in degrees between the first components of two classes, folded to 90, and between the spans
        of the first {SUBSPACE}, means over pairs of classes, each beside that of random directions; mean
        distance between classes over that within. Of held-out codes.
        """
    )
    names = ("angle", "angle, random", "angles below chance", "principal angle", "principal angle, random",
             "distance within", "distance between", "between over within")  # fmt: skip
    _table(page, found, HELD_OUT, names)
    names_of = found.data[PAINTINGS].names
    labels = np.unique(np.asarray(found.data[PAINTINGS].labels)).tolist()
    page.tell(
        """
        Offset of each class's centre from that of all codes: summed over latents, as the report has it, which
        grows with their number and is above 0 for a random class too, and its Euclidean length with the
        noise of the sample taken off.
        """
    )
    for norm in ("l1", "l2"):
        table = []
        for kind in KINDS:
            line: list[object] = [kind]
            for which in labels:
                values = found.values(PAINTINGS, kind, HELD_OUT, f"centroid_offset_{norm}_{which}")
                name = f"offset {norm} of {names_of[which]}, {HELD_OUT}"
                line.append(found.row(values, kind, name, n=_size(found, which)))
            table.append(line)
        page.table((f"{norm.upper()}", *names_of), table)
    page.tell(
        "Shortest and longest distance within a class and between two, of held-out codes; means over seeds:"
    )
    _extremes(page, found)


def _extremes(page: Page, found: Evidence) -> None:
    table = []
    for kind in KINDS:
        short, long = (
            np.array(found.of(PAINTINGS, kind, HELD_OUT, f"{name} distances"))
            for name in ("shortest", "longest")
        )
        count = short.shape[1]
        inner, outer = np.diag_indices(count), np.triu_indices(count, 1)
        line: list[object] = [kind]
        for name, values in (
            ("shortest within", short[:, *inner].min(axis=1)),
            ("longest within", long[:, *inner].max(axis=1)),
            ("shortest between", short[:, *outer].min(axis=1)),
            ("longest between", long[:, *outer].max(axis=1)),
        ):
            line.append(found.row(values, kind, f"{name}, {HELD_OUT}", n=found.codes_of(HELD_OUT)))
        table.append(line)
    page.table(("model", "shortest within", "longest within", "shortest between", "longest between"), table)


def _profiles(page: Page, found: Evidence) -> None:
    page.tell(
        f"""
        Style loss between each picture and the next on straight paths of {STEPS} steps between held-out
        codes: {found.scale.pairs} random pairs in each class and between each two, the shortest and the
        longest of each, and {LONG_STEPS} steps for four of them. {found.network}. The *ratio* is the mean
        over the middle third of a path over that of the outer thirds: above 1 for a horseshoe. *Humps*
        stand out by a tenth of the curve's range ({PROMINENCE:g}). The cross-dissolve index is the
        squared distance of a picture from the nearest mixture of the path's ends over that from a grey
        picture: 0 for a pure dissolve. *Whole* is the style loss summed over the path.
        """
    )
    table = []
    for kind in KINDS:
        line: list[object] = [kind]
        for name in ("ratio", "maxima", "dissolve", "style"):
            for of in ("within", "between"):
                values = found.values(PAINTINGS, kind, "profiles", f"{name}, {of}")
                line.append(found.row(values, kind, f"{name} of paths {of} classes", n=_paths(found, of)))
        table.append(line)
    heads = (f"{name}, {of}" for name in ("ratio", "humps", "index", "whole") for of in ("within", "between"))
    page.table(("model", *heads), table)


def _paths(found: Evidence, of: str) -> int:
    """How many random paths there are."""
    sets = found.of(PAINTINGS, KINDS[0], "profiles", "sets")[0]
    return sum(len(each["rows"]) for each in sets if each["how"] == RANDOM and kind_of(each["classes"]) == of)


def _views(page: Page, found: Evidence) -> None:
    degrees = turntable_of(found.data[VIEWS], found.scale.turn).degrees
    page.tell(
        f"""
        Pairs of views that are trained on, {min(SPANS) * degrees:g} to {max(SPANS) * degrees:g} degrees
        apart: *{SEEN}*, where every second view on the way is trained on, and *{ACROSS}*, where nothing
        within the arc is. Each path has a step a view, and the root mean square over pixels in [0, 1] is
        taken between every point inside it and the nearest of all true views of the object (*nearest*), and
        the view that belongs there at even pace (*pace*). Graphs join each training code with {NEIGHBOURS}
        others, or more until each object hangs together. Geodesics have the least change of the decoded
        picture, of which a cross-dissolve has the least there is: they come as near to one as the decoder
        lets them. Those *on the data* begin at the graph's path and pay for being far from training codes.
        Last come what the model makes of the codes of the true views themselves, which no path can be
        expected to beat, and a cross-dissolve of what the two ends decode to.
        """
    )
    for between in (SEEN, ACROSS):
        for name in ("nearest", "pace"):
            table = []
            for kind in KINDS:
                line: list[object] = [kind]
                for path in (*PATHS, FLOOR, DISSOLVE):
                    values = found.distances(kind, path, between, name)
                    line.append(
                        found.row(
                            values.mean(axis=1),
                            f"{kind}, {path}, {between}",
                            f"{name}, rms of pixels",
                            n=values.size,
                        )
                    )
                table.append(line)
            page.tell(f"{between.capitalize()}, {name}:")
            page.table(("model", *PATHS, FLOOR, DISSOLVE), table)


def _by_part(page: Page, found: Evidence, names: tuple[str, ...]) -> None:
    for part in _PARTS:
        page.tell(f"{part.capitalize()} paintings:")
        _table(page, found, part, names)


def _table(page: Page, found: Evidence, part: str, names: tuple[str, ...]) -> None:
    """A line a kind, a column a measure of one part of the paintings."""
    table: list[list[object]] = []
    for kind in KINDS:
        cells: list[Row] = [
            found.row(
                found.values(PAINTINGS, kind, part, name), kind, f"{name}, {part}", n=found.codes_of(part)
            )
            for name in names
        ]
        table.append([kind, *cells])
    page.table(("model", *names), table)


def _size(found: Evidence, which: int) -> int:
    """Held-out paintings of a class."""
    data = found.data[PAINTINGS]
    held_out = np.ones(len(data), dtype=bool)
    held_out[data.splits["train"]] = False
    return int((np.asarray(data.labels)[held_out] == which).sum())
