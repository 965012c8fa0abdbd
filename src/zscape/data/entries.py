"""Data sets and networks known by name: what they are, where their files lie, where they can be fetched."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from zscape.data.quickdraw import is_quickdraw, other_file, parse_quickdraw_name, published_file
from zscape.data.store import is_there
from zscape.errors import DataError, nearest
from zscape.folders import expanded, places


@dataclass(frozen=True)
class File:
    """A file of a data set.

    Attributes:
        path: Relative to the data folder.
        url: Where it can be fetched, or None.
        hashes: Accepted hashes as algorithm:hexdigest; the first is that of the file at `url`. Empty where
            none is published: then an archive is checked by the checksums that it holds itself.
    """

    path: str
    url: str | None = None
    hashes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Entry:
    """A data set known by name, or the weights of a feature network.

    Attributes:
        name: What `load` takes; of a network what `fetch` takes.
        summary: One line.
        path: File or folder relative to the data folder; empty for what needs no file.
        files: Its files, where they are known one by one.
        licence: As stated by its makers.
        names: Of the classes, where the files do not hold them.
        example: For a family of data sets, the name of one of them.
    """

    name: str
    summary: str
    path: str = ""
    files: tuple[File, ...] = ()
    licence: str = ""
    names: tuple[str, ...] = ()
    example: str = ""

    @property
    def fetchable(self) -> bool:
        """Whether every file has an address."""
        return bool(self.files) and all(file.url for file in self.files)


@dataclass(frozen=True)
class Found:
    """Where a data set was looked for.

    Attributes:
        path: Where it is; None if it is nowhere, or needs no file.
        looked: Every place looked at, in order; none for what needs no file.
    """

    path: Path | None
    looked: tuple[Path, ...]


_MNIST = "https://ossci-datasets.s3.amazonaws.com/mnist"
_FASHION = "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion"
_DSPRITES = "https://github.com/google-deepmind/dsprites-dataset/raw/master"
_THINNED = "https://github.com/colleenjg/neuromatch_ssl_tutorial/raw"
_SHEEP = "https://github.com/hardmaru/sketch-rnn-datasets/raw/master/aaron_sheep"
_TORCHVISION = "https://download.pytorch.org/models"
_DSPRITES_FILE = "dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz"

_CATALOGUE = (
    Entry(
        name="digits",
        summary="1,797 handwritten digits, 8 x 8; comes with scikit-learn",
        licence="CC BY 4.0",
    ),
    Entry(
        name="sprites",
        summary="white shapes with exact factors, generated in any grid: sprites:size=32,scales=4",
        licence="Apache-2.0",
    ),
    Entry(
        name="mnist",
        summary="70,000 handwritten digits, 28 x 28",
        path="mnist",
        files=(
            File(
                "mnist/train-images-idx3-ubyte.gz",
                f"{_MNIST}/train-images-idx3-ubyte.gz",
                (
                    "md5:f68b3c2dcbeaaa9fbdd348bbdeb94873",
                    # The same images, gzipped at another time.
                    "sha256:129d61908aa56b5d4832bd9e26f8c7266c474cb183f05886ca383d5470865d17",
                ),
            ),
            File(
                "mnist/train-labels-idx1-ubyte.gz",
                f"{_MNIST}/train-labels-idx1-ubyte.gz",
                ("sha256:3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",),
            ),
            File(
                "mnist/t10k-images-idx3-ubyte.gz",
                f"{_MNIST}/t10k-images-idx3-ubyte.gz",
                ("sha256:8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",),
            ),
            File(
                "mnist/t10k-labels-idx1-ubyte.gz",
                f"{_MNIST}/t10k-labels-idx1-ubyte.gz",
                ("sha256:f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",),
            ),
        ),
        licence="none stated",
    ),
    Entry(
        name="fashion-mnist",
        summary="70,000 articles of clothing, 28 x 28",
        path="fashion-mnist",
        files=(
            File(
                "fashion-mnist/train-images-idx3-ubyte.gz",
                f"{_FASHION}/train-images-idx3-ubyte.gz",
                ("sha256:3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",),
            ),
            File(
                "fashion-mnist/train-labels-idx1-ubyte.gz",
                f"{_FASHION}/train-labels-idx1-ubyte.gz",
                ("sha256:a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",),
            ),
            File(
                "fashion-mnist/t10k-images-idx3-ubyte.gz",
                f"{_FASHION}/t10k-images-idx3-ubyte.gz",
                ("sha256:346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",),
            ),
            File(
                "fashion-mnist/t10k-labels-idx1-ubyte.gz",
                f"{_FASHION}/t10k-labels-idx1-ubyte.gz",
                ("sha256:67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",),
            ),
        ),
        licence="MIT",
        names=(
            "T-shirt",
            "trouser",
            "pullover",
            "dress",
            "coat",
            "sandal",
            "shirt",
            "sneaker",
            "bag",
            "ankle boot",
        ),
    ),
    Entry(
        name="dsprites",
        summary="737,280 sprites, 64 x 64, five known factors, the full grid (3 GiB in memory)",
        path=f"dsprites/{_DSPRITES_FILE}",
        files=(
            File(
                f"dsprites/{_DSPRITES_FILE}",
                f"{_DSPRITES}/{_DSPRITES_FILE}",
                ("md5:7da33b31b13a06f4b04a70402ce90c2e",),
            ),
        ),
        licence="Apache-2.0",
    ),
    Entry(
        name="dsprites-thinned",
        summary="46,080 sprites of dSprites: orientations thinned by 4, positions by 2, still a full grid",
        path="dsprites/dsprites_downsampled.npz",
        files=(
            File(
                "dsprites/dsprites_downsampled.npz",
                f"{_THINNED}/d2ed4d26eff61bd6126772a94f8d1d91032fe6bd/dsprites/dsprites_downsampled.npz",
                ("sha256:8a632f70c0dbd279dd771854981a3de945b2448eddbd9b2af59fb83e8728f871",),
            ),
        ),
        licence="Apache-2.0",
    ),
    Entry(
        name="dsprites-subset",
        summary="20,000 sprites of dSprites drawn at random",
        path="dsprites/dsprites_subset.npz",
        files=(
            File(
                "dsprites/dsprites_subset.npz",
                f"{_THINNED}/985c0ffb002e9c12c4c61533b4af6adfaa64c8bf/dsprites/dsprites_subset.npz",
                ("sha256:32e7cb03fbab06c521df18877073c8d8508877ccecf27d98a9815fa2d4856567",),
            ),
        ),
        licence="Apache-2.0",
    ),
    Entry(
        name="coil20",
        summary="1,440 views of 20 objects on a turntable, one every 5 degrees, 64 x 64",
        path="coil20/coil20_64.npz",
        files=(
            File(
                "coil20/coil20_64.npz",
                None,
                ("sha256:29cb902383d31036665be9b456e71d1a2ba7fd42945d2fc43137b82245aa61a4",),
            ),
        ),
        licence="research use",
    ),
    Entry(
        name="paintings",
        summary="3,600 paintings of four styles, 128 x 128, train and test folders",
        path="paintings",
        licence="non-commercial research",
    ),
    Entry(
        name="celeba",
        summary="202,599 aligned faces, 40 attributes, the published split; 148 pixels cut, to 64 x 64",
        path="celeba",
        licence="non-commercial research",
    ),
    Entry(
        name="chairs",
        summary="3D chairs: 1,393 chairs from 62 sides each; 400 pixels cut, to 64 x 64, grey",
        path="rendered_chairs",
        licence="none stated",
    ),
    Entry(
        name="doodles",
        summary="drawings of six kinds, made up by formulas with a wobble: doodles:count=2000,seed=0",
        licence="Apache-2.0",
    ),
    Entry(
        name="quickdraw",
        summary="drawings of 345 categories by players of Quick, Draw!: quickdraw:cat or quickdraw:cat,pig",
        path="quickdraw",
        licence="CC BY 4.0",
        example="quickdraw:cat",
    ),
    Entry(
        name="sheep",
        summary="8,000 drawings of sheep from The Sheep Market",
        path="strokes/aaron_sheep.npz",
        files=(
            File(
                "strokes/aaron_sheep.npz",
                f"{_SHEEP}/aaron_sheep.npz",
                ("sha256:65f8e51e43587661798ac137a204c9e049e0d11dcd50cba372ae3ca32de8b54c",),
            ),
        ),
        licence="CC BY-NC 4.0",
    ),
    *(
        Entry(
            name=f"network:{name}",
            summary=f"{title}, trained on ImageNet, for features and styles (fetched: torchvision's, {size})",
            path=f"networks/{file}",
            files=(File(f"networks/{file}", f"{_TORCHVISION}/{file}", (f"sha256:{digest}",)),),
            licence="BSD-3-Clause (torchvision); the pictures of ImageNet have terms of their own",
        )
        for name, title, size, file, digest in (
            (
                "vgg16",
                "VGG16",
                "528 MiB",
                "vgg16-397923af.pth",
                "397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
            ),
            (
                "vgg19",
                "VGG19",
                "548 MiB",
                "vgg19-dcbb9e9d.pth",
                "dcbb9e9dad569fff7a846263a77324fc34978fea2bfb039c012d710e1776ae44",
            ),
            (
                "squeezenet",
                "SqueezeNet 1.1",
                "5 MiB",
                "squeezenet1_1-b8a52dc0.pth",
                "b8a52dc049b60e4b6ab68ad0df457362afab8b6304b2febdc1650a5dab4d7e7b",
            ),
        )
    ),
)


def catalogue() -> tuple[Entry, ...]:
    """Every data set known by name."""
    return _CATALOGUE


def entry(name: str) -> Entry:
    """The data set of that name.

    Raises:
        DataError: If there is none; suggests the nearest name.
    """
    if is_quickdraw(name):
        return _quickdraw_entry(name)
    for known in _CATALOGUE:
        if known.name == name:
            return known
    raise DataError(f"{name!r} is neither a file or folder nor a known data set; {nearest(name, _names())}")


def is_network(name: str) -> bool:
    """Whether a name is that of a feature network, which is fetched as data sets are and is none."""
    return name.partition(":")[0] == "network"


def _quickdraw_entry(name: str) -> Entry:
    published = [published_file(category) for category in parse_quickdraw_name(name)]
    return Entry(
        name=name,
        summary="drawings by players of Quick, Draw!",
        path=published[0][0] if len(published) == 1 else "quickdraw",
        files=tuple(File(path, url) for path, url in published),
        licence="CC BY 4.0",
    )


def _names() -> list[str]:
    return [known.name for known in _CATALOGUE]


def find(name: str, data_dir: str | os.PathLike[str] | None = None) -> Found:
    """Where a known data set lies, and every place looked at.

    A folder counts if it holds at least one of the files, so that what a broken fetch left is passed by.

    Args:
        name: Of the catalogue.
        data_dir: The data folder to look in first; then ZSCAPE_DATA, then the user's cache.

    Raises:
        DataError: If the name is unknown.
    """
    if is_quickdraw(name):
        return _find_quickdraw(name, places(data_dir))
    wanted = entry(name if is_network(name) else name.partition(":")[0])
    if not wanted.path:
        return Found(None, ())
    folders = places(data_dir)
    here = next((folder / wanted.path for folder in folders if _holds(folder, wanted)), None)
    return Found(here, tuple(folder / wanted.path for folder in folders))


def _find_quickdraw(name: str, folders: Sequence[Path]) -> Found:
    if ":" not in name:
        looked = tuple(folder / "quickdraw" for folder in folders)
        patterns = ("quickdraw/*.npz", "strokes/quickdraw_*.npz")
        files = (file for folder in folders for pattern in patterns for file in folder.glob(pattern))
        return Found(next((file.parent for file in files), None), looked)
    found = [_find_category(category, folders) for category in parse_quickdraw_name(name)]
    paths = [each.path for each in found if each.path is not None]
    looked = tuple(path for each in found for path in each.looked)
    if len(paths) < len(found):
        return Found(None, looked)
    return Found(paths[0] if len(paths) == 1 else paths[0].parent, looked)


def _find_category(category: str, folders: Sequence[Path]) -> Found:
    """The published file wherever it lies; failing that, drawings of the category from elsewhere."""
    names = (published_file(category)[0], other_file(category))
    looked = tuple(folder / name for name in names for folder in folders)
    return Found(next((path for path in looked if is_there(path)), None), looked)


def located_categories(name: str, data_dir: str | os.PathLike[str] | None = None) -> dict[str, Path]:
    """The file of each category of Quick, Draw! that a name asks for.

    The file that the makers of sketch-rnn published, in quickdraw/, is taken before drawings from elsewhere,
    in strokes/quickdraw_*.npz.

    Raises:
        DataError: If a name is unknown or a file nowhere; lists the places and how to get it.
    """
    files = {}
    for category in parse_quickdraw_name(name):
        found = _find_category(category, places(data_dir))
        if found.path is None:
            raise DataError(
                f"drawings of {category!r} were not found; looked at {', '.join(map(str, found.looked))}; "
                f"get them with: zscape data fetch 'quickdraw:{category}'"
            )
        files[category] = found.path
    return files


def _holds(folder: Path, wanted: Entry) -> bool:
    if not wanted.files:
        return is_there(folder / wanted.path)
    paths = [folder / file.path for file in wanted.files]
    # IDX files may also lie there unzipped.
    return any(is_there(path) or path.with_suffix("").is_file() for path in paths)


def located(name: str, data_dir: str | os.PathLike[str] | None = None) -> Path:
    """Where a known data set or a path lies; a relative path is also looked for in the data folders.

    Raises:
        DataError: If it is nowhere, is no data set, or cannot be looked for; lists the places and how to get
            it.
    """
    given = expanded(name)
    known = name in _names()
    if is_network(name):
        raise DataError(
            f"{entry(name).name} is a feature network and no data set; see zscape.model.vgg16 and "
            "zscape.terms.Perceptual"
        )
    if not name:
        raise DataError(f"a data set needs a name or a path, but got none; {nearest('', _names())}")
    if not known:
        everywhere = [given.absolute(), *(folder / given for folder in places(data_dir))]
        looked: Sequence[Path] = tuple(dict.fromkeys(everywhere))
        path = next((path for path in looked if is_there(path)), None)
        if path is None and len(given.parts) == 1 and not given.suffix:
            entry(name)
        remedy = "check the path"
    else:
        found = find(name, data_dir)
        path, looked = found.path, found.looked
        remedy = (
            f"get it with: zscape data fetch {name}"
            if entry(name).fetchable
            else "put it into one of these places, or name its folder with --data-dir or ZSCAPE_DATA"
        )
    if path is None:
        raise DataError(f"{name} was not found; looked at {', '.join(map(str, looked))}; {remedy}")
    return path
