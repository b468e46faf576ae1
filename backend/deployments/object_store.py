"""ObjectStore: the bucket of an S3-compatible store that keeps trained models, where ``KML_S3_BUCKET`` names one.

Called by ``backend.deployments.storage``, which knows what the keys mean, and by the system's state. The client is
boto3's; what it needs of a store is put (also in parts), ranged get, head, list and delete.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from backend.config.environment import BackendSettings
from kafkaml.errors import BrokenError

__all__ = ["ObjectStore", "object_store"]

_CONNECT_SECONDS = 5
_READ_SECONDS = 30
_ATTEMPTS = 3
_CHUNK_BYTES = 1 << 20
# Larger files are uploaded in parts of this size, so that a lost connection costs only one part.
_PART_BYTES = 64 << 20
_PARTS_AT_ONCE = 4
_ABSENT = frozenset({"404", "NoSuchKey", "NotFound"})


class ObjectStore:
    """One bucket, below one prefix. Making one connects to nothing. Safe for threads.

    Every method raises BrokenError with the store's own message when the request fails.
    """

    def __init__(self, settings: BackendSettings) -> None:
        # Import late, because it takes a quarter of a second that only users of an object store should pay.
        import boto3
        from boto3.s3.transfer import TransferConfig
        from botocore.config import Config

        self._bucket = settings.s3_bucket
        self._prefix = f"{settings.s3_prefix.strip('/')}/" if settings.s3_prefix.strip("/") else ""
        self._where = f"{settings.s3_endpoint_url or 'S3'}, bucket {self._bucket}"
        self._client: Any = boto3.client(
            "s3",
            endpoint_url=settings.s3_endpoint_url or None,
            region_name=settings.s3_region,
            # Without configured credentials boto3 looks for credentials in its usual places: its own variables, a pod's
            # identity, the machine's role.
            aws_access_key_id=settings.s3_access_key_id or None,
            aws_secret_access_key=settings.s3_secret_access_key.get_secret_value() or None,
            verify=settings.s3_ca_file or None,
            config=Config(
                connect_timeout=_CONNECT_SECONDS,
                read_timeout=_READ_SECONDS,
                retries={"total_max_attempts": _ATTEMPTS, "mode": "standard"},
                s3={"addressing_style": "path" if settings.s3_endpoint_url else "auto"},
                # Stores other than Amazon's refuse the checksums that boto3 sends since 2025. We do not need them,
                # because the key holds the file's SHA-256.
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )
        self._transfer = TransferConfig(
            multipart_threshold=_PART_BYTES, multipart_chunksize=_PART_BYTES, max_concurrency=_PARTS_AT_ONCE
        )

    def put(self, key: str, path: Path) -> None:
        """Store a file; returns when the store has confirmed all of it."""
        with self._said():
            self._client.upload_file(str(path), self._bucket, self._prefix + key, Config=self._transfer)

    def get(self, key: str, offset: int) -> tuple[int, Iterator[bytes]]:
        """Return ``offset`` and the object's bytes from there on; raises FileNotFoundError where there is none."""
        size = self.size(key)
        if size is None:
            raise FileNotFoundError(f"{self._where} has no {self._prefix}{key}")
        if offset >= size:
            # The store would reject an empty range.
            return size, iter(())
        with self._said():
            answer = self._client.get_object(Bucket=self._bucket, Key=self._prefix + key, Range=f"bytes={offset}-")
        return offset, self._chunks(answer["Body"])

    def size(self, key: str) -> int | None:
        """Return an object's size in bytes, None where there is none."""
        from botocore.exceptions import ClientError

        with self._said():
            try:
                return int(self._client.head_object(Bucket=self._bucket, Key=self._prefix + key)["ContentLength"])
            except ClientError as error:
                if error.response["Error"]["Code"] in _ABSENT:
                    return None
                raise

    def remove(self, prefix: str, *, is_kept: Callable[[str], bool] = lambda _key: False) -> None:
        """Delete every object whose key begins with ``prefix``, except those for which ``is_kept`` is true."""
        with self._said():
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=self._prefix + prefix
            )
            for page in pages:
                for stored in page.get("Contents", ()):
                    # Delete objects one by one, because deleting many at once needs a checksum that not every store
                    # accepts.
                    if not is_kept(stored["Key"].removeprefix(self._prefix)):
                        self._client.delete_object(Bucket=self._bucket, Key=stored["Key"])

    def check(self) -> None:
        """Raise BrokenError unless the bucket is there and may be listed."""
        with self._said():
            self._client.list_objects_v2(Bucket=self._bucket, Prefix=self._prefix, MaxKeys=1)

    def _chunks(self, body: Any) -> Iterator[bytes]:
        with self._said(), body:
            yield from body.iter_chunks(_CHUNK_BYTES)

    @contextmanager
    def _said(self) -> Iterator[None]:
        from boto3.exceptions import Boto3Error
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            yield
        except (Boto3Error, BotoCoreError, ClientError) as error:
            raise BrokenError(
                f"the object store ({self._where}) failed: {error}",
                hint="the settings KML_S3_* say where it is and who asks; the System page shows whether it answers",
            ) from error


@cache
def _store(settings: BackendSettings) -> ObjectStore:
    return ObjectStore(settings)


def object_store(settings: BackendSettings) -> ObjectStore | None:
    """Return the store that the settings name; None where models are kept on disk."""
    return _store(settings) if settings.s3_bucket else None
