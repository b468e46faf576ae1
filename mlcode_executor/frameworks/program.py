"""The common part of all frameworks' downloadable programs: the user's two fields, combined in one file."""

from __future__ import annotations

import re

from mlcode_executor.frameworks.source import runnable

__all__ = ["fill_program"]

_FUTURE = re.compile(r"^from __future__ import .*$", re.MULTILINE)


def fill_program(template: str, code: str, imports: str, **values: object) -> str:
    """Return ``template`` with ``{future}``, ``{imports}``, ``{code}`` and ``values`` put in.

    The fields are those that ran, without a notebook's commands, which are not Python.
    """
    imports, code = runnable(imports), runnable(code)
    # Python wants imports from ``__future__`` before everything else.
    future = "".join(f"{line}\n" for text in (imports, code) for line in _FUTURE.findall(text))
    return template.format(future=future, imports=_FUTURE.sub("", imports), code=_FUTURE.sub("", code), **values)
