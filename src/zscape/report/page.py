"""One self-contained page on a run: what was asked, what came of it, and the figures to judge it by."""

from __future__ import annotations

import importlib.resources
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from jaxtyping import Float
from PIL import Image

from zscape import base, drawing, walk
from zscape.files import whole_file, write_text
from zscape.report import classes, pictures, samples, sections, sheets, style, walks
from zscape.report import paths as walked_paths
from zscape.report.wording import duration, interval, phrase, words
from zscape.run import Run

# What a reader looks for first, and what stands in the head of the page when it has been measured.
_HEADLINE = ("importance_bound", "elbo", "squared_error", "active_units", "psnr", "ssim")
_HEADLINE_COUNT = 4
Told = Callable[[float, float, str], None]
"""Called with work done, work in all, and a few words on what comes next."""


def write(run: Run, data: base.Data, *, tsne: bool = False, seed: int = 0, watch: Told | None = None) -> Path:
    """Write report.html and figures/ of a run: all that its folder allows, and how to make what it lacks.

    The same folder, data and seed give the same bytes.
    Cost: 10 to 20 CPU seconds; t-SNE adds up to about 20.

    Args:
        run: The run.
        data: The data set it was fitted on, for the originals.
        tsne: Whether to add a t-SNE map, of at most 5,000 codes.
        seed: Of all that is drawn at random: pictures shown, t-SNE, bootstrap.
        watch: Called before each part of the page with parts done, parts in all, and what comes.

    Returns:
        The path of the page.

    Raises:
        ValueError: If the data is not what the run was fitted on: another shape, content or size.
        RunFormatError: If a file of the run is damaged.
    """
    _check_same(run, data)
    makers: dict[str, Callable[[], sections.Section | None]] = {
        "learning curves": lambda: sections.learning(run),
        "reconstructions": lambda: sections.reconstructed(run, data, seed=seed),
        "latent space": lambda: sections.latent(run, tsne=tsne, seed=seed),
        "classes": lambda: classes.structured(run, data, seed=seed),
        "walks": lambda: walks.walked(run, data, seed=seed),
        "samples": lambda: samples.sampled(run, data),
    }
    told = watch or (lambda done, total, words: None)
    body, parts = [], len(makers) + 1
    for done, (name, make) in enumerate(makers.items()):
        told(done, parts, name)
        section = make()
        body += [] if section is None else [section]
    told(len(makers), parts, "figures")
    page = _template().render(
        name=run.path.resolve().name,
        place=sections.place(run),
        spec=run.spec,
        spec_text=json.dumps(run.spec, indent=2, ensure_ascii=False),
        summary=_summary(run, data),
        asked=_asked(run, data),
        objective=[_term(name, term) for name, term in run.spec["objective"].items()],
        headline=_headline(run.results()),
        results=run.results(),
        sections=body,
        drawings={plate.name: _draw(run.figures, plate) for section in body for plate in section.plates},
        interval=interval,
        words=words,
    )
    target = run.path / "report.html"
    write_text(target, page)
    told(parts, parts, "")
    return target


def write_samples(run: Run, data: base.Data | None = None, *, folder: Path | None = None) -> Path:
    """Write the picture grid of a run's samples, figures/samples.png and .svg, as the page shows it.

    Of a run of drawings also figures/samples-drawn, in which they draw themselves, with a .gif.

    Args:
        run: The run.
        data: The data set, needed to show pictures that were chosen from it rather than decoded.
        folder: Where samples.parquet is and figures/ goes; that of the run if not given.

    Returns:
        The path of the PNG.

    Raises:
        ValueError: If the run has no samples yet, or they are not pictures.
        RunFormatError: If samples.parquet is damaged.
    """
    section = samples.sampled(run, data, folder=folder)
    home = run.path if folder is None else folder
    if not section.plates:
        raise ValueError(f"{home} has no pictures of samples to draw; make samples with zscape sample")
    figures = home / run.figures.name
    for plate in section.plates:
        _draw(figures, plate)
    return figures / f"{section.plates[0].name}.png"


def write_walk(run: Run, codes: base.Codes, made: walks.Walk, folder: Path) -> dict[str, Path]:
    """Write the figures of a walk as the page shows them: traversals, which move too, and responses.

    Args:
        run: The run.
        codes: Its codes, with factors where they are known.
        made: The walk.
        folder: Where to.

    Returns:
        The paths of the PNGs and of the GIF.
    """
    return _write_plates(walks.plates(run, codes, made), folder)


def write_paths(
    run: Run,
    paths: walk.PathSet,
    notes: Mapping[str, Any],
    results: list[base.Result],
    folder: Path,
    data: base.Data | None = None,
) -> dict[str, Path]:
    """Write the figures of paths from code to code as the page shows them: filmstrips, curves and measures.

    Args:
        run: The run.
        paths: The paths, with their profiles.
        notes: What `zscape walk` keeps of how they came about.
        results: Measures of whole paths, as `path_results` has them.
        folder: Where to.
        data: The data set, to show the originals of the ends; None to leave them out.

    Returns:
        The paths of the PNGs and of the GIF.
    """
    return _write_plates(
        walked_paths.path_plates(run, paths, notes, results, data), folder, paths="filmstrips"
    )


def write_singles(run: Run, images: Float[np.ndarray, "N ..."], *, folder: Path | None = None) -> Path:
    """Write each picture as a PNG of its own, pixel for pixel, in samples/; others there are removed.

    A drawing is written as an SVG and as a PNG of 256 pixels a side.

    Args:
        run: The run.
        images: Grey or RGB pictures (N, C, H, W) in [0, 1], or of a run of drawings those (N, T, 5), in the
            order of samples.parquet.
        folder: Where samples/ goes; that of the run if not given.

    Returns:
        The folder; its files are numbered as the rows of samples.parquet, 0000.png and on.

    Raises:
        ValueError: If the pictures are neither grey nor RGB, or a value is not finite.
    """
    target = (run.path if folder is None else folder) / "samples"
    # All of them are made before the first of the others goes.
    vectors = [drawing.svg(x) for x in images] if run.of_drawings else []
    tiles = [] if run.of_drawings else [_pixels(image) for image in images]
    target.mkdir(exist_ok=True)
    for old in target.iterdir():
        # Only files of this name: others in the folder are the user's.
        if re.fullmatch(r"\d{4,}\.(png|svg)", old.name):
            old.unlink()
    for number, (text, x) in enumerate(zip(vectors, images, strict=False)):
        write_text(target / f"{number:04d}.svg", text)
        # One by one, since drawings at this size would fill the memory.
        with whole_file(target / f"{number:04d}.png") as path:
            path.write_bytes(drawing.png(x))
    for number, pixels in enumerate(tiles):
        with whole_file(target / f"{number:04d}.png") as path:
            Image.fromarray(pixels).save(path, format="PNG")
    return target


def _pixels(image: np.ndarray) -> np.ndarray:
    return pictures.tile(image[None], 1)[..., :3]


def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    source = importlib.resources.files("zscape.report").joinpath("page.html.jinja")
    return environment.from_string(source.read_text(encoding="utf-8"))


def _check_same(run: Run, data: base.Data) -> None:
    needed = f"the report needs the data that {run.path.name} was fitted on"
    shape = tuple(run.spec["model"]["shape"])
    if tuple(data.shape) != shape:
        raise ValueError(f"{needed}, of shape {shape}, but got {data.name} of shape {tuple(data.shape)}")
    fingerprint = run.spec["data"].get("fingerprint", data.fingerprint)
    if fingerprint != data.fingerprint:
        raise ValueError(f"{needed}, of fingerprint {fingerprint}, but got {data.name} of {data.fingerprint}")
    splits = run.splits.values() if (run.path / "splits.npz").exists() else ()
    rows = max((int(split.max()) + 1 for split in splits if len(split)), default=0)
    if rows > len(data):
        raise ValueError(f"{needed}, of {rows} samples or more, but got {data.name} of {len(data)}")


def _write_plates(plates: tuple[sections.Plate, ...], folder: Path, **named: str) -> dict[str, Path]:
    """Files of plates by their names, or as they are named."""
    paths = {}
    for plate in plates:
        _draw(folder, plate)
        paths[named.get(plate.name, plate.name)] = folder / f"{plate.name}.png"
        if "gif" in plate.kinds:
            paths["animation"] = folder / f"{plate.name}.gif"
    return paths


def _draw(figures: Path, plate: sections.Plate) -> str:
    figure = plate.figure
    if not isinstance(figure, sheets.Drawn):
        figure = sheets.Drawn(style.svg(figure), style.png(figure))
    content = {"svg": figure.svg.encode(), "png": figure.png, "gif": figure.gif}
    for kind in plate.kinds:
        with whole_file(figures / f"{plate.name}.{kind}") as path:
            path.write_bytes(content[kind])
    # The template inserts it as it is: parsed as XML and written again, it has every text in it escaped.
    return style.inline(figure.svg, name=plate.name, description=plate.alt)


def _headline(results: list[base.Result]) -> list[base.Result]:
    found = {result.name: result for result in results}
    if "importance_bound" in found:
        found.pop("elbo", None)
    chosen = [found[name] for name in _HEADLINE if name in found]
    return (chosen or results)[:_HEADLINE_COUNT]


def _summary(run: Run, data: base.Data) -> list[str]:
    model = run.spec["model"]
    facts = [
        f"{model.get('net', 'wrapped')} autoencoder on {data.name}",
        f"{model['latent']} latent dimension{'s' if model['latent'] > 1 else ''}",
        " + ".join(run.spec["objective"]),
    ]
    history = run.history() if (run.path / "history.csv").exists() else {}
    if np.isfinite(history.get("seconds", np.empty(0))).any():
        epochs = int(history["epoch"].max())
        facts.append(
            f"{epochs} epoch{'s' if epochs > 1 else ''} in {duration(np.nanmax(history['seconds']))}"
        )
    return facts


def _asked(run: Run, data: base.Data) -> list[tuple[str, str]]:
    spec, model = run.spec, dict(run.spec["model"])
    shape = model.pop("shape")
    what = f"samples of shape {' × '.join(map(str, shape))}"
    if run.of_drawings:
        what = f"drawings of up to {shape[0] - 1} points"
    head = model.pop("head", None)
    net = str(model.pop("net", "wrapped"))
    classes = f", {len(data.names)} classes" if data.names else ""
    rows = [("Data", f"{data.name}: {len(data):,} {what}{classes}")]
    if (run.path / "splits.npz").exists():
        sizes = [f"{len(run.splits[name]):,} {name}" for name in base.SPLITS if name in run.splits]
        rows.append(("Splits", ", ".join(sizes)))
    rows.append(("Network", f"{net}: {phrase(model)}"))
    if (run.path / "weights.safetensors").exists():
        rows.append(("Parameters", f"{sum(weight.numel() for weight in run.model.parameters()):,}"))
    if head is not None:
        rows.append(("Likelihood", phrase(head)))
    rows += [(key.capitalize(), phrase(spec[key])) for key in ("optimiser", "engine") if key in spec]
    schedule = {key: spec[key] for key in ("epochs", "batch", "seed") if key in spec}
    rows.append(("Training", phrase(schedule)))
    versions: dict[str, Any] = {"zscape": spec.get("zscape", "unknown"), **spec.get("versions", {})}
    rows.append(("Versions", phrase(versions)))
    return rows


def _term(name: str, term: Mapping[str, Any]) -> tuple[str, str, str, str]:
    """Name, function, weight and settings of one term of the objective."""
    settings = dict(term.get("settings", {}))
    if term.get("capacity") is not None:
        settings["capacity"] = term["capacity"]
    function = str(term.get("term", "")).rpartition(":")[2]
    return name, words(function), phrase(term.get("weight", 1.0)), phrase(settings) if settings else ""
