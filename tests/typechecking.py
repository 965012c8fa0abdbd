"""The type checker of the tests: beartype, where an int may stand for a float as in Python itself."""

from beartype import BeartypeConf, beartype

checked = beartype(conf=BeartypeConf(is_pep484_tower=True))
