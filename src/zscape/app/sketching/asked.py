"""What was asked for, refused at once where it cannot be."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from zscape.app.sampling.asked import check_temperature
from zscape.errors import SettingError
from zscape.model.generation import TEMPERATURE

_NEW, _EACH, _STEPS = 48, 8, 10


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What to draw: new drawings, unless one of `like`, `complete` and `between` is given.

    Attributes:
        count: How many: in all of new ones, else of each row or beginning; None for 48 and 8.
        prior: Whether codes are drawn from N(0, I), and not from a Gaussian fitted on the run's own.
        like: Rows of the data set to draw again from their codes.
        complete: File of beginnings to be drawn to their end.
        between: Two rows of the data set, to draw along the straight way from code to code.
        steps: Drawings on that way with its ends; None for 10.
        temperature: Of the drawings.
        seed: Of everything drawn at random.

    Raises:
        SettingError: If more than one thing is asked for, or an option is given that has no say in it.
    """

    count: int | None = None
    prior: bool = False
    like: tuple[int, ...] = ()
    complete: Path | None = None
    between: tuple[int | None, int | None] = (None, None)
    steps: int | None = None
    temperature: float = TEMPERATURE
    seed: int = 0

    def __post_init__(self) -> None:
        check_temperature(self.temperature)
        ways = [end is not None for end in self.between]
        if any(ways) and not all(ways):
            raise SettingError("a way from one drawing to another needs both: --from ROW --to ROW")
        given = {"--like": bool(self.like), "--complete": self.complete is not None, "--from": all(ways)}
        modes = [name for name, present in given.items() if present]
        if len(modes) > 1:
            raise SettingError(f"one call draws one thing, but got {' and '.join(modes)}; call once for each")
        if self.steps is not None and not all(ways):
            raise SettingError("--steps needs --from ROW --to ROW")
        if self.count is not None and all(ways):
            raise SettingError("--from and --to take --steps, not --count")
        if self.prior and (self.like or all(ways)):
            raise SettingError(f"--prior means nothing with {modes[0]}, whose codes are those of drawings")

    @property
    def number(self) -> int:
        """Drawings in all, or of each row or beginning, or on the way."""
        if None not in self.between:
            return _STEPS if self.steps is None else self.steps
        alone = not self.like and self.complete is None
        return self.count if self.count is not None else _NEW if alone else _EACH
