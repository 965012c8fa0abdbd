"""What was asked for, refused at once where it cannot be."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from zscape.app.places import check_new, check_replaceable
from zscape.errors import RunFormatError, SettingError, nearest

STARTS = ("origin", "prior", "posterior")
ORDERS = ("kl", "information", "number")
FOLDER = "walk"  # in a run folder, where zscape walk writes
# What a call writes, and so what the next may replace.
_FILES = re.compile(r"(walk|responses)\.parquet|traversals\.(png|svg|gif)|responses\.(png|svg)")


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
