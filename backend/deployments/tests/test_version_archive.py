"""All files of a version in one zip: their names fit together, and the README's program runs with them."""

from __future__ import annotations

import io
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from rest_framework.test import APIClient

from backend.api.tests import builders
from backend.deployments import storage
from backend.deployments.models import ResultVersion
from kafkaml.artifacts import CONTRACT_FILE
from kafkaml.wire.contract import Contract, Learnt, LearntColumn, contract_document

pytestmark = pytest.mark.django_db

PROGRAM = b"from pathlib import Path\n\ndef load(): return Path(__file__).with_name('model.keras').read_text()\n"


def unpacked(client: APIClient, version: ResultVersion, folder: Path) -> Path:
    answer = client.get(f"/api/results/{version.result_id}/versions/{version.number}/archive/")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content))) as archive:
        assert archive.testzip() is None
        archive.extractall(folder)
    (found,) = folder.iterdir()
    return found


def test_the_readme_of_the_zip_runs(viewer: APIClient, tmp_path: Path) -> None:
    result = builders.make_finished(builders.make_model(name="my digits/2"))
    version = result.versions.get()
    program = builders.make_artifact(result, "model.py", PROGRAM)
    program.version = version
    program.save()
    folder = unpacked(viewer, version, tmp_path / "unpacked")
    assert folder.name == f"my-digits-2-{result.pk}-v1"
    assert {"README.md", "model.keras", "model.py"} <= {path.name for path in folder.iterdir()}
    readme = (folder / "README.md").read_text()
    (text,) = re.findall("```python\n(.*?)```", readme, re.DOTALL)
    ran = subprocess.run([sys.executable, "-c", text], cwd=folder, capture_output=True, text=True, check=True)
    assert ran.stdout == "weights\n"
    assert "| model.keras | 7 |" in readme


def test_the_readme_of_a_data_sets_model_tells_its_scales(viewer: APIClient, tmp_path: Path) -> None:
    result = builders.make_finished()
    contract = Contract.model_validate(
        {
            "format": "CSV",
            "format_config": {"columns": ["temp"]},
            "fields": [{"path": ["temp"], "kind": "number"}],
            "columns": [{"name": "temp", "expression": "temp", "scaling": "standard"}],
        }
    )
    learnt = Learnt(columns={"temp": LearntColumn(offset=20.0, scale=4.0)}, classes=("ok", "worn"))
    file = builders.make_artifact(result, CONTRACT_FILE, contract_document(contract, learnt))
    file.version = result.versions.get()
    file.save()
    folder = unpacked(viewer, file.version, tmp_path / "unpacked")
    text = re.findall("```python\n(.*?)```", (folder / "README.md").read_text(), re.DOTALL)[-1]
    ran = subprocess.run([sys.executable, "-c", text], cwd=folder, capture_output=True, text=True, check=True)
    assert "temp = temp {" in ran.stdout
    assert "'offset': 20.0, 'scale': 4.0" in ran.stdout
    assert "['ok', 'worn']" in ran.stdout


def test_a_file_that_is_gone_is_reported_before_anything_is_sent(viewer: APIClient) -> None:
    result = builders.make_finished()
    version = result.versions.get()
    for artifact in version.artifacts.all():
        storage.path_of(artifact).unlink(missing_ok=True)
    answer = viewer.get(f"/api/results/{result.pk}/versions/{version.number}/archive/")
    assert answer.status_code == 404
    assert "model.keras" in answer.json()["detail"]
