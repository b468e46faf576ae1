"""``kafka-ml examples``: the list, the place of each example, and refusals before anything is made."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner

from kafka_ml_cli.exits import ExitCode
from kafka_ml_cli.main import app
from kafkaml.errors import RefusedError
from platform_local import examples


def test_list_and_show_say_where_each_example_is() -> None:
    listed = orjson.loads(CliRunner().invoke(app, ["examples", "list", "--json"]).stdout)
    assert {"digits", "MNIST_RAW_format", "MNIST_tiers", "HCOPD_Avro_format"} < {example["name"] for example in listed}
    for example in listed:
        assert (Path(example["folder"]) / "model_pytorch.py").is_file()
    shown = CliRunner().invoke(app, ["examples", "show", "hcopd_avro_FORMAT"]).stdout
    assert "HCOPD_inference.py" in shown
    assert "Its files are in" in shown


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["nothing"], "there is no example 'nothing'"), (["digits", "-f", "jax"], "tensorflow and pytorch")],
    ids=["name", "framework"],
)
def test_what_there_is_not_is_refused(arguments: list[str], said: str) -> None:
    done = CliRunner().invoke(app, ["examples", "run", *arguments], env={"COLUMNS": "200"})
    assert done.exit_code == ExitCode.REFUSED
    assert said in " ".join(done.output.split())


def test_without_the_examples_it_says_where_they_are(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(examples, "_PLACES", (tmp_path,))
    with pytest.raises(RefusedError, match="not installed here") as caught:
        examples.catalogue()
    assert "repository" in caught.value.hint
    assert examples.offered() == "[]"


def test_the_command_line_of_a_workers_image_starts_without_the_local_platform() -> None:
    program = "import sys; sys.modules['platform_local'] = None; import kafka_ml_cli.main"
    subprocess.run([sys.executable, "-P", "-c", program], check=True, timeout=60)
