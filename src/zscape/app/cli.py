"""The command line: thin commands over the functions of the package.

Nothing heavy is imported here, so that `zscape --help` answers at once; each command imports what it needs.
"""

from __future__ import annotations

import dataclasses
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from zscape.app import console
from zscape.errors import DivergedError, SettingError, StoppedError, ZscapeError

app = typer.Typer(
    name="zscape",
    help="Train an autoencoder whose latent space has the shape you ask for; measure, walk and sample it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    add_completion=False,
)
data_app = typer.Typer(help="Data sets: list, show, check and fetch them.", no_args_is_help=True)
app.add_typer(data_app, name="data")

RunPath = Annotated[Path, typer.Argument(metavar="RUN", help="Run folder, as written by zscape fit.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON on standard output.")]
DataDir = Annotated[
    Path | None,
    typer.Option("--data-dir", help="Folder of data sets; before ZSCAPE_DATA and the user's cache."),
]
Seed = Annotated[int, typer.Option(min=0, help="Seed of everything drawn at random.")]


@app.command()
def fit(
    out: Annotated[Path | None, typer.Option(help="Run folder to write; must be new.")] = None,
    data: Annotated[str | None, typer.Option(help="Name of a data set, or a path.")] = None,
    recipe: Annotated[
        str | None,
        typer.Option(
            help="acai, adversarial_autoencoder, aeai, annealed_vae, autoencoder, beta_tcvae, beta_vae, "
            "decorrelated_vae, dip_vae, factor_vae, mmd_vae, perceptual_vae, sparse_vae, triplet_vae or vae. "
            "\\[default: vae]"
        ),
    ] = None,
    net: Annotated[str | None, typer.Option(help="Network: mlp or conv; of drawings lstm.")] = None,
    latent: Annotated[int | None, typer.Option(help="Latent dimensions.")] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes through the training split.")] = None,
    batch: Annotated[int | None, typer.Option(help="Samples a step.")] = None,
    seed: Annotated[int | None, typer.Option(help="Fixes weights, order and every random draw.")] = None,
    pairs: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Any setting, as in kl.weight=4; may be repeated."),
    ] = None,
    config: Annotated[Path | None, typer.Option(help="TOML file of settings, by the same keys.")] = None,
    resume: Annotated[
        Path | None, typer.Option(metavar="RUN", help="Continue a stopped fit instead.")
    ] = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Fit a model and write a run folder.

    Settings come from --config, then the options, then --set; `zscape settings` lists every key.
    """
    from zscape.app import work

    flags = {
        "data.name": data,
        "recipe.name": recipe,
        "model.net": net,
        "model.latent": latent,
        "epochs": epochs,
        "batch": batch,
        "seed": seed,
    }
    if resume is not None:
        if (
            out is not None
            or config is not None
            or pairs
            or any(value is not None for value in flags.values())
        ):
            raise SettingError(
                "--resume continues what was asked then, so it takes no other setting but --data-dir"
            )
        done = work.resume(resume, data_dir)
    elif out is None:
        raise SettingError("fit needs a folder to write: --out runs/NAME")
    else:
        done = work.fit(config, flags, pairs or [], out=out, data_dir=data_dir)
    if os.environ.get("LOCAL_RANK", "0") == "0":
        _show_paths({"run": done.path}, as_json=json)


@app.command()
def encode(
    run: RunPath,
    batch: Annotated[int, typer.Option(min=1, help="Samples encoded at a time.")] = 1024,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Encode the run's data set into codes.parquet. A stopped encoding goes on where it was."""
    from zscape.app import work

    _show_paths({"codes": work.encode(run, batch, data_dir)}, as_json=json)


@app.command()
def measure(
    run: RunPath,
    split: Annotated[str, typer.Option(help="train, validation or test.")] = "test",
    samples: Annotated[
        int, typer.Option(min=1, help="Draws per sample for the bound on log-likelihood.")
    ] = 100,
    limit: Annotated[int, typer.Option(min=3, help="At most so many samples, drawn at random.")] = 10_000,
    seed: Seed = 0,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Measure the codes and reconstructions of a split; add the results to results.json."""
    from zscape.app import work

    results = work.measure(run, split, samples=samples, limit=limit, seed=seed, data_dir=data_dir)
    if json:
        console.show([result.to_dict() for result in results])
        return
    rows = [
        (r.name, r.value, "" if r.low is None else f"{r.low:.5g} to {r.high:.5g}", r.unit, r.n)
        for r in results
    ]
    console.table(("measure", "value", "95 % interval", "unit", "n"), rows)


@app.command()
def sample(
    run: RunPath,
    out: Annotated[
        Path | None, typer.Option(help="Folder to write instead of the run's; must be new.")
    ] = None,
    method: Annotated[
        str, typer.Option(help="iid, quantize (as a set), representatives (of the data) or by-class.")
    ] = "iid",
    count: Annotated[int, typer.Option(min=1, help="How many codes.")] = 24,
    density: Annotated[
        str | None,
        typer.Option(
            help="Target of iid and quantize: prior, gaussian, mixture or empirical.  \\[default: prior]"
        ),
    ] = None,
    components: Annotated[int | None, typer.Option(min=1, help="Gaussians of a mixture.")] = None,
    statistics: Annotated[
        str | None,
        typer.Option(help="What by-class knows of a class: diagonal, full or mixture. \\[default: diagonal]"),
    ] = None,
    theta: Annotated[
        float | None,
        typer.Option(min=0, help="by-class: what the spread of a class is multiplied by.  \\[default: 1]"),
    ] = None,
    fitted: Annotated[
        Path | None,
        typer.Option(help="by-class: a density that zscape.sample.save wrote, such as a tuned one."),
    ] = None,
    label: Annotated[
        list[str] | None,
        typer.Option(help="Only this class, by name or number; may be repeated: an even share of each."),
    ] = None,
    avoid: Annotated[
        list[Path] | None,
        typer.Option(
            help="Codes to stay away from: the samples.parquet of an earlier call, or a codes.parquet; may "
            "be repeated. With --label, each class stays away from its own."
        ),
    ] = None,
    shell: Annotated[
        bool, typer.Option("--shell", help="quantize: keep the typical radius; for fewer codes than latents.")
    ] = False,
    temperature: Annotated[
        float | None,
        typer.Option(
            min=0,
            help="Of drawings: how far points are from the likeliest, as in zscape draw. \\[default: 0.6]",
        ),
    ] = None,
    seed: Seed = 0,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Draw a set of codes into samples.parquet, with pictures, and measure it beside independent draws.

    Pictures: figures/samples.png and .svg show the set, a row a class where it has several; the folder
    samples/ holds each one. They replace those of the call before in the run folder, or go to --out.
    """
    from zscape.app.sampling.asked import Asked
    from zscape.app.sampling.places import check_places

    asked = Asked(
        method=method,
        count=count,
        density=density,
        components=components,
        statistics=statistics,
        theta=theta,
        fitted=fitted,
        labels=tuple(label or ()),
        avoid=tuple(avoid or ()),
        shell=shell,
        temperature=temperature,
        seed=seed,
    )
    check_places(run, asked, out)
    # Only now, since it loads torch, which takes seconds.
    from zscape.app import work

    paths, compared = work.sample(run, asked, out=out, data_dir=data_dir)
    if json:
        named = {name: str(path) for name, path in paths.items()}
        console.show(named | dataclasses.asdict(compared))
        return
    work.show_samples(compared)
    _show_paths(paths, as_json=False)


@app.command()
def draw(
    run: RunPath,
    count: Annotated[
        int | None,
        typer.Option(
            min=1, help="How many new ones \\[default: 48], or of each row or beginning \\[default: 8]."
        ),
    ] = None,
    prior: Annotated[
        bool, typer.Option("--prior", help="Codes from N(0, I), not from a Gaussian fitted on the run's own.")
    ] = False,
    like: Annotated[
        list[int] | None,
        typer.Option(
            metavar="ROW", help="Draw this row of the data set again, from its code; may be repeated."
        ),
    ] = None,
    complete: Annotated[
        Path | None,
        typer.Option(help="Draw to the end what this file begins: .svg, .ndjson, .npz or .bin."),
    ] = None,
    first: Annotated[
        int | None, typer.Option("--from", metavar="ROW", help="Draw along the way from this row ...")
    ] = None,
    last: Annotated[
        int | None, typer.Option("--to", metavar="ROW", help="... to this, code to code.")
    ] = None,
    steps: Annotated[
        int | None, typer.Option(min=2, help="Drawings on that way, with its ends.  \\[default: 10]")
    ] = None,
    temperature: Annotated[
        float,
        typer.Option(
            min=0,
            help="Variances of the next point are multiplied by it, log odds divided: 0 draws the likeliest, "
            "1 as the model has learned.",
        ),
    ] = 0.6,
    seed: Seed = 0,
    out: Annotated[
        Path | None, typer.Option(help="Folder to write, must be new; RUN/drawings, replaced, if not given.")
    ] = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Draw with a model of drawings: new ones, some like others, endings of a beginning, a way between two.

    The folder holds all on a sheet (sheet.svg, .png) and drawing themselves (animation.svg, .gif), each
    alone in singles/, and as data in drawings.ndjson.
    """
    from zscape.app import work
    from zscape.app.sketching import Asked

    asked = Asked(
        count=count,
        prior=prior,
        like=tuple(like or ()),
        complete=complete,
        between=(first, last),
        steps=steps,
        temperature=temperature,
        seed=seed,
    )
    _show_paths(work.draw(run, asked, out=out, data_dir=data_dir), as_json=json)


@app.command()
def walk(
    run: RunPath,
    latents: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES",
            help="Latents to move, in this order, as in z3,z1; the first 12 of those in use if not given.",
        ),
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="PLACE",
            help="Where the others stay: posterior (a draw from where codes are), a row of the data set, "
            "prior (a draw) or origin. With --to, the row to begin at.  \\[default: posterior]",
        ),
    ] = None,
    end: Annotated[
        str | None, typer.Option("--to", metavar="ROW", help="Walk from one row of the data set to this.")
    ] = None,
    pairs: Annotated[
        str | None,
        typer.Option(
            metavar="CHOICE:COUNT",
            help="Walk between pairs of codes: random:100, closest:5 or furthest:5, of all codes or as "
            "--within or --between say.",
        ),
    ] = None,
    shortest: Annotated[
        bool, typer.Option("--shortest", help="Walk between the closest pair, besides --pairs.")
    ] = False,
    longest: Annotated[
        bool, typer.Option("--longest", help="Walk between the furthest pair, besides --pairs.")
    ] = False,
    within: Annotated[
        str | None, typer.Option(metavar="CLASS", help="Pairs of this class, by name or number.")
    ] = None,
    between: Annotated[
        str | None, typer.Option(metavar="CLASS,CLASS", help="Pairs from the first class to the second.")
    ] = None,
    kinds: Annotated[
        str | None,
        typer.Option(
            "--path",
            metavar="KINDS",
            help="linear, spherical, norm-corrected, graph or geodesic; several with commas between them.  "
            "\\[default: linear]",
        ),
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(
            min=2,
            max=101,
            help="Codes on each way along a latent \\[default: 9], or steps from end to end \\[default: 10].",
        ),
    ] = None,
    neighbours: Annotated[
        int | None,
        typer.Option(min=1, help="graph, geodesic: of a code, that count as near.  \\[default: 10]"),
    ] = None,
    cost: Annotated[
        float | None,
        typer.Option(
            min=0, help="geodesic: weight of what it costs to leave the data; 0 for none.  \\[default: 1]"
        ),
    ] = None,
    style: Annotated[
        str | None,
        typer.Option(
            metavar="NETWORK",
            help="Measure style losses along paths with vgg19, vgg16 or squeezenet, or none; with the first "
            "whose weights are in a data folder if not given.",
        ),
    ] = None,
    order: Annotated[
        str | None,
        typer.Option(help="Which latent comes first: by kl, information or number.  \\[default: kl]"),
    ] = None,
    factor: Annotated[
        str | None, typer.Option(help="Order by information about this factor; of all if not given.")
    ] = None,
    seed: Seed = 0,
    out: Annotated[
        Path | None, typer.Option(help="Folder to write, must be new; RUN/walk, replaced, if not given.")
    ] = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Walk along the latents, one at a time, over the middle 95 % of its codes; or from code to code.

    The folder holds the pictures with a row a latent (traversals.png, .svg), the same as an animation
    (traversals.gif), and the codes (walk.parquet). Where factors are known, also how each latent answers to
    them (responses.png, .svg, .parquet).

    From code to code, with --from and --to, --pairs, --shortest or --longest: pictures along each path
    (paths.png, .svg, .gif), what changes at each step (path-curves.png, .svg), measures of whole paths
    (path-measures.png, .svg), codes and profiles (paths.parquet), the measures of each pair (pairs.csv) and
    their means (results.json).
    """
    from zscape.app.walking.asked import Asked, Wanted, check_places, parse_latents

    named = () if latents is None else parse_latents(latents)
    wanted = Wanted(
        start=start,
        end=end,
        pairs=pairs,
        shortest=shortest,
        longest=longest,
        within=within,
        between=between,
        kinds=kinds,
        neighbours=neighbours,
        cost=cost,
        style=style,
    )
    paths = wanted.paths(steps, seed, latents=latents, order=order, factor=factor)
    if paths is not None:
        check_places(run, out)
        # Only now, since it loads torch, which takes seconds.
        from zscape.app.walking.wandering import wander

        _show_paths(wander(run, paths, out=out, data_dir=data_dir), as_json=json)
        return
    asked = Asked(
        start="posterior" if start is None else start,
        latents=named,
        steps=9 if steps is None else steps,
        order=order,
        factor=factor,
        seed=seed,
    )
    check_places(run, out)
    from zscape.app.walking.command import traverse

    _show_paths(traverse(run, asked, out=out), as_json=json)


@app.command()
def report(
    run: RunPath,
    tsne: Annotated[bool, typer.Option("--tsne", help="Add a t-SNE map of the codes; takes longer.")] = False,
    seed: Seed = 0,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Write report.html and figures/ from whatever the run folder holds."""
    from zscape.app import work

    _show_paths({"report": work.report(run, tsne=tsne, seed=seed, data_dir=data_dir)}, as_json=json)


@app.command()
def demo(
    out: Annotated[
        Path, typer.Option(help="Run folder to write; one left by an earlier demo is replaced.")
    ] = Path("runs/demo"),
) -> None:
    """Run the whole chain on the embedded digits: fit, encode, measure, sample, report. Under a minute."""
    from zscape.app import work

    console.show(f"report: {work.demo(out)}")


@app.command()
def study(
    name: Annotated[
        str,
        typer.Argument(
            help="diverse-sampling, class-generation, sketch-covariance, sparse-disentanglement or "
            "style-paths."
        ),
    ],
    scale: Annotated[
        str, typer.Option(help="smoke (embedded data, a minute), cpu (real data, hours) or paper.")
    ] = "smoke",
    out: Annotated[
        Path | None, typer.Option(help="Folder of the study; runs/studies/NAME/SCALE if not given.")
    ] = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Run a published experiment and write its page, ours beside theirs.

    A study that was stopped goes on where it was when it is asked for again.
    """
    from zscape.app import work

    _show_paths({"page": work.study(name, scale, out, data_dir)}, as_json=json)


@app.command()
def settings(
    find: Annotated[str, typer.Argument(help="Only keys that contain this.")] = "",
    json: Json = False,
) -> None:
    """List every key that --set and --config take, with its default and what it takes."""
    from zscape.app.settings import known_settings

    known = {key: entry for key, entry in known_settings().items() if find in key}
    if not known:
        raise SettingError(f"no setting has {find!r} in its key; zscape settings lists them all")
    if json:
        console.show({key: {"takes": takes, "default": default} for key, (takes, default) in known.items()})
        return
    console.table(
        ("key", "default", "takes"), [(key, default, takes) for key, (takes, default) in known.items()]
    )


@data_app.command("list")
def list_data(data_dir: DataDir = None, json: Json = False) -> None:
    """List known data sets, whether they are here, and where was looked."""
    from zscape.app import datasets

    datasets.show_all(data_dir, as_json=json)


@data_app.command("show")
def show_data(
    name: Annotated[str, typer.Argument(help="Name of a data set, or a path.")],
    out: Annotated[Path | None, typer.Option(help="Picture to write; NAME-sheet.png if not given.")] = None,
    count: Annotated[int, typer.Option(min=1, help="Pictures on the sheet.")] = 64,
    size: Annotated[int | None, typer.Option(min=1, help="Side in pixels, as data.size.")] = None,
    grey: Annotated[bool | None, typer.Option("--grey/--rgb", help="One channel or three.")] = None,
    labels: Annotated[Path | None, typer.Option(help="CSV of file and label, for a folder.")] = None,
    seed: Seed = 0,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Draw a contact sheet of exactly what a model will see, with its range of values."""
    from zscape.app import datasets

    options = {"size": size, "grey": grey, "labels": labels, "data_dir": data_dir}
    datasets.show_one(name, out, count, seed=seed, options=options, as_json=json)


@data_app.command("check")
def check_data(
    name: Annotated[str, typer.Argument(help="Name of a data set, or a path.")],
    size: Annotated[int | None, typer.Option(min=1, help="Side in pixels, as data.size.")] = None,
    labels: Annotated[Path | None, typer.Option(help="CSV of file and label, for a folder.")] = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Check a data set file by file: is it there, is it the published one, does it read."""
    from zscape.app import datasets

    if not datasets.check(name, size=size, labels=labels, data_dir=data_dir, as_json=json):
        raise typer.Exit(1)


@data_app.command("fetch")
def fetch_data(
    name: Annotated[str, typer.Argument(help="Name of a data set that can be fetched.")],
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Download a data set and check its hashes. A broken download goes on where it was."""
    from zscape.app import datasets

    _show_paths({"data": datasets.fetch(name, data_dir)}, as_json=json)


def main() -> None:
    """Run the command line; what goes wrong is one line and an exit code.

    1: it could not be done. 2: it was asked wrongly. 3: a fit diverged. 128 and the signal's number: stopped.
    """
    try:
        app()
    except StoppedError as error:
        _fail(error, 128 + error.signal)
    except DivergedError as error:
        _fail(error, 3)
    except (SettingError, ValueError, TypeError) as error:
        _fail(error, 2)
    except (ZscapeError, OSError) as error:
        _fail(error, 1)
    except (MemoryError, OverflowError, RuntimeError) as error:
        # Not foreseen where they arose: a machine too small, no such accelerator, a disk that filled up.
        _fail(error, 1, _unforeseen(error))


def _fail(error: Exception, code: int, said: str | None = None) -> None:
    if os.environ.get("ZSCAPE_TRACEBACK"):
        raise error
    console.tell("zscape: " + " ".join((str(error) if said is None else said).split()))
    sys.exit(code)


def _unforeseen(error: Exception) -> str:
    """The first line of it, as torch adds the frames of its C++ below, and how to see more."""
    first = next(iter(str(error).strip().splitlines()), "no reason given")
    kind = "not enough memory" if isinstance(error, MemoryError) else type(error).__name__
    return f"{kind}: {first} (set ZSCAPE_TRACEBACK=1 to see where)"


def _show_paths(paths: dict[str, Path], *, as_json: bool) -> None:
    if as_json:
        console.show({name: str(path) for name, path in paths.items()})
    else:
        console.show("\n".join(f"{name}: {path}" for name, path in paths.items()))
