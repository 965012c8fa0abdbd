"""What was asked for, refused at once where it cannot be."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from zscape.app.places import check_new, check_replaceable
from zscape.errors import RunFormatError, SettingError, nearest

if TYPE_CHECKING:  # it takes torch with it, for which `zscape --help` does not wait
    from zscape.model.perception import Network

STARTS = ("origin", "prior", "posterior")
ORDERS = ("kl", "information", "number")
FOLDER = "walk"  # in a run folder, where zscape walk writes
# What a call writes, and so what the next may replace.
TRAVERSED = re.compile(r"(walk|responses)\.parquet|traversals\.(png|svg|gif)|responses\.(png|svg)")
WANDERED = re.compile(
    r"paths\.(parquet|png|svg|gif)|path-(curves|measures)\.(png|svg)|pairs\.csv|results\.json"
)
_FILES = re.compile(f"{TRAVERSED.pattern}|{WANDERED.pattern}")
KINDS = ("linear", "spherical", "norm-corrected", "graph", "geodesic")
CHOICES = ("random", "closest", "furthest")
NETWORKS: tuple[Network, ...] = ("vgg19", "vgg16", "squeezenet")


def parse_latents(text: str) -> tuple[int, ...]:
    """Latents from 0 in a list of their names, which begin at z1.

    >>> parse_latents("z3, 1")
    (2, 0)

    Raises:
        SettingError: If one is no name of a latent, or stands twice.
    """
    names = [name.strip() for name in text.split(",")]
    strange = [name for name in names if not re.fullmatch(r"z?[1-9]\d{0,8}", name)]
    if strange:
        raise SettingError(
            f"--latents needs names with commas between them, such as z1,z4, but got {strange[0]!r}"
        )
    latents = tuple(int(name.removeprefix("z")) - 1 for name in names)
    twice = [latent for latent in latents if latents.count(latent) > 1]
    if twice:
        raise SettingError(f"--latents has z{twice[0] + 1} twice; give each once")
    return latents


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Where to walk.

    Attributes:
        start: One of STARTS, or a row of the data set.
        latents: Which to move, from 0 and in this order; those in use if none are given.
        steps: Codes on each way.
        order: One of ORDERS; None is kl, or the order of the latents that are named.
        factor: That latents are to inform about, for order information; all together if not given.
        seed: Of the start that is drawn.

    Raises:
        SettingError: If a name is unknown, or an option is given where it has no say.
    """

    start: str = "posterior"
    latents: tuple[int, ...] = ()
    steps: int = 9
    order: str | None = None
    factor: str | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.start not in STARTS and self.row is None:
            raise SettingError(
                f"--from needs a row of the data set, or where else to start; {nearest(self.start, STARTS)}"
            )
        if self.order not in (None, *ORDERS):
            raise SettingError(f"unknown order {self.order!r}: {nearest(self.order, ORDERS)}")
        if self.latents and self.order is not None:
            raise SettingError("--latents come in the order in which they are named; leave --order out")
        if self.factor is not None and self.order != "information":
            raise SettingError(f"--factor needs --order information, but got {self.order or 'none'}")

    @property
    def row(self) -> int | None:
        """The row of the data set to start from, if it is one."""
        return int(self.start) if re.fullmatch(r"\d{1,18}", self.start, re.ASCII) else None


@dataclass(frozen=True, kw_only=True)
class Between:
    """Which codes to walk between, and how.

    Attributes:
        ends: Rows of the data set to walk from and to; None for pairs that are chosen.
        pairs: How to choose pairs, one of CHOICES, and how many.
        within: The class that both ends of chosen pairs are of.
        classes: The classes that pairs are chosen from and to.
        kinds: Of paths, some of KINDS.
        steps: Of each path, one less than its points.
        neighbours: Of a code, for graphs and for what it costs a geodesic to leave the data.
        cost: Weight of that.
        style: Network that style losses are measured with, one of NETWORKS, or "none"; None for the first
            that is there.
        seed: Of random pairs.

    Raises:
        SettingError: If a name is unknown, or an option is given where it has no say.
    """

    ends: tuple[int, int] | None = None
    pairs: tuple[tuple[str, int], ...] = ()
    within: str | None = None
    classes: tuple[str, str] | None = None
    kinds: tuple[str, ...] = ("linear",)
    steps: int = 10
    neighbours: int = 10
    cost: float = 1.0
    style: str | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        for kind in self.kinds:
            if kind not in KINDS:
                raise SettingError(f"unknown path {kind!r}: {nearest(kind, KINDS)}")
            if self.kinds.count(kind) > 1:
                raise SettingError(f"--path has {kind} twice; give each once")
        if self.style not in (None, "none", *NETWORKS):
            raise SettingError(f"unknown network {self.style!r}: {nearest(self.style, ('none', *NETWORKS))}")
        if self.ends is not None:
            self._check_ends(self.ends)
        if self.within is not None and self.classes is not None:
            raise SettingError("--within chooses pairs of one class and --between of two; leave one out")
        if self.classes is not None and self.classes[0] == self.classes[1]:
            raise SettingError(
                f"--between needs two classes, but got {self.classes[0]} twice; of one class say --within"
            )

    def _check_ends(self, ends: tuple[int, int]) -> None:
        if ends[0] == ends[1]:
            raise SettingError(f"a path needs two ends that differ, but --from and --to are both {ends[0]}")
        if self.pairs or self.within is not None or self.classes is not None:
            raise SettingError(
                "--from and --to are one pair; leave --pairs, --shortest, --longest, --within and "
                "--between out"
            )


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """The options of the command line that have to do with paths, as they were given."""

    start: str | None
    end: str | None
    pairs: str | None
    shortest: bool
    longest: bool
    within: str | None
    between: str | None
    kinds: str | None
    neighbours: int | None
    cost: float | None
    style: str | None

    def paths(self, steps: int | None, seed: int, **others: str | None) -> Between | None:
        """What to walk between; None where no ends are asked for, so that latents are walked along.

        Args:
            steps: Of each path.
            seed: Of random pairs.
            others: Options by their names that have no say here.

        Raises:
            SettingError: If options are given that do not go together, or are not what they need to be.
        """
        if self.end is None and self.pairs is None and not self.shortest and not self.longest:
            names = ("within", "between", "path", "neighbours", "cost", "style")
            values = (self.within, self.between, self.kinds, self.neighbours, self.cost, self.style)
            given = [name for name, value in zip(names, values, strict=True) if value is not None]
            if given:
                raise SettingError(
                    f"--{given[0]} needs codes to walk between; give --from and --to, --pairs, --shortest or "
                    "--longest"
                )
            return None
        foreign = [name for name, value in others.items() if value is not None]
        if foreign:
            raise SettingError(f"--{foreign[0]} is of walks along latents; from code to code leave it out")
        if (self.start is None) != (self.end is None):
            lacks, has = ("--from", "--to") if self.start is None else ("--to", "--from")
            raise SettingError(f"a path needs both its ends, but {has} came without {lacks}; add {lacks} ROW")
        kinds = tuple(kind.strip() for kind in ("linear" if self.kinds is None else self.kinds).split(","))
        self._check_say(kinds)
        settings = {"neighbours": self.neighbours, "cost": self.cost, "steps": steps}
        return Between(
            ends=None if self.start is None or self.end is None else parse_ends(self.start, self.end),
            pairs=parse_pairs(self.pairs, shortest=self.shortest, longest=self.longest),
            within=self.within,
            classes=parse_classes(self.between),
            kinds=kinds,
            style=self.style,
            seed=seed,
            **{name: value for name, value in settings.items() if value is not None},
        )

    def _check_say(self, kinds: tuple[str, ...]) -> None:
        """Refuse options that no path of these kinds asks."""
        for option, value, users in (
            ("neighbours", self.neighbours, ("graph", "geodesic")),
            ("cost", self.cost, ("geodesic",)),
        ):
            if value is not None and not set(kinds) & set(users):
                raise SettingError(
                    f"--{option} is of {' and '.join(users)} paths, but --path is {','.join(kinds)}; leave "
                    f"it out, or add {users[-1]} to --path"
                )


def parse_pairs(text: str | None, *, shortest: bool, longest: bool) -> tuple[tuple[str, int], ...]:
    """How to choose pairs, and how many.

    >>> parse_pairs("random:100", shortest=True, longest=False)
    (('random', 100), ('closest', 1))

    Raises:
        SettingError: If it is not one of CHOICES with a number from 1 to 10,000, or one is chosen twice.
    """
    asked = []
    if text is not None:
        name, _, number = text.partition(":")
        if name not in CHOICES:
            raise SettingError(f"unknown choice of pairs {name!r}: {nearest(name, CHOICES)}")
        if not re.fullmatch(r"[1-9]\d{0,3}|10000", number, re.ASCII):
            raise SettingError(
                f"--pairs needs a choice and a number from 1 to 10000, such as {name}:100, but got {text!r}"
            )
        for least, option, given in (("closest", "--shortest", shortest), ("furthest", "--longest", longest)):
            if name == least and given:
                raise SettingError(f"--pairs {text} has the pair of {option} among them; leave {option} out")
        asked.append((name, int(number)))
    return (*asked, *((("closest", 1),) if shortest else ()), *((("furthest", 1),) if longest else ()))


def parse_ends(start: str, end: str) -> tuple[int, int]:
    """Rows of the data set to walk from and to.

    Raises:
        SettingError: If one is no whole number.
    """
    for option, text in (("--from", start), ("--to", end)):
        if not re.fullmatch(r"\d{1,18}", text, re.ASCII):
            raise SettingError(
                f"a path needs rows of the data set, numbered from 0, as its ends, but {option} is {text!r}"
            )
    return int(start), int(end)


def parse_classes(text: str | None) -> tuple[str, str] | None:
    """The two classes of a text like a,b.

    Raises:
        SettingError: If there are not two.
    """
    if text is None:
        return None
    names = [name.strip() for name in text.split(",")]
    if len(names) != 2 or not all(names):
        raise SettingError(
            f"--between needs two classes with a comma between them, as in 3,8, but got {text!r}"
        )
    return names[0], names[1]


def check_places(run: Path, out: Path | None) -> None:
    """Refuse a run that is not there, and a folder to write to that must not be replaced.

    Args:
        run: The run folder.
        out: The folder to write to, which must be new; None for that of the run, which is replaced.

    Raises:
        RunFormatError: If the run is missing.
        SettingError: If the folder holds something else.
    """
    if not (run / "spec.json").is_file():
        raise RunFormatError(f"needed a run folder, but {run} is not one; make it with zscape fit")
    if out is None:
        check_replaceable(run / FOLDER, _FILES)
    else:
        check_new(out)
