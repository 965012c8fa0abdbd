"""What `zscape sample` does: draw a set of codes, decode it, and measure it beside independent draws."""

from __future__ import annotations

import functools
import json
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from zscape import codes as tables
from zscape import energy
from zscape import report as reports
from zscape import sample as samplers
from zscape.app import console
from zscape.base import Codes, Data, Density
from zscape.errors import RunFormatError, SettingError, nearest
from zscape.files import whole_file
from zscape.measure import mean_cosine_similarity, mean_pairwise_distance, nearest_distances, vendi_score
from zscape.report.sections import pictorial
from zscape.run import Run

METHODS = ("iid", "quantize", "representatives", "by-class")
DENSITIES = ("prior", "gaussian", "mixture", "empirical")
# Sets up to this size are measured and their pictures written one by one.
MEASURED = 2000
TRIALS = 20


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What to draw.

    Attributes:
        method: One of METHODS.
        count: How many codes.
        density: One of DENSITIES, for iid and quantize; None is the prior.
        components: Gaussians of a mixture; None leaves it to the mixture.
        statistics: Of each class, for by-class: diagonal, full or mixture; None is diagonal.
        theta: What the spread of each class is multiplied by, for by-class; None is 1.
        fitted: File of a density that `zscape.sample.save` wrote, for by-class, in place of the last three.
        label: Class to draw from, its name or number; all if not given.
        avoid: Tables of codes already drawn, to stay away from.
        shell: Whether quantized codes keep the typical radius.
        seed: Of everything drawn at random.
    """

    method: str = "iid"
    count: int = 24
    density: str | None = None
    components: int | None = None
    statistics: str | None = None
    theta: float | None = None
    fitted: Path | None = None
    label: str | None = None
    avoid: tuple[Path, ...] = ()
    shell: bool = False
    seed: int = 0


@dataclass(frozen=True)
class Drawn:
    """A set of codes, what it stands for, and how others of its kind would be drawn independently.

    Attributes:
        z: (count, D) codes.
        target: What the distance of a set is measured to: codes (N, D), or D for N(0, I).
        independent: From count and seed to independent codes of the same target.
        label: (count,) classes asked for, or None.
        rows: (count,) rows of the data set that the codes are of, or None for new ones.
        others: As many rows chosen at random, to compare with, or None for new ones.
    """

    z: np.ndarray
    target: np.ndarray | int
    independent: Callable[[int, int], np.ndarray]
    label: np.ndarray | None = None
    rows: np.ndarray | None = None
    others: np.ndarray | None = None


@dataclass(frozen=True)
class Measured:
    """A measure of a set, and its mean and range over independent sets of the same size, or None."""

    name: str
    value: float
    unit: str
    iid_mean: float | None = None
    iid_low: float | None = None
    iid_high: float | None = None


def sample(path: Path, asked: Asked, data: Callable[[Run], Data]) -> tuple[dict[str, Path], list[Measured]]:
    """Draw, write samples.parquet and pictures, and measure.

    Args:
        path: Run folder.
        asked: What to draw.
        data: Loads the data set of a run, called only where its pictures are shown.

    Returns:
        Paths of what was written, and the measures of the set.
    """
    _check(asked)
    run = Run(path)
    kept = _read_avoided(asked.avoid, run.model.latent)
    with console.progress(asked.method) as told, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        drawn = _DRAWERS[asked.method](run, asked, kept, told)
    for warning in caught:
        console.tell(f"note: {warning.message}")
    comparison = None if asked.method == "iid" else drawn.independent(asked.count, asked.seed)
    # Before anything is written, as the data may be gone.
    originals = None if drawn.rows is None else data(run)
    _write_table(run, asked, drawn, comparison)
    paths = {"samples": run.samples_path}
    if pictorial(run):
        paths |= _write_pictures(run, drawn, originals)
    if asked.count > MEASURED:
        console.tell(f"note: sets of up to {MEASURED:,} are measured and written picture by picture")
        return paths, []
    with console.progress("measure") as told:
        return paths, _measured(run, drawn, kept, asked, told)


def train_codes(run: Run, label: str | None) -> Codes:
    """The run's training codes, of one class where a label is given."""
    tables.check_origin(run.codes_path, run.model)
    codes = tables.load(run.codes_path)
    if codes.latent != run.model.latent:
        raise RunFormatError(
            f"{run.codes_path} does not belong to this run; make it again with zscape encode"
        )
    codes = codes.of("train")
    return codes if label is None else codes.take(codes.label == class_of(codes, label))


def class_of(codes: Codes, label: str) -> int:
    """The class that a label, a name or a number, stands for."""
    if codes.label is None:
        raise SettingError("--label needs codes with labels, but these have none")
    present = np.unique(codes.label).tolist()
    if label in codes.names and codes.names.index(label) in present:
        return codes.names.index(label)
    if label.lstrip("-").isdecimal() and int(label) in present:
        return int(label)
    known = [codes.names[value] if 0 <= value < len(codes.names) else str(value) for value in present]
    raise SettingError(f"no code has label {label}; there are: {', '.join(known)}")


def density(run: Run, asked: Asked) -> Density:
    """The density that codes are drawn from, fitted on the training codes."""
    if _from_prior(asked):
        if not {"kl", "mmd"} & set(run.spec["objective"]):
            console.tell(
                "note: nothing in this objective pulls codes to the prior, so it may lie where none are; "
                "--density empirical or gaussian draws from where they are"
            )
        return samplers.StandardNormal(run.model.latent)
    makers: dict[str, Any] = {
        "gaussian": samplers.Gaussian,
        "mixture": lambda: samplers.Mixture(seed=asked.seed, **_given(components=asked.components)),
        "empirical": samplers.Empirical,
    }
    return makers[str(asked.density)]().fit(train_codes(run, asked.label))


def _check(asked: Asked) -> None:
    if asked.method not in METHODS:
        raise SettingError(f"unknown method {asked.method!r}: {nearest(asked.method, METHODS)}")
    if asked.density not in (None, *DENSITIES):
        raise SettingError(f"unknown density {asked.density!r}: {nearest(asked.density, DENSITIES)}")
    if _from_prior(asked) and asked.label is not None and asked.method in ("iid", "quantize"):
        raise SettingError(
            "the prior knows no classes; give --label with --density gaussian, or another, or with "
            "--method by-class"
        )
    if asked.density is not None and asked.method in ("representatives", "by-class"):
        raise SettingError(f"--method {asked.method} takes no --density: it reads the codes themselves")
    _check_by_class(asked)
    if asked.avoid and asked.method not in ("quantize", "representatives"):
        raise SettingError(
            f"--avoid needs --method quantize or representatives, but got {asked.method}, whose draws know "
            "nothing of each other"
        )
    if asked.shell and asked.method != "quantize":
        raise SettingError(f"--shell needs --method quantize, but got {asked.method}")


def _check_by_class(asked: Asked) -> None:
    """Refuse settings of classes and mixtures where none are drawn from."""
    given = {"statistics": asked.statistics, "theta": asked.theta, "fitted": asked.fitted}
    idle = [name for name, value in given.items() if value is not None]
    if idle and asked.method != "by-class":
        raise SettingError(f"--{idle[0]} needs --method by-class, but got {asked.method}")
    if asked.fitted is not None and (len(idle) > 1 or asked.components is not None):
        raise SettingError(
            "--fitted brings its own statistics, theta and components; leave those options out"
        )
    mixture = asked.statistics if asked.method == "by-class" else asked.density
    if asked.components is not None and mixture != "mixture":
        raise SettingError("--components needs --density mixture, or --method by-class --statistics mixture")


def _given(**settings: Any) -> dict[str, Any]:  # noqa: ANN401 (settings of any kind)
    """Those settings that were given."""
    return {name: value for name, value in settings.items() if value is not None}


def _from_prior(asked: Asked) -> bool:
    return asked.density in (None, "prior")


def _iid(run: Run, asked: Asked, kept: np.ndarray | None, told: console.Told) -> Drawn:
    chosen = density(run, asked)
    z = chosen.sample(asked.count, seed=asked.seed)
    return Drawn(z, _reference(run, asked), _draws(chosen), label=_label(run, asked))


def _quantized(run: Run, asked: Asked, kept: np.ndarray | None, told: console.Told) -> Drawn:
    chosen, target = density(run, asked), _reference(run, asked)
    result = samplers.quantize(
        chosen if isinstance(target, int) else target,
        asked.count,
        avoid=kept,
        shell=asked.shell,
        seed=asked.seed,
        watch=told,
    )
    return Drawn(result.points, target, _draws(chosen), label=_label(run, asked))


def _representatives(run: Run, asked: Asked, kept: np.ndarray | None, told: console.Told) -> Drawn:
    codes = train_codes(run, asked.label)
    points = codes.mean.astype(np.float64)
    rows = samplers.representatives(points, asked.count, avoid=kept, seed=asked.seed)

    def chosen(count: int, seed: int) -> np.ndarray:
        return np.random.default_rng(seed).choice(len(points), count, replace=False)

    return Drawn(
        points[rows],
        points,
        lambda count, seed: points[chosen(count, seed)],
        label=None if codes.label is None else codes.label[rows],
        rows=codes.id[rows],
        others=codes.id[chosen(asked.count, asked.seed)],
    )


def _by_class(run: Run, asked: Asked, kept: np.ndarray | None, told: console.Told) -> Drawn:
    codes = train_codes(run, None)
    if codes.label is None:
        raise SettingError("--method by-class needs codes with labels, but these have none")
    which = None if asked.label is None else class_of(codes, asked.label)
    fitted = _fitted(run, asked, codes)
    # Without a class asked for, classes in turn, as even as the count allows.
    label = np.sort(np.resize(fitted.classes_ if which is None else which, asked.count))
    if which is not None:
        codes = codes.take(codes.label == which)
    z = np.empty((asked.count, codes.latent))
    for each in np.unique(label).tolist():
        here = label == each
        z[here] = fitted.sample(int(here.sum()), each, seed=asked.seed)
    empirical = samplers.Empirical().fit(codes)
    target = empirical.sample(len(codes), seed=_other(asked.seed))
    return Drawn(z, target, _draws(empirical), label=label)


def _fitted(run: Run, asked: Asked, codes: Codes) -> samplers.ByClass:
    """The density asked for: read, or fitted on the codes and kept with the run."""
    if asked.fitted is None:
        settings = _given(theta=asked.theta, components=asked.components)
        fitted = samplers.ByClass(asked.statistics or "diagonal", seed=asked.seed, **settings).fit(codes)
        samplers.save(fitted, run.path / "by-class.npz")
        return fitted
    found = samplers.load(asked.fitted)
    if not isinstance(found, samplers.ByClass) or found.means_.shape[-1] != codes.latent:
        raise SettingError(
            f"--fitted needs a ByClass of {codes.latent} latents, but {asked.fitted} holds "
            f"{type(found).__name__} of {getattr(found, 'means_', codes.mean).shape[-1]}"
        )
    return found


_DRAWERS: dict[str, Callable[[Run, Asked, np.ndarray | None, console.Told], Drawn]] = {
    "iid": _iid,
    "quantize": _quantized,
    "representatives": _representatives,
    "by-class": _by_class,
}


def _label(run: Run, asked: Asked) -> np.ndarray | None:
    """The class asked for, once for every code."""
    if asked.label is None:
        return None
    return np.full(asked.count, class_of(train_codes(run, None), asked.label))


def _draws(chosen: Density) -> Callable[[int, int], np.ndarray]:
    return lambda count, seed: chosen.sample(count, seed=seed)


def _reference(run: Run, asked: Asked) -> np.ndarray | int:
    """What a set drawn from the density is compared with: N(0, I) itself, or as many draws as codes."""
    if _from_prior(asked):
        return run.model.latent
    codes = train_codes(run, asked.label)
    # A seed of their own, so that draws are never compared with themselves.
    return density(run, asked).sample(len(codes), seed=_other(asked.seed))


def _other(seed: int) -> int:
    return int(np.random.SeedSequence([seed, 1]).generate_state(1)[0])


def _read_avoided(paths: tuple[Path, ...], latent: int) -> np.ndarray | None:
    """Codes already drawn, of all tables given."""
    if not paths:
        return None
    found = [tables.points(path) for path in paths]
    for path, z in zip(paths, found, strict=True):
        if not len(z) or z.shape[1] != latent:
            raise RunFormatError(
                f"--avoid needs one or more codes of {latent} latents, but {path} holds {len(z)} of "
                f"{z.shape[1]}; give the samples.parquet or codes.parquet of this run"
            )
    return np.concatenate(found)


def _write_table(run: Run, asked: Asked, drawn: Drawn, comparison: np.ndarray | None) -> None:
    columns: dict[str, Any] = {
        "id": np.arange(asked.count) if drawn.rows is None else drawn.rows,
        "code": tables.vectors(drawn.z),
    }
    if drawn.label is not None:
        columns["label"] = drawn.label
    if comparison is not None:
        columns["iid"] = tables.vectors(comparison)
    if drawn.others is not None:
        columns["iid_id"] = drawn.others
    notes = {b"zscape": json.dumps(_notes(asked)).encode()}
    with whole_file(run.samples_path) as temporary:
        pq.write_table(pa.table(columns).replace_schema_metadata(notes), temporary)


def _notes(asked: Asked) -> dict[str, Any]:
    """The settings that had a say, as the table and the report keep them."""
    said: dict[str, Any] = {"method": asked.method, "count": asked.count, "seed": asked.seed}
    if asked.method in ("iid", "quantize"):
        said["density"] = asked.density or "prior"
    if asked.method == "by-class" and asked.fitted is None:
        said |= {
            "statistics": asked.statistics or "diagonal",
            "theta": 1.0 if asked.theta is None else asked.theta,
        }
    if asked.fitted is not None:
        said["fitted"] = asked.fitted.name
    if asked.shell:
        said["shell"] = True
    if asked.label is not None:
        said["label"] = asked.label
    if asked.avoid:
        said["avoid"] = ", ".join(path.name for path in asked.avoid)
    return said


def _write_pictures(run: Run, drawn: Drawn, originals: Data | None) -> dict[str, Path]:
    paths = {"pictures": reports.write_samples(run, originals)}
    # Of a large set none, but those of the set before must go.
    shown = drawn.z if len(drawn.z) <= MEASURED else drawn.z[:0]
    images = run.decode(shown) if originals is None else _originals(originals, drawn.rows, len(shown))
    folder = reports.write_singles(run, images)
    return paths | ({"singles": folder} if len(shown) else {})


def _originals(data: Data, rows: np.ndarray | None, count: int) -> np.ndarray:
    return data.batch(torch.from_numpy(np.asarray(rows, dtype=np.int64)[:count]), "cpu")[0].numpy()


def _measured(
    run: Run, drawn: Drawn, kept: np.ndarray | None, asked: Asked, told: console.Told
) -> list[Measured]:
    """Each measure of the set beside its range over independent sets of the same size."""
    measures = functools.partial(_measures, run, target=_Target(drawn.target), kept=kept)
    own = measures(drawn.z)
    if asked.method == "iid":
        return [Measured(name, value, unit) for name, (value, unit) in own.items()]
    trials = []
    for trial in range(TRIALS):
        told(trial, TRIALS, "independent sets to compare with")
        trials.append(measures(drawn.independent(len(drawn.z), asked.seed + trial)))
    rows = []
    for name, (value, unit) in own.items():
        # A set with a black picture has no cosine similarity, so not every measure is there every time.
        others = [trial[name][0] for trial in trials if name in trial]
        compared = (float(np.mean(others)), min(others), max(others)) if others else (None, None, None)
        rows.append(Measured(name, value, unit, *compared))
    return rows


class _Target:
    """Squared energy distance to one target; what belongs to the target alone is computed once."""

    def __init__(self, target: np.ndarray | int) -> None:
        self._target = target if isinstance(target, int) else energy.Cloud(target)
        self._spread = 0.0 if isinstance(self._target, int) else self._target.spread()

    def distance(self, z: np.ndarray) -> float:
        if isinstance(self._target, int):
            return energy.distance(z, self._target)
        return float(self._target.potential(z).mean()) - (energy.spread(z) + self._spread) / 2


def _measures(
    run: Run, z: np.ndarray, *, target: _Target, kept: np.ndarray | None
) -> dict[str, tuple[float, str]]:
    """Name to value and unit."""
    unit = "latent units"
    if kept is None:
        found = {"squared energy distance to the target": (target.distance(z), unit)}
    else:
        together = target.distance(np.concatenate([kept, z]))
        found = {
            "squared energy distance to the target, with those avoided": (together, unit),
            "mean distance to the nearest avoided": (float(nearest_distances(kept, z).mean()), unit),
        }
    found["mean radius"] = (float(np.linalg.norm(z, axis=1).mean()), unit)
    if len(z) < 2:
        return found
    found["mean distance between codes"] = (mean_pairwise_distance(z).value, unit)
    images = run.decode(z).reshape(len(z), -1)
    if np.linalg.norm(images, axis=1).all():
        found["mean cosine similarity of pictures"] = (mean_cosine_similarity(images).value, "")
        found["Vendi score of pictures"] = (vendi_score(images).value, f"of {len(z)}")
    return found
