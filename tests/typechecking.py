"""The type checker of the tests: beartype, with `int` welcome where `float` is written (PEP 484)."""

from beartype import BeartypeConf, beartype

decorate = beartype(conf=BeartypeConf(is_pep484_tower=True))
