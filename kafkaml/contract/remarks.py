"""Remarks: findings about a topic before a model learns from it, each with advice. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from kafkaml.codecs.envelopes import CONNECT_NOTE, DEBEZIUM_NOTE
from kafkaml.contract.column_choice import ColumnChoice, are_bytes, number_expression
from kafkaml.contract.label_choice import Leak
from kafkaml.contract.loading import CSV
from kafkaml.contract.profile import FieldProfile, Profile
from kafkaml.contract.sample_loading import LoadedSample
from kafkaml.errors import DecodeError
from kafkaml.input_format import InputFormat
from kafkaml.wire.contract import LabelKind
from kafkaml.wire.proposal import FieldRole, Remark, RemarkCode, Severity

__all__ = ["Remarks", "listed"]

_FEW = 50
_IMBALANCED = 0.95
# The most remarks of one kind, because nobody reads more.
_MAX_PER_CODE = 10
# Share of records of another kind below which there is no remark.
_MIN_GROUP = 0.02

# The error of ``frames`` for fields of another kind than usual.
_ODD = "another type in "
_FORMATS = {"": "of a known format", CSV: "lines of CSV", InputFormat.TELEGRAF_STR_JSON: "Telegraf's JSON"}
_KINDS = {
    "number": "a number", "integer": "a whole number", "boolean": "true or false", "numbers": "a list of numbers",
    "bytes": "bytes",
}  # fmt: skip


class Remarks:
    """Collects remarks in ``all``."""

    def __init__(self, remarks: Iterable[Remark] = ()) -> None:
        self.all = list(remarks)

    def error(self, code: RemarkCode, message: str, hint: str, path: tuple[str, ...] = ()) -> None:
        """Add an error, which leaves nothing to learn from."""
        self._add(code, Severity.ERROR, message, hint, path)

    def warning(self, code: RemarkCode, message: str, hint: str, path: tuple[str, ...] = ()) -> None:
        """Add a warning, which the user should look at."""
        self._add(code, Severity.WARNING, message, hint, path)

    def info(self, code: RemarkCode, message: str, hint: str = "", path: tuple[str, ...] = ()) -> None:
        """Add a note that is good to know."""
        self._add(code, Severity.INFO, message, hint, path)

    def about_records(self, name: str, loaded: LoadedSample) -> None:
        """Add remarks on how many records are not of the format ``name``, or not samples."""
        if loaded.looked_at < _FEW:
            self.warning(
                RemarkCode.FEW_RECORDS,
                f"there are {loaded.looked_at} records only: what is proposed may not hold for the next ones",
                "propose again when there are more",
            )
        for note in (CONNECT_NOTE, DEBEZIUM_NOTE):
            if note in loaded.notes:
                self.info(RemarkCode.ENVELOPE, note)
        if loaded.deletions:
            self.info(
                RemarkCode.TOMBSTONES,
                f"{_percent(loaded.deletions / loaded.looked_at)} of the records are deletions (no value): no samples",
                "they are skipped",
            )
        if loaded.failures:
            record, error = loaded.failures[0]
            share = _percent(len(loaded.failures) / loaded.looked_at)
            what = f"{share} of the records are not {_FORMATS.get(name, name)}"
            message = f"{what}, for example {record.place}: {error.message}"
            if loaded.samples:
                hint = "they are left out of a training, and dead letters when served"
                self.warning(RemarkCode.UNDECODABLE, message, f"{hint}; {error.hint}" if error.hint else hint)
            else:
                self.error(RemarkCode.UNDECODABLE, message, error.hint or "say the format and its settings")
        self._about_schemas(loaded.samples)

    def about_fields(self, profile: Profile, choice: ColumnChoice) -> None:
        """Add remarks on unsuitable fields, and on how the others are read."""
        if profile.left_out:
            self.warning(
                RemarkCode.TOO_MANY_FIELDS,
                f"the records have {profile.left_out} fields more than are looked at ({len(profile.fields)})",
                "fields that are named by data (a key for each device) are values: send them as such",
            )
        for field in profile.fields:
            self._about_values(field, choice.roles[field.path])
            self._about_numbers(field, choice.roles[field.path])

    def about_label(self, name: str, label: FieldProfile, kind: LabelKind, leaks: Sequence[Leak]) -> None:
        """Add remarks on a label with little to learn, and on columns that reveal it."""
        if kind == LabelKind.CLASS and label.counts:
            self.about_balance(name, label.counts, label.present, label.path)
        for leak in leaks:
            self.warning(
                RemarkCode.LABEL_LEAK,
                f"{leak.field.name} alone gives away the label {name} ({_percent(leak.accuracy)}): is it known before "
                "the label is?",
                "it is left out" if leak.same else "leave it out where it is written after the fact",
                leak.field.path,
            )

    def about_balance(self, name: str, counts: Counter[str], present: int, path: tuple[str, ...] = ()) -> None:
        """Add a remark when nearly all of the ``present`` labelled records have one class."""
        (value, count), *others = counts.most_common(2)
        share = count / max(1, present)
        if not others:
            self.warning(
                RemarkCode.ONE_CLASS,
                f"the label {name} is {value} in all records of the sample: there is nothing to tell apart",
                "choose a longer slice, or another label",
                path,
            )
        elif share >= _IMBALANCED:
            self.warning(
                RemarkCode.IMBALANCED,
                f"the label {name} is {value} in {_percent(share)} of the records: a model that always says so is "
                "right as often",
                "watch recall, not accuracy; class_weight in the fit arguments makes the rare ones count",
                path,
            )

    def about_samples(self, samples: int, failures: Sequence[DecodeError], *, of_another_kind: bool = False) -> None:
        """Add remarks on why readable records do not make samples, including fields ``of_another_kind`` unless reported
        elsewhere.
        """
        reported = [error for error in failures if of_another_kind or not error.gap.startswith(_ODD)]
        reasons = Counter(error.gap or error.message[:100] for error in reported)
        top = ", ".join(f"{reason} ({count})" for reason, count in reasons.most_common(5))
        if not samples:
            self.error(
                RemarkCode.NO_SAMPLES,
                f"no record has all that the columns and the label need: {top or listed(map(str, failures[:3]))}",
                "choose another label, or another slice",
            )
        elif reasons:
            self.warning(
                RemarkCode.INCOMPLETE,
                f"{_percent(sum(reasons.values()) / (samples + len(failures)))} of the records make no sample: {top}",
                "they are left out; a column can have a replacement for missing values",
            )

    def _add(self, code: RemarkCode, severity: Severity, message: str, hint: str, path: tuple[str, ...]) -> None:
        if sum(remark.code == code for remark in self.all) < _MAX_PER_CODE:
            self.all.append(Remark(code=code, severity=severity, message=message, hint=hint, path=path))

    def _about_schemas(self, samples: Sequence[Any]) -> None:
        """Add a remark when a topic mixes different kinds of records: groups that have few fields in common."""
        names = Counter(frozenset(map(str, sample)) for sample in samples if isinstance(sample, dict))
        total = sum(names.values())
        groups: list[tuple[frozenset[str], int]] = []
        for keys, count in names.most_common(200):
            for place, (known, size) in enumerate(groups):
                if 2 * len(known & keys) >= min(len(known), len(keys)):
                    groups[place] = (known | keys, size + count)
                    break
            else:
                groups.append((keys, count))
        large = sorted((group for group in groups if group[1] >= _MIN_GROUP * total), key=lambda group: -group[1])
        if len(large) > 1:
            (first, _), (second, count) = large[:2]
            self.warning(
                RemarkCode.MIXED_SCHEMAS,
                f"{_percent(count / total)} of the records have other fields ({listed(second - first)}) than most "
                f"({listed(first)})",
                "records without the fields of a contract are left out; send each kind to a topic of its own",
            )

    def _about_values(self, field: FieldProfile, role: FieldRole) -> None:
        if role != FieldRole.LABEL and field.distinct == 1 and not field.missing and len(field.values) > 1:
            zero = field.numbers is not None and not np.nan_to_num(field.numbers).any()
            self.warning(
                RemarkCode.CONSTANT,
                f"{field.name} is always {next(iter(field.counts))}: no model learns from it",
                "it is left out; a sensor that is always 0 may be broken" if zero else "it is left out",
                field.path,
            )
        if field.odd_places:
            self.warning(
                RemarkCode.MIXED_KINDS,
                f"{field.name} is of another type in {_percent(field.odd)} of the records: mostly it is "
                f"{_KINDS.get(field.kind, f'a {field.kind}')}",
                "such records are left out; let producers agree on one type",
                field.path,
            )
        if field.missing >= 0.5 and not field.trouble:
            self.warning(
                RemarkCode.MOSTLY_MISSING,
                f"{field.name} is missing in {_percent(field.missing)} of the records",
                "leave it out, or choose a replacement for missing values",
                field.path,
            )

    def _about_numbers(self, field: FieldProfile, role: FieldRole) -> None:
        if field.large is not None:
            self.warning(
                RemarkCode.LARGE_INTEGERS,
                f"{field.name} holds whole numbers above 2^53, such as {str(field.large)[:40]}: as numbers they would "
                "be rounded",
                "leave it out; where each is a name, take it as a category: CAST(... AS TEXT)",
                field.path,
            )
        if role != FieldRole.COLUMN:
            return
        if field.text_numbers:
            self.info(
                RemarkCode.NUMBERS_AS_TEXT,
                f"{field.name} holds numbers as texts: they are read by {number_expression(field)}",
                path=field.path,
            )
        if are_bytes(field):
            self.info(
                RemarkCode.UNSCALED,
                f"{field.name} goes from 0 to 255, as bytes do: a dense model learns badly from such numbers",
                "it is scaled to 0..1",
                field.path,
            )


def listed(names: Iterable[object]) -> str:
    """Return names for messages, cut to a readable number."""
    some = sorted(map(str, names))
    text = ", ".join(name[:60] for name in some[:8])
    return text + (f" and {len(some) - 8} more" if len(some) > 8 else "") or "none"


def _percent(share: float) -> str:
    """Return a share as text: never 100 % when it is not all, and never 0 % when it is not none."""
    for digits in range(4):
        text = f"{share:.{digits}%}"
        if (float(text[:-1]) > 0 or share == 0) and (float(text[:-1]) < 100 or share == 1):
            return text
    return text
