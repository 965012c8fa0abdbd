"""The error tree. Every message says what was needed, what came and what to do::

    ZscapeError
    ├── DataError           a data set cannot be found, read or understood
    ├── DownloadError       a file could not be fetched, or is not the file that was expected
    ├── SettingError        a setting does not exist or has a value it cannot have
    ├── RunFormatError      a run folder lacks a file or holds one that cannot be read
    ├── DivergedError       a loss is no longer finite; names the term and the step
    └── StoppedError        a signal stopped a fit; it is checkpointed and can be resumed

Wrong arguments raise the built-in ValueError and TypeError; the tree is for what a caller might catch.
What can be done, but hardly was meant, is a warning: `ElsewhereWarning` of codes to stay away from.
"""

import difflib
from collections.abc import Iterable


class ZscapeError(Exception):
    """Base of every error that zscape raises on purpose."""


class DataError(ZscapeError):
    """A data set cannot be found, read or understood; the message names the file and the remedy."""


class DownloadError(ZscapeError):
    """A file could not be fetched, or its hash is not the expected one."""


class SettingError(ZscapeError):
    """A setting does not exist or has a value it cannot have."""


class RunFormatError(ZscapeError):
    """A run folder lacks a file that was asked for, or holds one that cannot be read."""


class DivergedError(ZscapeError):
    """A fit came to nothing: a loss stopped being finite, or all codes are the same; says which and where."""


class StoppedError(ZscapeError):
    """A signal stopped a fit after its checkpoint was written; the message says how to resume."""

    def __init__(self, message: str, *, signal: int) -> None:
        super().__init__(message)
        self.signal = signal


class ElsewhereWarning(UserWarning):
    """Points to stay away from stand for something else than the target, so that new ones pay for it.

    Attributes:
        found: What is so, without what to do about it.
    """

    def __init__(self, found: str, remedy: str) -> None:
        super().__init__(f"{found}; {remedy}")
        self.found = found


def nearest(name: str, known: Iterable[str]) -> str:
    """Close an error message: the known name most like `name`, then all of them; or else all of them.

    It goes on with the sentence, after a colon or a semicolon.

    >>> nearest("kll", ["kl", "mmd"])
    "did you mean 'kl'? Known are kl, mmd"
    >>> nearest("x", ["kl", "mmd"])
    'known are kl, mmd'
    """
    names = sorted(known)
    hint = closest(name, names)
    return f"{hint} Known are {', '.join(names)}" if hint else f"known are {', '.join(names)}"


def closest(name: str, known: Iterable[str]) -> str:
    """The question after the known name most like `name`; empty if none is like it.

    >>> closest("kll", ["kl", "mmd"])
    "did you mean 'kl'?"
    """
    folded = {word.lower(): word for word in sorted(known)}
    close = difflib.get_close_matches(name.lower(), folded, n=1)
    return f"did you mean {folded[close[0]]!r}?" if close else ""


def brief(value: object, most: int = 200) -> str:
    """Words out of a file, as a message may show them: all, or the first `most` letters and an ellipsis.

    >>> brief("no"), brief("nonsense", 3)
    ('no', 'non...')

    Args:
        value: What to show, as str gives it.
        most: Letters of it.
    """
    text = str(value)
    return text if len(text) <= most else f"{text[:most]}..."
