"""Leaves out of shared libraries what a machine without a GPU never maps: ``slim_library.py FILE...``, in place.

Two things go: whatever no segment loads (symbol tables for debuggers, section headers) and the section ``.nv_fatbin``,
compiled programs for GPUs, up to two thirds of such a library. All addresses stay as they are. With
``--keep-gpu-code`` only the first goes.
"""

from __future__ import annotations

import struct
import sys
from dataclasses import dataclass, replace
from pathlib import Path

_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_SEGMENT = struct.Struct("<IIQQQQQQ")
_SECTION = struct.Struct("<IIQQQQIIQQ")
_LOAD, _TABLE = 1, 6
_GPU_CODE = b".nv_fatbin"
_PAGE = 0x1000


@dataclass(frozen=True)
class Segment:
    """One program header, its fields in the file's order."""

    kind: int
    flags: int
    offset: int
    address: int
    physical: int
    file_size: int
    memory_size: int
    align: int

    @property
    def end(self) -> int:
        """The first address after its bytes of the file."""
        return self.address + self.file_size

    def holds(self, address: int) -> bool:
        """Whether a byte of the file is loaded to ``address``."""
        return self.address <= address < self.end

    def part(self, start: int, end: int) -> Segment:
        """Return the piece that holds the addresses from ``start`` to ``end`` alone."""
        size = end - start
        offset = self.offset + start - self.address
        return replace(self, offset=offset, address=start, physical=start, file_size=size, memory_size=size)


def _section(data: memoryview, header: tuple[int, ...], wanted: bytes) -> tuple[int, int] | None:
    """Return address and size of the section ``wanted``."""
    table, size, count, names_index = header[6], header[11], header[12], header[13]
    sections = [_SECTION.unpack_from(data, table + index * size) for index in range(count)]
    if not sections:
        return None
    names = sections[names_index][4]
    for section in sections:
        start = names + section[0]
        if bytes(data[start : start + len(wanted) + 1]) == wanted + b"\0":
            return section[3], section[5]
    return None


def without(segments: list[Segment], hole: tuple[int, int]) -> list[Segment]:
    """Return ``segments`` with zeros, which take no room in the file, in place of the whole pages of ``hole``.

    ``hole`` is (address, size). Zeros and not nothing, because a constructor may look at what it registers.
    """
    start = -(-hole[0] // _PAGE) * _PAGE
    end = (hole[0] + hole[1]) // _PAGE * _PAGE
    kept = []
    for segment in segments:
        if end > start and segment.kind == _LOAD and segment.holds(start):
            zeros = replace(segment.part(start, end), offset=0, file_size=0)
            tail = replace(segment.part(end, segment.end), memory_size=segment.address + segment.memory_size - end)
            kept += [segment.part(segment.address, start), zeros, tail]
        else:
            kept.append(segment)
    return kept


def slim(path: Path, *, keep_gpu_code: bool) -> int:
    """Rewrite ``path``; returns how many bytes that saves."""
    data = memoryview(path.read_bytes())
    header = _HEADER.unpack_from(data)
    if header[0][:6] != b"\x7fELF\x02\x01":
        return 0
    segments = [Segment(*_SEGMENT.unpack_from(data, header[5] + index * header[9])) for index in range(header[10])]
    gpu_code = None if keep_gpu_code else _section(data, header, _GPU_CODE)
    kept = without(segments, gpu_code) if gpu_code else segments
    body = bytearray()
    places: list[Segment] = []
    for load in (segment for segment in kept if segment.kind == _LOAD and segment.file_size):
        # A page of the file is mapped as it is, so offset and address must agree within the page.
        body += bytes((load.address - len(body)) % max(load.align, _PAGE))
        places.append(replace(load, offset=len(body)))
        body += data[load.offset : load.offset + load.file_size]
    # The table has grown: it goes to the end, on a page that no segment loads, from where the loader takes a copy. So
    # it has no address either.
    kept = [segment for segment in kept if segment.kind != _TABLE]
    body += bytes(-len(body) % _PAGE)
    table = len(body)
    for segment in kept:
        home = next((place for place in places if place.holds(segment.address)), None)
        offset = 0 if home is None else home.offset + segment.address - home.address
        body += _SEGMENT.pack(*vars(replace(segment, offset=offset)).values())
    _HEADER.pack_into(body, 0, *header[:5], table, 0, *header[7:10], len(kept), 0, 0, 0)
    fresh = path.with_name(f".{path.name}.slim")
    fresh.write_bytes(body)
    fresh.chmod(path.stat().st_mode & 0o777)
    fresh.replace(path)
    return len(data) - len(body)


def main(arguments: list[str]) -> None:
    """Slim the files that are named."""
    keep_gpu_code = "--keep-gpu-code" in arguments
    for name in (each for each in arguments if not each.startswith("--")):
        print(f"{name}: {slim(Path(name), keep_gpu_code=keep_gpu_code) / 1e6:.0f} MB saved")


if __name__ == "__main__":
    main(sys.argv[1:])
