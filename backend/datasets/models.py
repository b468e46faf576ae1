"""Data sets: slices of topics with the contract by which their records become samples."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from kafkaml.control import ControlMessage
from kafkaml.input_format import InputFormat
from kafkaml.stream_range import parse_ranges
from kafkaml.wire.contract import FIT_RECORDS

__all__ = ["Dataset", "DatasetVersion"]


class Dataset(models.Model):
    """A name for a series of versions."""

    name = models.CharField(max_length=100, unique=True)
    description = models.TextField(blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.name


class DatasetVersion(models.Model):
    """A slice, whose offsets are resolved once, and a contract; never changed once made.

    A slice without end has no offsets. It begins in each partition with the first record that is not older than
    ``since_ms``. Its contract learns from a training's first window, which has at least ``fit_records`` records.
    """

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    ranges = models.TextField(help_text="topic:partition:start:end, comma-separated; without end the topic")
    since_ms = models.BigIntegerField(null=True, help_text="ms since 1970; null: the slice has an end")
    fit_records = models.PositiveIntegerField(null=True, help_text="null: the slice has an end")
    validation_rate = models.FloatField()
    test_rate = models.FloatField()
    contract = models.JSONField(help_text="kafkaml.wire.contract.Contract")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-number"]
        constraints = [models.UniqueConstraint(fields=["dataset", "number"], name="dataset_version_once")]

    def __str__(self) -> str:
        return f"version {self.number} of {self.dataset.name!r}"

    @property
    def online(self) -> bool:
        """Whether the slice is without end."""
        return self.since_ms is not None

    def control_message(self) -> ControlMessage:
        """Return the announcement by which a deployment trains on it."""
        ranges = tuple(parse_ranges(self.ranges))
        return ControlMessage(
            ranges=ranges,
            input_format=InputFormat.COLUMNS,
            input_config={
                "contract": self.contract,
                "dataset": {"id": self.dataset_id, "name": self.dataset.name, "version": self.number},
                **({FIT_RECORDS: self.fit_records} if self.online else {}),
            },
            description=f"{self.dataset.name}, version {self.number}",
            validation_rate=self.validation_rate,
            test_rate=self.test_rate,
            total_msg=None if self.online else sum(stream_range.max_records or 0 for stream_range in ranges),
            incremental=self.online,
            since_ms=self.since_ms,
        )
