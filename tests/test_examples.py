"""The examples: their output on a terminal, and the modules that they use."""

from __future__ import annotations

import ast
import importlib
import io
import json
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from zlib import crc32

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from examples import picture_patches
from examples.catalogue import EXAMPLES as EXAMPLE_LIST
from examples.catalogue import find
from examples.digits.data import Digits
from examples.digits.show import some_images
from examples.EUROSAT_RAW_format import eurosat_data
from examples.flights_malaga import run as flights
from examples.flights_malaga.data import MALAGA, reports
from examples.HCOPD_Avro_format import hcopd_data
from examples.machines.data import readings
from examples.machines.model import KERAS, PYTORCH
from examples.NO2SoftSensor_RAW_format import no2_data
from examples.real_data import cached_file, real_or_instead
from examples.SO2SAT_RAW_format import so2sat_data
from examples.TCN_NILM_RAW_format import nilm_data
from examples.VGG16_CIFAR10_RAW_format import cifar10_data
from kafkaml.contract.compiled import CompiledContract
from kafkaml.contract.proposal import propose
from kafkaml.records import ListBatch, Record
from kafkaml.wire.contract import Contract

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
# The public modules that examples may import. An example that needs more shows that something public is missing.
PUBLIC = (
    "kafkaml.sdk",
    "kafkaml.sdk.types",
    "kafkaml.errors",
    "datasources",
    "datasources.avro_inference",
    "datasources.avro_sink",
    "examples",
)
# Packages that examples may import. Kafka's own client is among them, because users' own programs have it.
LIBRARIES = ("numpy", "rich", "sklearn", "psutil", "confluent_kafka", "PIL", "h5py", "matplotlib")


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
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return found


# Code of models is left out, because it is pasted into the form and has no imports.
PROGRAMS = sorted(path for path in EXAMPLES.rglob("*.py") if not path.name.startswith("model_"))


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: str(path.relative_to(EXAMPLES)))
def test_examples_use_what_is_public(path: Path) -> None:
    known = {*sys.stdlib_module_names, *LIBRARIES}
    others = {name for name in imports_of(path) if name.partition(".")[0] not in known}
    assert {name for name in others if name not in PUBLIC and not name.startswith("examples.")} == set()


def test_machines_are_proposed_as_their_models_take_them() -> None:
    partitions: list[list[Record]] = [[], [], [], []]
    for reading in readings(2000):
        records = partitions[crc32(reading.key) % 4]
        records.append(Record("machines", 0, len(records), reading.key, reading.value, (), reading.timestamp_ms))
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


NOTEBOOKS = sorted(EXAMPLES.rglob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: str(path.relative_to(EXAMPLES)))
def test_notebooks_take_what_there_is_and_hold_no_output(path: Path) -> None:
    """The seminar's programs are run by tests/test_seminar.py and by ``make docs-test``."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    assert "".join(cells[0]["source"]).startswith("# ")
    assert all(not cell.get("outputs") for cell in cells)
    code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    imported = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.ImportFrom)]
    for node in imported:
        # The module is left out, because its Matplotlib is installed only with the notebooks.
        if node.module and node.module.startswith(("examples", "kafkaml")) and node.module != "examples.drawing":
            module = importlib.import_module(node.module)
            assert [name.name for name in node.names if not hasattr(module, name.name)] == []


def test_each_example_has_its_files() -> None:
    for example in EXAMPLE_LIST:
        text = (example.folder / "README.md").read_text(encoding="utf-8")
        assert f"kafka-ml examples run {example.name}" in text
        assert example.minutes < 10
        assert find(example.name.lower()) is example
    assert find("MINST_RAW_format") is find("mnist")
    assert find("nothing") is None


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*/visualization.json")), ids=lambda path: path.parent.name)
def test_a_view_is_one_that_the_platform_takes(path: Path) -> None:
    from backend.inferences.serializers import VisualizationSerializer

    serializer = VisualizationSerializer(data=json.loads(path.read_text(encoding="utf-8")))
    assert serializer.is_valid(), serializer.errors


def test_programs_of_the_old_spelling_are_those_of_the_new_one() -> None:
    old = sorted((EXAMPLES / "MINST_RAW_format").glob("mnist_*.py"))
    assert len(old) == 4
    for path in old:
        assert (EXAMPLES / "MNIST_RAW_format" / path.name).exists()
    program = old[-1]
    done = subprocess.run([sys.executable, program, "--help"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "MNIST_RAW_format" in done.stdout


def test_a_download_that_fails_is_said_and_something_else_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    address = (tmp_path / "nothing.zip").as_uri()
    taken = real_or_instead("Rivers", lambda: str(cached_file(address, "rivers.zip")), lambda: "generated")
    assert taken == "generated"
    assert "Not Rivers: it cannot be downloaded here" in capsys.readouterr().out
    assert not list(tmp_path.rglob("*.part"))
    (tmp_path / "some.zip").write_bytes(b"all of it")
    path = cached_file((tmp_path / "some.zip").as_uri(), "rivers.zip")
    (tmp_path / "some.zip").unlink()
    assert cached_file((tmp_path / "some.zip").as_uri(), "rivers.zip").read_bytes() == path.read_bytes() == b"all of it"
    assert real_or_instead("Rivers", lambda: "real", lambda: "generated", offline=True) == "generated"


def test_eurosat_is_read_from_its_archive(tmp_path: Path) -> None:
    def archive(name: str, folder: str) -> Path:
        picture = io.BytesIO()
        Image.fromarray(np.full((64, 64, 3), 200, np.uint8)).save(picture, "JPEG")
        with zipfile.ZipFile(tmp_path / name, "w") as file:
            for number in range(20):
                file.writestr(f"EuroSAT_RGB/{folder}/{folder}_{number}.jpg", picture.getvalue())
        return tmp_path / name

    samples = eurosat_data.read_archive(archive("a.zip", "River"), count=9)
    assert samples.features.shape == (10, 64, 64, 3)
    assert (samples.features.dtype, set(samples.labels.tolist()), samples.real) == (np.uint8, {8}, True)
    assert len(samples.held_out_labels) == 1
    with pytest.raises(ValueError, match="Moon"):
        eurosat_data.read_archive(archive("b.zip", "Moon"))


def test_cifar10_is_read_from_its_archive(tmp_path: Path) -> None:
    def add(file: tarfile.TarFile, name: str, label: int) -> None:
        # Two pictures with the pixels red 1, green 2, blue 3, except that the first pixel of the second row has red 9.
        picture = np.repeat(np.uint8([1, 2, 3]), 32 * 32)
        picture[32] = 9
        records = np.tile(np.concatenate([np.uint8([label]), picture]), 2).tobytes()
        entry = tarfile.TarInfo(f"cifar-10-batches-bin/{name}.bin")
        entry.size = len(records)
        file.addfile(entry, io.BytesIO(records))

    with tarfile.open(tmp_path / "cifar.tar.gz", "w:gz") as file:
        for number in range(1, 6):
            add(file, f"data_batch_{number}", number)
        add(file, "test_batch", 7)
    samples = cifar10_data.read_archive(tmp_path / "cifar.tar.gz", count=9)
    assert (samples.features.shape, samples.features.dtype, samples.real) == ((9, 32, 32, 3), np.uint8, True)
    assert samples.labels.tolist() == [[1], [1], [2], [2], [3], [3], [4], [4], [5]]
    assert samples.held_out_labels.tolist() == [[7], [7]]
    assert samples.features[8, 1, :2].tolist() == [[9, 2, 3], [1, 2, 3]]


def test_so2sat_is_read_from_a_file_of_it(tmp_path: Path) -> None:
    import h5py

    with h5py.File(tmp_path / "validation.h5", "w") as file:
        bands = np.zeros((40, 32, 32, 10))
        bands[..., 2], bands[..., 0] = 1.0, 1 / 7
        file["sen2"], file["label"] = bands, np.eye(17)[np.arange(40) % 17]
    samples = so2sat_data.read_file(tmp_path / "validation.h5", count=18)
    assert (len(samples.labels), len(samples.held_out_labels)) == (19, 2)
    # The red band is at full brightness, the blue one at half.
    assert samples.features[0, 0, 0].tolist() == [255, 0, 127]
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["images"] = np.zeros(3)
    with pytest.raises(ValueError, match="sen2"):
        so2sat_data.read_file(tmp_path / "other.h5")


def test_people_and_rivers_are_read_from_the_old_examples_files(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text("Diagnosis,Gender,Age,Smoking\n1,1,71,2\n0,0,28,1\n")
    people, ill, what, real = hcopd_data.read_file(path)
    assert (people.tolist(), ill.tolist(), real) == ([[1, 71, 2], [0, 28, 1]], [1, 0], True)
    assert "2 people, 1 with COPD" in what
    path.write_text("ALK_MGL,COND_USCM,PH,SS_MGL,NO3_N_MGL\n83,263,7.8,4,1.1\n171798692,263,7.8,4,1.1\n")
    rows, what, real = no2_data.read_file(path)
    assert (rows.tolist(), real) == ([[83, 263, 7.8, 4, 1.1]], True)
    assert "1 left out" in what
    for read in (hcopd_data.read_file, no2_data.read_file):
        path.write_text("a,b\n1,2\n")
        with pytest.raises(ValueError, match="expected"):
            read(path)


def test_a_household_is_read_without_the_minutes_that_are_missing(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "power.zip", "w") as file:
        names = "Date;Time;Global_active_power;Global_reactive_power;Voltage;Global_intensity;"
        lines = [f"{names}Sub_metering_1;Sub_metering_2;Sub_metering_3", "1/1/2007;0:00;2.58;0.1;241;10.6;0;1;18"]
        lines += ["1/1/2007;0:01;?;?;?;?;?;?;", "1/1/2007;0:02;1;0.1;241;4;0;0;0", "1/1/2007;0:03;9;0.1;241;4;0;0;0"]
        file.writestr("household_power_consumption.txt", "\n".join(lines))
    assert nilm_data.read_archive(tmp_path / "power.zip", minutes=2).tolist() == [
        [2.58, 10.6, 0, 1, 18],
        [1, 4, 0, 0, 0],
    ]


def test_generated_data_are_as_hard_as_the_real_ones() -> None:
    rows = no2_data.generated(20_000)
    numbers, nitrate = np.c_[np.ones(len(rows)), rows[:, :4]], rows[:, 4]
    fit = numbers @ np.linalg.lstsq(numbers, nitrate, rcond=None)[0]
    # On the real data a straight line explains a tenth of the variance, and is 6 % better than the median.
    assert 0.05 < 1 - ((fit - nitrate) ** 2).mean() / nitrate.var() < 0.13
    assert 0.93 < np.abs(fit - nitrate).mean() / np.abs(np.median(nitrate) - nitrate).mean() < 0.99
    people, ill, _, real = hcopd_data.generated()
    assert (len(ill), int(ill.sum()), real) == (239, 79, False)
    assert people[:, 0].sum() == 58 + 54
    # On the real data this rule is right for 94 %.
    assert 0.9 < ((people[:, 1] >= 65) == ill).mean() < 0.98


def test_patches_held_out_have_no_pixel_of_those_trained_on() -> None:
    for surface, (train, held_out) in picture_patches.PLACES.items():
        (one, left, top, right, bottom), (other, *box) = train, held_out
        apart = right <= box[0] or box[2] <= left or bottom <= box[1] or box[3] <= top
        assert one != other or apart, surface
        assert min(right - left, bottom - top, box[2] - box[0], box[3] - box[1]) >= 64
    samples = picture_patches.patches(64, 12, held_out=6)
    assert (samples.features.shape, samples.features.dtype) == ((12, 64, 64, 3), np.uint8)
    assert sorted(samples.held_out_labels.tolist()) == list(range(6))


def test_aircraft_that_land_come_down_to_the_airport() -> None:
    moments = list(reports(120))
    latest = {report.key: json.loads(report.value) for moment in moments for report in moment if report.lands}
    ended = [flight for key, flight in latest.items() if key not in {other.key for other in moments[-1]}]
    assert ended
    for flight in ended:
        assert abs(flight["lat"] - MALAGA[0]) < 0.1
        assert abs(flight["lon"] - MALAGA[1]) < 0.1
        assert flight["altitude"] < 1500
        assert flight["destination"] == "AGP"
    compiled = CompiledContract(Contract.model_validate(flights.contract()))
    records = [Record("f", 0, n, e.key, e.value, (), e.timestamp_ms) for n, e in enumerate(moments[0])]
    rows = compiled.raw(ListBatch(records)).rows
    arrangement = compiled.arrange(rows, seed=1, validation_rate=0.1, test_rate=0.2)
    learnt = compiled.learn(rows, arrangement)
    assert compiled.input_shapes(learnt) == {"": (7,)}
    # The program that reads the answers relies on this order of classes.
    assert learnt.classes == ("goes elsewhere", "lands at Malaga")
