"""The page of the Python packages that people import: the SDK, its types and the sinks, from signatures and docstrings.

The sources are read, not imported.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path

__all__ = ["page"]

_INTRODUCTION = """\
# Python: SDK and sinks
Written from the signatures and docstrings of `kafkaml.sdk` and `datasources`. `from kafkaml.sdk import Client` speaks
to a platform: `client.models`, `client.results` and so on are the classes below. `from datasources import RawSink`
sends training data. Errors are those of `kafkaml.errors`, the last section.
"""
# Each entry is a title and the file that it describes, below the root of the repository.
_SECTIONS = (
    ("Client", "kafkaml/sdk/client.py"),
    ("Finding a platform", "kafkaml/sdk/connection.py"),
    ("What all collections have", "kafkaml/sdk/collection.py"),
    ("What results and inferences have", "kafkaml/sdk/runs.py"),
    ("Frameworks", "kafkaml/sdk/frameworks.py"),
    ("Models", "kafkaml/sdk/models.py"),
    ("Configurations", "kafkaml/sdk/configurations.py"),
    ("Data sets", "kafkaml/sdk/datasets.py"),
    ("Deployments", "kafkaml/sdk/deployments.py"),
    ("Results", "kafkaml/sdk/results.py"),
    ("Inferences", "kafkaml/sdk/inferences.py"),
    ("Predictions", "kafkaml/sdk/predictions.py"),
    ("Streams", "kafkaml/sdk/streams.py"),
    ("Topics", "kafkaml/sdk/topics.py"),
    ("Clusters", "kafkaml/sdk/clusters.py"),
    ("Webhooks", "kafkaml/sdk/webhooks.py"),
    ("Users and tokens", "kafkaml/sdk/accounts.py"),
    ("Objects: what all have", "kafkaml/sdk/types/base.py"),
    ("Objects: models and configurations", "kafkaml/sdk/types/models.py"),
    ("Objects: data", "kafkaml/sdk/types/data.py"),
    ("Objects: training", "kafkaml/sdk/types/training.py"),
    ("Objects: serving", "kafkaml/sdk/types/serving.py"),
    ("Objects: platform", "kafkaml/sdk/types/platform.py"),
    ("Sinks", "datasources/sink.py"),
    ("Sinks: RAW", "datasources/raw_sink.py"),
    ("Sinks: Avro", "datasources/avro_sink.py"),
    ("Sinks: JSON", "datasources/json_sink.py"),
    ("Sinks: online", "datasources/online_sink.py"),
    ("Sinks: online RAW", "datasources/online_raw_sink.py"),
    ("Sinks: online Avro", "datasources/online_avro_sink.py"),
    ("Sinks: online JSON", "datasources/online_json_sink.py"),
    ("Settings of Kafka", "kafkaml/settings.py"),
    ("Errors", "kafkaml/errors.py"),
)
_Function = ast.FunctionDef | ast.AsyncFunctionDef


def page(root: Path) -> str:
    """Return the page, from the sources below ``root``."""
    parts = [_INTRODUCTION]
    for title, name in _SECTIONS:
        module = ast.parse((root / name).read_text(encoding="utf-8"))
        public = _exported(module)
        parts.append(f"\n## {title}\nModule `{name.removesuffix('.py').replace('/', '.')}`.\n")
        for node in module.body:
            if isinstance(node, ast.ClassDef) and node.name in public:
                parts += _class(node)
            elif isinstance(node, _Function) and node.name in public:
                parts += _function(node)
    return "".join(parts)


def _exported(module: ast.Module) -> set[str]:
    for node in module.body:
        if isinstance(node, ast.Assign) and any(
            isinstance(target, ast.Name) and target.id == "__all__" for target in node.targets
        ):
            return set(ast.literal_eval(node.value))
    return {
        statement.name
        for statement in module.body
        if isinstance(statement, ast.ClassDef) and not statement.name.startswith("_")
    }


def _class(node: ast.ClassDef) -> Iterator[str]:
    bases = f"({', '.join(ast.unparse(base) for base in node.bases)})" if node.bases else ""
    yield f"\n### {node.name}\n"
    yield from _code(f"class {node.name}{bases}")
    yield from _docstring(node)
    fields = [
        statement
        for statement in node.body
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name)
    ]
    public = [field for field in fields if not field.target.id.startswith("_")]  # type: ignore[union-attr]
    if public:
        yield from _code("\n".join(ast.unparse(field) for field in public))
    for member in node.body:
        if isinstance(member, _Function) and (member.name == "__init__" or not member.name.startswith("_")):
            yield from _function(member, owner=node.name)


def _function(node: _Function, *, owner: str = "") -> Iterator[str]:
    if any(
        "setter" in ast.unparse(decorator) or "overload" in ast.unparse(decorator) for decorator in node.decorator_list
    ):
        return
    is_property = any(ast.unparse(decorator) in ("property", "cached_property") for decorator in node.decorator_list)
    name = owner if node.name == "__init__" else node.name
    arguments = _arguments(node, bound=bool(owner))
    returned = "" if node.returns is None or node.name == "__init__" else f" -> {ast.unparse(node.returns)}"
    one = name + ("" if is_property else f"({', '.join(arguments)})") + returned
    several = f"{name}(\n    " + ",\n    ".join(arguments) + f",\n){returned}"
    yield from _code(one if len(one) <= 100 or not arguments else several)
    yield from _docstring(node)


def _arguments(node: _Function, *, bound: bool) -> list[str]:
    given = node.args
    positional = [*given.posonlyargs, *given.args]
    defaults = [None] * (len(positional) - len(given.defaults)) + list(given.defaults)
    found = [_argument(argument, default) for argument, default in zip(positional, defaults, strict=True)]
    if bound and positional and positional[0].arg in ("self", "cls"):
        found = found[1:]
    if given.vararg:
        found.append(f"*{_argument(given.vararg, None)}")
    elif given.kwonlyargs:
        found.append("*")
    found += [
        _argument(kwonlyarg, default) for kwonlyarg, default in zip(given.kwonlyargs, given.kw_defaults, strict=True)
    ]
    if given.kwarg:
        found.append(f"**{_argument(given.kwarg, None)}")
    return found


def _argument(argument: ast.arg, default: ast.expr | None) -> str:
    kind = f": {ast.unparse(argument.annotation)}" if argument.annotation else ""
    if default is None:
        return f"{argument.arg}{kind}"
    return f"{argument.arg}{kind} = {ast.unparse(default)}" if kind else f"{argument.arg}={ast.unparse(default)}"


def _code(text: str) -> Iterator[str]:
    yield f"\n```python\n{text}\n```\n"


def _docstring(node: ast.ClassDef | _Function) -> Iterator[str]:
    if text := ast.get_docstring(node):
        yield f"\n{inspect.cleandoc(text).replace('``', '`')}\n"
