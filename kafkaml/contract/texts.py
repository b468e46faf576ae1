"""Texts as numbers, in rows of fixed width: the codes of a dictionary that grows, or of one that was learnt."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from kafkaml.errors import DecodeError

__all__ = ["MISSING", "UNKNOWN", "Texts"]

MISSING, UNKNOWN = -1, -2

# Limit of distinct texts. Nearly unique texts, such as ids, are not categories and would fill the memory.
MAX_TEXTS = 1_000_000
_HASH_BYTES = 8


class Texts:
    """Codes are places in ``names``, in the order of arrival; with ``learnt`` all other texts are UNKNOWN.

    A code means nothing outside this dictionary. Use ``hashes`` where the result must not depend on the order of
    arrival.
    """

    def __init__(self, column: str, names: Sequence[str] = (), *, learnt: bool = False) -> None:
        self.names = list(names)
        self._column = column
        self._codes: dict[str | None, int] = {name: code for code, name in enumerate(names)}
        self._codes[None] = MISSING
        self._learnt = learnt
        self._hashes = np.empty(0, np.uint64)

    def codes(self, texts: Sequence[str | None]) -> npt.NDArray[np.int32]:
        """Return the code of each text; MISSING for None. Raises DecodeError for too many distinct texts."""
        known = self._codes
        if self._learnt:
            return np.array([known.get(text, UNKNOWN) for text in texts], np.int32)
        try:
            return np.array([known[text] for text in texts], np.int32)
        except KeyError:
            pass
        for text in texts:
            if text is not None and text not in known:
                known[text] = len(self.names)
                self.names.append(text)
        if len(self.names) > MAX_TEXTS:
            raise DecodeError(
                f"the column {self._column} has more than {MAX_TEXTS} different texts: it is not a category",
                hint="leave the column out, or make groups of its texts by CASE, LEFT or SPLIT_PART",
            )
        return np.array([known[text] for text in texts], np.int32)

    def hashes(self, codes: npt.NDArray[np.int32]) -> npt.NDArray[np.uint64]:
        """Return one number per code, which depends on the code's text alone."""
        if len(self._hashes) < len(self.names):
            new = self.names[len(self._hashes) :]
            digests = b"".join(
                hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=_HASH_BYTES).digest() for name in new
            )
            self._hashes = np.concatenate([self._hashes, np.frombuffer(digests, "<u8")])
        # The hashes of UNKNOWN and MISSING come last.
        return np.append(self._hashes, np.array([1, 0], np.uint64))[codes]
