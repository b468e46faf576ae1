"""Makes PyTorch's libraries loadable without those of CUDA: ``stub_gpu_libraries.py FOLDER``, which is torch/lib.

The wheels of PyTorch on the package index name CUDA's libraries (2.3 GB) as needed. Without them not even ``import
torch`` works, although a machine without a GPU never calls them. This program writes a small library next to PyTorch's
own for each missing one. It holds the functions that PyTorch links to, at their versions. Each of them returns an
error, as CUDA's own do where there is no GPU. Needs gcc and binutils.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

# Functions with these endings return a text. All others return a status, and 1 is an error in every one of the
# libraries.
_TEXTS = re.compile(r"(String|StringName|GetLastError)$")
_ANSWER = "this is an image for CPUs: build it with ACCELERATOR=gpu"


def _output(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def needed_libraries(library: Path) -> list[str]:
    """Return the names of the libraries that ``library`` asks the loader for."""
    return re.findall(r"\(NEEDED\).*\[(.+)\]", _output("readelf", "-dW", str(library)))


def undefined_symbols(library: Path) -> list[tuple[str, str]]:
    """Return (name, version) of each symbol that ``library`` must find elsewhere; no version is ``""``."""
    lines = _output("nm", "-D", "--undefined-only", "--with-symbol-versions", str(library)).splitlines()
    found = [line.split()[-1].partition("@") for line in lines if line.split()[-2] == "U"]
    return [(name, version) for name, _, version in found]


def defined_symbols(library: Path) -> set[str]:
    """Return the names that ``library`` offers."""
    lines = _output("nm", "-D", "--defined-only", str(library)).splitlines()
    return {line.split()[-1].partition("@")[0] for line in lines}


def version_owners(library: Path) -> dict[str, str]:
    """Return which library ``library`` expects each version to come from."""
    owners: dict[str, str] = {}
    owner = ""
    for line in _output("readelf", "-VW", str(library)).splitlines():
        if file := re.search(r"File: (\S+)", line):
            owner = file[1]
        elif owner and (version := re.search(r"Name: (\S+)", line)):
            owners[version[1]] = owner
    return owners


def wanted_stubs(folder: Path, present: set[str]) -> dict[str, set[tuple[str, str]]]:
    """Return the symbols of each missing library: one that a library in ``folder`` needs and that is not among
    ``present``.
    """
    libraries = sorted(folder.glob("*.so*"))
    present = present | {library.name for library in libraries}
    here = set().union(*(defined_symbols(library) for library in libraries))
    wanted: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for library in libraries:
        missing = [name for name in needed_libraries(library) if name not in present]
        if not missing:
            continue
        owners = version_owners(library)
        for name in missing:
            wanted[name] |= set()
        for symbol, version in undefined_symbols(library):
            # A name without a version may come from any library, so the first missing library offers it.
            owner = owners.get(version, "") if version else ("" if symbol in here else missing[0])
            if owner in missing:
                wanted[owner].add((symbol, version))
    return wanted


def write_stub(path: Path, symbols: set[tuple[str, str]]) -> None:
    """Write the library ``path`` that offers ``symbols``."""
    names = sorted(name for name, _ in symbols)
    source = "".join(
        f'const char *{name}(void) {{ return "{_ANSWER}"; }}\n'
        if _TEXTS.search(name)
        else f"int {name}(void) {{ return 1; }}\n"
        for name in names
    )
    by_version: dict[str, list[str]] = defaultdict(list)
    for name, version in sorted(symbols):
        if version:
            by_version[version].append(name)
    script = "".join(f"{version} {{ global: {'; '.join(value)}; }};\n" for version, value in by_version.items())
    source_file, script_file = path.with_suffix(".stub.c"), path.with_suffix(".stub.map")
    source_file.write_text(source, encoding="ascii")
    script_file.write_text(script, encoding="ascii")
    command = ["gcc", "-shared", "-fPIC", "-Os", "-s", "-w", "-fno-builtin", "-nostdlib", f"-Wl,-soname,{path.name}"]
    command += [f"-Wl,--version-script={script_file}"] if script else []
    subprocess.run([*command, "-o", str(path), str(source_file)], check=True)
    source_file.unlink()
    script_file.unlink()


def main(folder: Path) -> None:
    """Write the stubs that the libraries in ``folder`` need next to what the packages and the system offer."""
    packages = folder.parents[1] / "nvidia"
    present = {library.name for library in packages.rglob("*.so*")}
    present |= set(re.findall(r"^\s*(\S+) ", _output("/sbin/ldconfig", "-p"), re.M))
    for name, symbols in sorted(wanted_stubs(folder, present).items()):
        write_stub(folder / name, symbols)
        print(f"{name}: {len(symbols)} names")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
