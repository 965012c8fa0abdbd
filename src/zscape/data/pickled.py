"""Arrays of arrays out of pickles, without unpickling: no name is looked up and nothing is called.

sketch-rnn keeps its drawings as numpy arrays of objects, which numpy writes as pickles. Reading these with
`allow_pickle` runs whatever the file says. Here a small machine follows the few opcodes that numpy's own
pickles need and makes the arrays itself; the names in the file select one of six fixed meanings, and any
other name or opcode is refused. Covered are protocols 2 to 5, from Python 2 and 3.

A pickle can refer to what it has already made, as often as it likes; so what is made is counted, and a small
file cannot become a large one.

References:
    CPython's pickletools (the opcodes); numpy's ndarray.__reduce__ and __setstate__ (the state).
"""

import math
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np

from zscape.errors import DataError, brief

# Bytes that numpy writes after the opcode: of fixed size, by their format ...
_FIXED = {
    b"\x80": struct.Struct("<B"),  # PROTO
    b"\x95": struct.Struct("<Q"),  # FRAME
    b"J": struct.Struct("<i"),  # BININT
    b"K": struct.Struct("<B"),  # BININT1
    b"M": struct.Struct("<H"),  # BININT2
    b"h": struct.Struct("<B"),  # BINGET
    b"j": struct.Struct("<I"),  # LONG_BINGET
    b"q": struct.Struct("<B"),  # BINPUT
    b"r": struct.Struct("<I"),  # LONG_BINPUT
}
# ... and of a size that comes first.
_SIZED = {
    b"U": struct.Struct("<B"),  # SHORT_BINSTRING
    b"T": struct.Struct("<i"),  # BINSTRING
    b"C": struct.Struct("<B"),  # SHORT_BINBYTES
    b"B": struct.Struct("<I"),  # BINBYTES
    b"\x8e": struct.Struct("<Q"),  # BINBYTES8
    b"\x96": struct.Struct("<Q"),  # BYTEARRAY8
    b"\x8c": struct.Struct("<B"),  # SHORT_BINUNICODE
    b"X": struct.Struct("<I"),  # BINUNICODE
    b"\x8a": struct.Struct("<B"),  # LONG1
}
_TEXT = frozenset({b"\x8c", b"X"})
_CONSTANTS = {b"N": None, b"\x88": True, b"\x89": False}
_TUPLES = {b"\x85": 1, b"\x86": 2, b"\x87": 3}
# Bytes that may be made of a pickle: so many, and so many for each of its own. numpy writes every array once,
# and those of protocol 2 are made in two steps.
_ALWAYS, _RATIO = 2**24, 4
# numpy has no more axes, and no array has as many elements.
_MOST_AXES, _MOST_ELEMENTS = 64, 2**60
_DTYPE = re.compile(r"b1|[iu][1248]|f[248]|O8?")


class _Name(Enum):
    """The names that may stand in a file, as plain tokens."""

    RECONSTRUCT = "_reconstruct"
    NDARRAY = "ndarray"
    DTYPE = "dtype"
    ENCODE = "encode"
    FROM_BUFFER = "_frombuffer"
    BYTES = "bytes"


_NAMES = {
    ("numpy.core.multiarray", "_reconstruct"): _Name.RECONSTRUCT,
    ("numpy._core.multiarray", "_reconstruct"): _Name.RECONSTRUCT,
    ("numpy", "ndarray"): _Name.NDARRAY,
    ("numpy", "dtype"): _Name.DTYPE,
    ("_codecs", "encode"): _Name.ENCODE,
    ("__builtin__", "bytes"): _Name.BYTES,
    ("numpy.core.numeric", "_frombuffer"): _Name.FROM_BUFFER,
    ("numpy._core.numeric", "_frombuffer"): _Name.FROM_BUFFER,
}


class _Mark:
    """Where on the stack a tuple or a stretch of a list begins."""


@dataclass
class _Type:
    """A dtype on its way: the code, then the byte order."""

    code: str
    order: str = "="


@dataclass
class _Array:
    """An array on its way: empty until its state comes."""

    value: np.ndarray | list[Any] | None = None


class _RefusedError(Exception):
    """What is wrong with the stream, without the name of the file."""


def read_object_array(stream: bytes, title: str) -> list[np.ndarray]:
    """The arrays that one pickled numpy array of objects holds, in order.

    Args:
        stream: The pickle, as numpy writes it after the header of a .npy file.
        title: Of the array and its file, for messages.

    Raises:
        DataError: If the stream needs anything but numpy arrays of numbers, is cut short, or is no array of
            objects in one dimension, or would become far larger than it is.
    """
    try:
        budget = _Budget(_ALWAYS + _RATIO * len(stream))
        found = _Machine(stream, budget).run()
        rows = found.value if isinstance(found, _Array) else None
        if not isinstance(rows, list):
            raise _RefusedError(f"it holds {_words(found)} and no array of objects")
        arrays = [_numbers(each, number) for number, each in enumerate(rows)]
        # One array may be an element many times; joined, it takes its place each time.
        budget.take(sum(array.nbytes for array in arrays))
        return arrays
    except _RefusedError as error:
        raise DataError(
            f"{title} needs to be a plain array of arrays of numbers, but {error}; nothing of it was run. "
            "Make or copy the file again, or save the drawings as .ndjson"
        ) from error


class _Budget:
    """Bytes that may still be made."""

    def __init__(self, most: int) -> None:
        self._most = self._left = most

    def take(self, count: int) -> None:
        self._left -= count
        if self._left < 0:
            raise _RefusedError(f"it would become larger than {self._most} bytes by referring to itself")


def _numbers(each: object, number: int) -> np.ndarray:
    value = each.value if isinstance(each, _Array) else None
    if not isinstance(value, np.ndarray):
        raise _RefusedError(f"element {number} is {_words(each)}")
    return value


def _words(value: object) -> str:
    if isinstance(value, _Array):
        return "an array of numbers" if isinstance(value.value, np.ndarray) else "an array of objects"
    return f"a Python {type(value).__name__}"


class _Machine:
    """One pass over a pickle."""

    def __init__(self, stream: bytes, budget: _Budget) -> None:
        self._stream = stream
        self._budget = budget
        self._at = 0
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}
        self._plain: dict[bytes, Callable[[], None]] = {
            b"(": lambda: self._stack.append(_Mark),
            b"]": lambda: self._stack.append([]),
            b")": lambda: self._stack.append(()),
            b"t": lambda: self._stack.append(tuple(self._since_mark())),
            b"a": lambda: self._extend([self._pop()]),
            b"e": lambda: self._extend(self._since_mark()),
            b"\x94": lambda: self._keep(len(self._memo)),
            b"c": lambda: self._name(self._line(), self._line()),
            b"\x93": self._stack_name,
            b"R": self._reduce,
            b"b": self._build,
        }

    def run(self) -> object:
        """The value at the end of the stream."""
        while (code := self._take(1)) != b".":
            if code in _FIXED:
                self._fixed(code)
            elif code in self._plain:
                self._plain[code]()
            elif code in _SIZED:
                self._sized(code)
            elif code in _TUPLES:
                taken = [self._pop() for _ in range(_TUPLES[code])]
                self._stack.append(tuple(reversed(taken)))
            elif code in _CONSTANTS:
                self._stack.append(_CONSTANTS[code])
            else:
                raise _RefusedError(f"byte {self._at - 1} is the opcode {code!r}, which no array needs")
        return self._pop()

    def _take(self, count: int) -> bytes:
        end = self._at + count
        if count < 0 or end > len(self._stream):
            raise _RefusedError(f"it is cut short at byte {len(self._stream)}")
        taken = self._stream[self._at : end]
        self._at = end
        return taken

    def _unpack(self, layout: struct.Struct) -> int:
        return layout.unpack(self._take(layout.size))[0]

    def _line(self) -> str:
        end = self._stream.find(b"\n", self._at)
        if end < 0:
            raise _RefusedError(f"it is cut short at byte {len(self._stream)}")
        return self._take(end + 1 - self._at)[:-1].decode("latin1")

    def _pop(self) -> Any:  # noqa: ANN401 (whatever lies on the stack)
        if not self._stack or self._stack[-1] is _Mark:
            raise _RefusedError(f"byte {self._at - 1} takes a value where there is none")
        return self._stack.pop()

    def _since_mark(self) -> list[Any]:
        for place in range(len(self._stack) - 1, -1, -1):
            if self._stack[place] is _Mark:
                taken = self._stack[place + 1 :]
                del self._stack[place:]
                return taken
        raise _RefusedError(f"byte {self._at - 1} closes what was never opened")

    def _fixed(self, code: bytes) -> None:
        value = self._unpack(_FIXED[code])
        if code in b"JKM":
            self._stack.append(value)
        elif code in b"qr":
            self._keep(value)
        elif code in b"hj":
            if value not in self._memo:
                raise _RefusedError(f"byte {self._at - 1} refers to value {value}, which there is not")
            self._stack.append(self._memo[value])

    def _sized(self, code: bytes) -> None:
        value = self._take(self._unpack(_SIZED[code]))
        if code in _TEXT:
            self._stack.append(value.decode("utf-8", errors="replace"))
        else:
            self._stack.append(int.from_bytes(value, "little", signed=True) if code == b"\x8a" else value)

    def _keep(self, number: int) -> None:
        value = self._pop()
        self._stack.append(value)
        self._memo[number] = value

    def _extend(self, values: list[Any]) -> None:
        target = self._pop()
        if not isinstance(target, list):
            raise _RefusedError(f"byte {self._at - 1} appends to {_words(target)}")
        target.extend(values)
        self._stack.append(target)

    def _stack_name(self) -> None:
        name, module = self._pop(), self._pop()
        if not (isinstance(module, str) and isinstance(name, str)):
            raise _RefusedError(f"byte {self._at - 1} looks for a name that is no text")
        self._name(module, name)

    def _name(self, module: str, name: str) -> None:
        if (module, name) not in _NAMES:
            raise _RefusedError(f"it asks for {brief(f'{module}.{name}', 80)!r}, which no array needs")
        self._stack.append(_NAMES[module, name])

    def _reduce(self) -> None:
        arguments, name = self._pop(), self._pop()
        match name, arguments:
            case _Name.RECONSTRUCT, (_Name.NDARRAY, (0,), b"b"):
                self._stack.append(_Array())
            case _Name.DTYPE, (str() | bytes() as code, _, _):
                self._stack.append(_Type(_text(code)))
            # Python 3 writes bytes in these two ways, some and none, where it is asked for protocol 2.
            case _Name.ENCODE, (str() as text, "latin1"):
                self._budget.take(len(text))
                self._stack.append(text.encode("latin1", errors="replace"))
            case _Name.BYTES, ():
                self._stack.append(b"")
            case _Name.FROM_BUFFER, (bytes() as data, _Type() as dtype, tuple() as shape, order):
                self._stack.append(_Array(_filled(data, dtype, shape, fortran=order == "F")))
            case _:
                raise _RefusedError(f"byte {self._at - 1} calls for something that makes no array")

    def _build(self) -> None:
        state, target = self._pop(), self._pop()
        match target, state:
            case _Type(), (int(), str() | bytes() as order, None, None, None, int(), int(), int()):
                target.order = _text(order)
            case _Array(), (
                1,
                tuple() as shape,
                _Type() as dtype,
                bool() as fortran,
                bytes() | list() as data,
            ):
                target.value = _filled(data, dtype, shape, fortran=fortran)
            # Python 2 writes the order of the axes as a number.
            case _Array(), (
                1,
                tuple() as shape,
                _Type() as dtype,
                0 | 1 as fortran,
                bytes() | list() as data,
            ):
                target.value = _filled(data, dtype, shape, fortran=bool(fortran))
            case _:
                raise _RefusedError(f"byte {self._at - 1} gives a state that no array has")
        self._stack.append(target)


def _text(value: str | bytes) -> str:
    """The code or the byte order of a dtype: a few letters, of which a longer text shows the first."""
    return value[:10] if isinstance(value, str) else value[:10].decode("latin1")


def _filled(
    data: bytes | list[Any], dtype: _Type, shape: tuple[Any, ...], *, fortran: bool
) -> np.ndarray | list[Any]:
    """An array of numbers over its bytes, or the list of an array of objects in one dimension."""
    if len(shape) > _MOST_AXES or not all(isinstance(side, int) and side >= 0 for side in shape):
        raise _RefusedError(f"an array has {len(shape)} axes, or sides that are no whole numbers")
    if math.prod(side or 1 for side in shape) > _MOST_ELEMENTS:
        raise _RefusedError("an array has sides that no array has")
    if not _DTYPE.fullmatch(dtype.code) or dtype.order not in ("<", ">", "|", "="):
        raise _RefusedError(f"an array is of type {dtype.order}{dtype.code}, which is no number")
    count = math.prod(shape)
    if isinstance(data, list):
        if not dtype.code.startswith("O") or len(shape) != 1 or len(data) != count:
            raise _RefusedError(f"a list of {len(data)} stands for an array of {dtype.code} of shape {shape}")
        return data
    if dtype.code.startswith("O"):
        raise _RefusedError("an array of objects is given as bytes")
    element = np.dtype(dtype.code).newbyteorder(dtype.order)  # type: ignore[arg-type] (checked above)
    if len(data) != count * element.itemsize:
        raise _RefusedError(f"an array of shape {shape} of {dtype.code} has {len(data)} bytes")
    return np.frombuffer(data, element).reshape(shape, order="F" if fortran else "C")
