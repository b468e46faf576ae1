"""People with and without COPD: Kafka-ML's own extract of Exasens where there is internet, otherwise generated ones."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from examples.real_data import cached_file, real_or_instead
from examples.samples import Array, Samples, shuffled

DATA_SCHEME = Path(__file__).with_name("data_scheme.avsc")
LABEL_SCHEME = Path(__file__).with_name("label_scheme.avsc")
FIELDS = ("gender", "age", "smoking")
_URL = "https://raw.githubusercontent.com/ertis-research/kafka-ml/master/examples/HCOPD_Avro_format/HCOPD_Dataset.csv"
# Statistics of the 160 healthy and the 79 ill people of the real file: the number of men, the shares of people up to an
# age, and how many never smoked, used to smoke, and smoke.
_HEALTHY = (160, 58, {17: 0, 22: 0.1, 28: 0.25, 39: 0.5, 51: 0.75, 57: 0.9, 65: 0.97, 75: 1}, (93, 35, 32))
_ILL = (79, 54, {35: 0, 60: 0.1, 65: 0.13, 72: 0.5, 79: 0.9, 93: 1}, (5, 64, 10))


def load(*, offline: bool = False, count: int | None = None) -> Samples:
    """Return gender (1: male), age and smoking (1 never, 2 once, 3 yes) of people, scaled over all; a sixth held out.

    Features are float32 (3,), labels int64: 1 for ill. A person to predict must be scaled by the same means.
    """
    people, ill, what, real = real_or_instead(
        "Exasens", lambda: read_file(cached_file(_URL, "HCOPD_Dataset.csv")), generated, offline=offline
    )
    scaled = (people - people.mean(0)) / people.std(0)
    # People are shuffled, because the file is sorted by diagnosis.
    return shuffled(scaled.astype(np.float32), ill, held_out=1 / 6, what=what, real=real, count=count)


def read_file(path: Path) -> tuple[Array, Array, str, bool]:
    """Return the people in a CSV file with the columns Diagnosis, Gender, Age and Smoking.

    Raises ValueError for a file that holds something else.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    try:
        people = np.array([[float(row[name]) for name in ("Gender", "Age", "Smoking")] for row in rows])
        ill = np.array([int(float(row["Diagnosis"])) for row in rows], np.int64)
    except (KeyError, TypeError) as error:
        raise ValueError(f"{path} is not the data set: expected Diagnosis, Gender, Age, Smoking") from error
    return people, ill, f"Exasens (UCI), as Kafka-ML's example has it: {len(ill)} people, {ill.sum()} with COPD", True


def generated() -> tuple[Array, Array, str, bool]:
    """Return 239 people who do not exist, distributed as the real ones."""
    random = np.random.default_rng(0)
    parts = [_people(random, *distribution) for distribution in (_HEALTHY, _ILL)]
    ill = np.repeat(np.array([0, 1], np.int64), [_HEALTHY[0], _ILL[0]])
    return np.concatenate(parts), ill, "239 GENERATED people, distributed as those of Exasens: 79 with COPD", False


def _people(
    random: np.random.Generator, count: int, men: int, ages: Mapping[int, float], smoking: tuple[int, ...]
) -> Array:
    gender = random.permutation(np.arange(count) < men)
    years = np.interp(random.random(count), list(ages.values()), list(ages)).round()
    habit = random.permutation(np.repeat([1, 2, 3], smoking))
    return np.stack([gender, years, habit], axis=1).astype(np.float64)


def records(features: Array) -> Iterator[dict[str, float]]:
    """Yield people as the Avro records in which they are sent."""
    for person in features:
        yield dict(zip(FIELDS, map(float, person), strict=True))
