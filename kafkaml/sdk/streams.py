"""``client.streams``: data streams that were announced."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from kafkaml.sdk import types
from kafkaml.sdk.collection import Collection, given
from kafkaml.sdk.sample_files import download_samples
from kafkaml.wire.preview import Preview

__all__ = ["Streams"]


class Streams(Collection[types.Stream]):
    """Data streams that were announced."""

    path = "/streams/"
    kind = types.Stream

    def send(self, identifier: int, *, deployment: int) -> None:
        """Announce a stream again, to another deployment; its records are not copied."""
        self._act(identifier, "send", {"deployment": deployment})

    def announce(
        self,
        topic: str,
        *,
        deployment: int,
        input_format: str,
        input_config: Mapping[str, object] | None = None,
        partition: int | None = None,
        start: int | None = None,
        end: int | None = None,
        description: str = "",
        validation_rate: float = 0.1,
        test_rate: float | None = None,
        since_ms: int | None = None,
        unlabelled_topic: str = "",
    ) -> dict[str, Any]:
        """Announce records that are already in ``topic`` to a deployment.

        These are the records of one partition from ``start`` up to ``end``, otherwise all. A deployment that learns
        online gets the records that are not older than ``since_ms`` (since 1970; None: from now on), and all that will
        come.

        For a semi-supervised deployment all of ``unlabelled_topic`` is announced with it, as samples without labels. A
        repeated call for the same records announces nothing more. ApiError explains what does not fit.
        """
        body = {
            "topic": topic,
            "deployment": deployment,
            "input_format": input_format,
            "input_config": dict(input_config or {}),
            "partition": partition,
            "start": start,
            "end": end,
            "description": description,
            "validation_rate": validation_rate,
            "test_rate": test_rate,
            "since_ms": since_ms,
            "unlabelled_topic": unlabelled_topic,
        }
        answer: dict[str, Any] = self._connection.request("POST", self.path, body=given(body))
        return answer

    def preview(self, identifier: int, *, limit: int = 24, offset: int = 0) -> types.StreamPreview:
        """Return samples as training will see them, from at most ``limit`` records after the first ``offset`` ones."""
        answer = self._connection.request(
            "GET", f"{self.path}{identifier}/preview/", params={"limit": limit, "offset": offset}
        )
        return types.StreamPreview.model_validate(answer)

    def statistics(self, identifier: int) -> Preview:
        """Return the columns of a stream with their statistics, and the balance of its labels. They are computed from
        1,000 records spread over the stream, as ``client.datasets.preview`` does for a data set.
        """
        return Preview.model_validate(self._connection.request("GET", f"{self.path}{identifier}/statistics/"))

    def export(self, identifier: int, path: Path, *, on_progress: Callable[[int], None] | None = None) -> int:
        """Write the samples of a stream that has an end to ``path``, as ``client.datasets.export`` does."""
        return download_samples(self._connection, f"{self.path}{identifier}/export/", path, on_progress=on_progress)

    def refused(self) -> builtins.list[types.RefusedAnnouncement]:
        """Return announcements that could not be taken, newest first."""
        pages = self._connection.pages(f"{self.path}refused/", {})
        return [types.RefusedAnnouncement.model_validate(page) for page in pages]
