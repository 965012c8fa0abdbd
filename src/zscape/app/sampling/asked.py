"""What was asked for, refused at once where it cannot be."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zscape.errors import SettingError, nearest

METHODS = ("iid", "quantize", "representatives", "by-class")
DENSITIES = ("prior", "gaussian", "mixture", "empirical")
STATISTICS = ("diagonal", "full", "mixture")
# Sets up to this size are measured and their pictures written one by one.
MEASURED = 2000


def check_temperature(temperature: float | None) -> None:
    """Refuse what is no temperature.

    Raises:
        SettingError: If it is not finite or below 0.
    """
    if temperature is not None and not 0 <= temperature < math.inf:
        raise SettingError(f"--temperature needs a number of at least 0, but got {temperature}")


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
        labels: Classes to draw from, by name or number, each with an even share of the count; all of the
            codes, or for by-class all classes, if none are given.
        avoid: Tables of codes already drawn, to stay away from.
        shell: Whether quantized codes keep the typical radius.
        temperature: Of drawings; None is that of `Run.shown`.
        seed: Of everything drawn at random.

    Raises:
        SettingError: If a name is unknown, an option is given to a method that has no use for it, or a label
            is given twice or leaves some label without a code.
    """

    method: str = "iid"
    count: int = 24
    density: str | None = None
    components: int | None = None
    statistics: str | None = None
    theta: float | None = None
    fitted: Path | None = None
    labels: tuple[str, ...] = ()
    avoid: tuple[Path, ...] = ()
    shell: bool = False
    temperature: float | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise SettingError(f"unknown method {self.method!r}: {nearest(self.method, METHODS)}")
        self._check_density()
        self._check_by_class()
        self._check_labels()
        if self.avoid and self.method not in ("quantize", "representatives"):
            raise SettingError(
                f"--avoid needs --method quantize or representatives, but got {self.method}, whose draws "
                "know nothing of each other"
            )
        if self.shell and self.method != "quantize":
            raise SettingError(f"--shell needs --method quantize, but got {self.method}")
        check_temperature(self.temperature)

    @property
    def from_prior(self) -> bool:
        """Whether the density is the prior."""
        return self.density in (None, "prior")

    @property
    def small(self) -> bool:
        """Whether the set is measured and written picture by picture."""
        return self.count <= MEASURED

    def said(self) -> dict[str, Any]:
        """The settings that had a say, as the table and the report keep them."""
        said: dict[str, Any] = {"method": self.method, "count": self.count, "seed": self.seed}
        if self.method in ("iid", "quantize"):
            said["density"] = self.density or "prior"
        if self.method == "by-class" and self.fitted is None:
            said["statistics"] = self.statistics or "diagonal"
            said["theta"] = 1.0 if self.theta is None else self.theta
        if self.fitted is not None:
            said["fitted"] = self.fitted.name
        if self.shell:
            said["shell"] = True
        if self.labels:
            said["label"] = ", ".join(self.labels)
        if self.avoid:
            said["avoid"] = ", ".join(path.name for path in self.avoid)
        return said

    def _check_density(self) -> None:
        if self.density not in (None, *DENSITIES):
            raise SettingError(f"unknown density {self.density!r}: {nearest(self.density, DENSITIES)}")
        if self.from_prior and self.labels and self.method in ("iid", "quantize"):
            raise SettingError(
                "the prior knows no classes; give --label with --density gaussian, or another, or with "
                "--method by-class"
            )
        if self.density is not None and self.method in ("representatives", "by-class"):
            raise SettingError(f"--method {self.method} takes no --density: it reads the codes themselves")

    def _check_labels(self) -> None:
        twice = [label for label in self.labels if self.labels.count(label) > 1]
        if twice:
            raise SettingError(f"--label {twice[0]} is given twice; give each class once")
        if self.count < len(self.labels):
            raise SettingError(
                f"--count needs at least {len(self.labels)}, a code for each --label, but got {self.count}"
            )

    def _check_by_class(self) -> None:
        """Refuse settings of classes and mixtures where none are drawn from, or that cannot be."""
        if self.statistics not in (None, *STATISTICS):
            raise SettingError(
                f"unknown statistics {self.statistics!r}: {nearest(self.statistics, STATISTICS)}"
            )
        if self.theta is not None and not 0 <= self.theta < math.inf:
            raise SettingError(f"--theta needs a finite number of at least 0, but got {self.theta}")
        given = {"statistics": self.statistics, "theta": self.theta, "fitted": self.fitted}
        idle = [name for name, value in given.items() if value is not None]
        if idle and self.method != "by-class":
            raise SettingError(f"--{idle[0]} needs --method by-class, but got {self.method}")
        if self.fitted is not None and (len(idle) > 1 or self.components is not None):
            raise SettingError(
                "--fitted brings its own statistics, theta and components; leave those options out"
            )
        mixture = self.statistics if self.method == "by-class" else self.density
        if self.components is not None and mixture != "mixture":
            raise SettingError(
                "--components needs --density mixture, or --method by-class --statistics mixture"
            )
