"""What the examples show on a terminal, and what they are made of."""

from __future__ import annotations

import ast
import io
import sys
from pathlib import Path
from zlib import crc32

import numpy as np
import pytest
from rich.console import Console

from examples.digits.data import Digits
from examples.digits.show import some_images
from examples.machines.data import readings
from examples.machines.model import KERAS, PYTORCH
from kafkaml.contract.compiled import CompiledContract
from kafkaml.contract.proposal import propose
from kafkaml.records import ListBatch, Record

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
# What people get from us and from elsewhere; an example that needs more shows that something public is missing.
PUBLIC = ("kafkaml.sdk", "kafkaml.sdk.types", "kafkaml.errors", "datasources", "examples", "mnist_data")
# Kafka's own client is what people's own programs have.
LIBRARIES = ("numpy", "rich", "sklearn", "keras", "confluent_kafka")


def test_bright_pixels_are_drawn_and_dark_ones_are_not() -> None:
    image = np.zeros((1, 8, 8), np.uint8)
    image[0, 0, :4] = 255
    image[0, 1, 0] = 128
    text = io.StringIO()
    some_images(Console(file=text, width=100), Digits(image, np.array([7])), {"digits-keras": np.array([3])}, count=1)
    _, first, second, third, *rest = text.getvalue().splitlines()
    assert len(set(first.strip())) == 1
    assert len(first.strip()) == 8
    assert second.strip() not in ("", first.strip())
    assert not third.strip()
    assert [line.split() for line in rest[-2:]] == [["true", "class:", "7"], ["keras:", "3"]]


def imports_of(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {each.name for each in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return found


@pytest.mark.parametrize("path", sorted(EXAMPLES.rglob("*.py")), ids=lambda path: str(path.relative_to(EXAMPLES)))
def test_examples_use_what_is_public(path: Path) -> None:
    known = {*sys.stdlib_module_names, *LIBRARIES}
    others = {name for name in imports_of(path) if name.partition(".")[0] not in known}
    assert {name for name in others if name not in PUBLIC and not name.startswith("examples.")} == set()


def test_machines_are_proposed_as_their_models_take_them() -> None:
    partitions: list[list[Record]] = [[], [], [], []]
    for each in readings(2000):
        records = partitions[crc32(each.key) % 4]
        records.append(Record("machines", 0, len(records), each.key, each.value, (), each.timestamp_ms))
    proposal = propose(partitions[0])
    assert proposal.contract is not None
    assert proposal.label is not None
    assert (proposal.label.name, proposal.label.kind, proposal.contract.split) == ("failing", "class", "time")
    assert proposal.window is not None
    compiled = CompiledContract(proposal.contract.model_copy(update={"window": proposal.window}))
    rows = compiled.raw(ListBatch(partitions[0])).rows
    arrangement = compiled.arrange(rows, seed=1, validation_rate=0.1, test_rate=0.2)
    shapes = compiled.input_shapes(compiled.learn(rows, arrangement))
    assert shapes == {"": (10, 7)}
    assert f"Input({shapes['']})" in KERAS
    assert "LSTM(7, " in PYTORCH
