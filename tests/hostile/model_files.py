"""Files that a hostile worker could give for a trained model, by what is wrong with each.

Anything that a pickle or a configuration in them would run prints ``RAN``. Some of them point to ``secret``, a file of
the machine.
"""

from __future__ import annotations

import gzip
import io
import json
import marshal
import os
import pickle
import random
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import onnx
from onnx import TensorProto, helper

from kafkaml.wire.framework import Framework
from mlcode_executor.runtimes import OwnRuntime, Runtime
from tests.model_inference.onnx_models import sum_model

__all__ = ["FILES", "RAN", "HostileFile"]

RAN = "RAN-BY-A-FILE"
_GARBAGE = random.Random(7).randbytes(5000)
_ZEROS = bytes(1 << 20)
_BOMB_MEGABYTES = 700


class _Runs:
    def __reduce__(self) -> tuple[Any, ...]:
        return print, (RAN,)


_PICKLE = pickle.dumps({"model": _Runs()})


def _zip(members: Mapping[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def _bomb(name: str, before: Mapping[str, bytes] | None = None) -> bytes:
    """Return a zip whose last member is endless zeros."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for member, content in (before or {}).items():
            archive.writestr(member, content)
        archive.writestr(name, _deflated_zeros())
        bomb = archive.filelist[-1]
        bomb.compress_type, bomb.file_size = zipfile.ZIP_DEFLATED, _BOMB_MEGABYTES << 20
    return buffer.getvalue()


@cache
def _deflated_zeros() -> bytes:
    packer = zlib.compressobj(9, wbits=-15)
    megabyte = packer.compress(_ZEROS) + packer.flush(zlib.Z_FULL_FLUSH)
    return megabyte * _BOMB_MEGABYTES + packer.flush()


def _hdf5(fill: Callable[[h5py.File], object]) -> bytes:
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        fill(file)
    return buffer.getvalue()


# ONNX models


def _onnx(nodes: list[Any], tensors: list[Any] | None = None, *, size: int = 4, outputs: str = "y") -> bytes:
    given = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", size])]
    answered = [helper.make_tensor_value_info(outputs, TensorProto.FLOAT, None)]
    graph = helper.make_graph(nodes, "graph", given, answered, tensors or [])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9).SerializeToString()


def _tensor(dims: list[int], data: bytes = b"", name: str = "w") -> onnx.TensorProto:
    return onnx.TensorProto(name=name, data_type=TensorProto.FLOAT, dims=dims, raw_data=data)


def _elsewhere(location: str, length: int = 40) -> bytes:
    tensor = onnx.TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[10], data_location=onnx.TensorProto.EXTERNAL)
    for key, value in (("location", location), ("offset", "0"), ("length", str(length))):
        tensor.external_data.add(key=key, value=value)
    return _onnx([helper.make_node("Identity", ["w"], ["y"])], [tensor])


def _filled(elements: int) -> bytes:
    shape = helper.make_tensor("shape", TensorProto.INT64, [1], [elements])
    return _onnx([helper.make_node("ConstantOfShape", ["shape"], ["y"])], [shape])


def _nested(levels: int) -> bytes:
    """Graphs within graphs, written byte by byte, because the library itself refuses to write them."""

    def field(number: int, content: bytes) -> bytes:
        size, length = len(content), bytearray()
        while size > 0x7F:
            length.append(size & 0x7F | 0x80)
            size >>= 7
        return bytes([number << 3 | 2]) + bytes(length) + bytes([size]) + content

    graph = b""
    for _ in range(levels):
        branch = field(6, graph) + field(1, b"then_branch") + b"\xa0\x01\x05"
        graph = field(1, field(5, branch) + field(4, b"If"))
    return b"\x08\x09" + field(7, graph)


def _endless() -> bytes:
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["on"]), helper.make_node("Add", ["v", "v"], ["w"])],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("v", TensorProto.FLOAT, None),
        ],
        [
            helper.make_tensor_value_info("on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("w", TensorProto.FLOAT, None),
        ],
    )
    times = helper.make_tensor("times", TensorProto.INT64, [], [2**62])
    go = helper.make_tensor("c", TensorProto.BOOL, [], [True])
    return _onnx([helper.make_node("Loop", ["times", "c", "x"], ["y"], body=body)], [times, go])


_ONNX: dict[str, Callable[[str], bytes]] = {
    "nothing": lambda _: b"",
    "garbage": lambda _: _GARBAGE,
    "half of a model": lambda _: sum_model(4)[:-40],
    "a pickle": lambda _: _PICKLE,
    "a zip bomb": lambda _: _bomb("model.onnx"),
    "a gzip bomb": lambda _: gzip.compress(_ZEROS * 20, 1),
    "a length of more than there is": lambda _: b"\x3a\xff\xff\xff\xff\xff\xff\xff\xff\x7f" + _GARBAGE,
    "groups within groups": lambda _: b"\x3b" * 100_000,
    "weights in a file of the machine": _elsewhere,
    "weights up the folders": lambda secret: _elsewhere("../" * 30 + secret.lstrip("/")),
    "weights in the environment": lambda _: _elsewhere("/proc/self/environ"),
    "weights of the largest size": lambda _: _onnx([helper.make_node("Identity", ["w"], ["y"])], [_tensor([2**62, 4])]),
    "weights of a size below zero": lambda _: _onnx([helper.make_node("Identity", ["w"], ["y"])], [_tensor([-1, -9])]),
    "fewer weights than said": lambda _: _onnx(
        [helper.make_node("Add", ["x", "w"], ["y"])], [_tensor([1000, 4], b"\0" * 16)]
    ),
    "terabytes of an answer": lambda _: _filled(2**40),
    "gigabytes of an answer": lambda _: _filled(2**30),
    "graphs within graphs": lambda _: _nested(5000),
    "a loop without end": lambda _: _endless(),
    "a cycle": lambda _: _onnx(
        [helper.make_node("Add", ["x", "b"], ["a"]), helper.make_node("Add", ["a", "x"], ["b"])], outputs="b"
    ),
    "an operation that nobody knows": lambda _: _onnx([helper.make_node("System", ["x"], ["y"], command="id")]),
    "an operation of Python": lambda _: _onnx([helper.make_node("PyOp", ["x"], ["y"], domain="ai.onnx.contrib")]),
    "names that are not text": lambda _: sum_model(4).replace(b"x", b"\x00").replace(b"y", b"\xff"),
    "no output": lambda _: _onnx([helper.make_node("Identity", ["x"], ["z"])]),
}

# Weights in safetensors


def _safetensors(header: object, data: bytes = b"", *, length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def _named(name: str, *, dtype: object = "F32", shape: object = (1,), offsets: object = (0, 4)) -> bytes:
    return _safetensors({name: {"dtype": dtype, "shape": shape, "data_offsets": offsets}}, bytes(64))


_SAFETENSORS: dict[str, Callable[[str], bytes]] = {
    "nothing": lambda _: b"",
    "garbage": lambda _: _GARBAGE,
    "a pickle of torch": lambda _: _zip({"archive/data.pkl": _PICKLE, "archive/version": b"3"}, zipfile.ZIP_STORED),
    "a header of the largest length": lambda _: _safetensors({}, length=2**64 - 1),
    "a header of 90 MB": lambda _: _safetensors(b"{" + b" " * (90 << 20) + b"}"),
    "a header of brackets": lambda _: _safetensors(b"[" * 1_000_000),
    "a header nested a hundred thousand times": lambda _: _safetensors(
        b'{"__metadata__":' + b'{"a":' * 100_000 + b"1" + b"}" * 100_001
    ),
    "a header that is not text": lambda _: _safetensors(b'{"\xff\xfe": 1}'),
    "a name twice": lambda _: _safetensors(
        b'{"weight":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},'
        b'"weight":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}',
        bytes(8),
    ),
    "tensors over one another": lambda _: _safetensors(
        {name: {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]} for name in ("weight", "bias")}, bytes(8)
    ),
    "a tensor behind the end": lambda _: _named("weight", shape=[250], offsets=[0, 1000]),
    "a tensor that begins behind its end": lambda _: _named("weight", offsets=[8, 4]),
    "a shape that overflows": lambda _: _named("weight", shape=[2**62, 2**62]),
    "a shape below zero": lambda _: _named("weight", shape=[-1]),
    "a type that nobody knows": lambda _: _named("weight", dtype="PICKLE"),
    "a name with halves of characters": lambda _: _named("\ud800"),
    "a name up the folders": lambda _: _named("../../../../tmp/escaped"),
    "another model": lambda _: _named("other.weight"),
    "an extra state without bottom": lambda _: _safetensors(
        {"__metadata__": {"format": "pt", "extra:weight": "[" * 100_000}, **json.loads(_named("a")[8:-64])}, bytes(4)
    ),
    "many names": lambda _: _safetensors(
        {str(number): {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]} for number in range(50_000)}
    ),
}

# Keras: weights in HDF5, and whole models with their configuration


def _weights(make: Callable[[h5py.Group], object]) -> bytes:
    """Return weights as Keras lays them out; ``make`` puts the first weight of the only layer."""
    return _hdf5(lambda file: make(file.create_group("layers/dense/vars")))


def _external(path: str) -> bytes:
    def fill(file: h5py.File) -> None:
        file["layers"] = h5py.ExternalLink(path, "/layers")

    return _hdf5(fill)


def _looped(file: h5py.File) -> None:
    file["layers"] = h5py.SoftLink("/layers/again")
    file["again"] = file["/"]


_KERAS_WEIGHTS: dict[str, Callable[[str], bytes]] = {
    "nothing": lambda _: b"",
    "garbage": lambda _: _GARBAGE,
    "garbage behind HDF5's signature": lambda _: b"\x89HDF\r\n\x1a\n" + _GARBAGE,
    "a pickle": lambda _: _PICKLE,
    "weights in a file of the machine": lambda secret: _weights(
        lambda group: group.create_dataset("0", (4, 2), "<f4", external=[(secret, 0, 32)])
    ),
    "a group in a file of the machine": _external,
    "links in a circle": lambda _: _hdf5(_looped),
    "weights of petabytes": lambda _: _weights(
        lambda group: group.create_dataset("0", (2**40, 2**10), "<f4", chunks=(1024, 1024))
    ),
    "more zeros than weights, compressed": lambda _: _weights(
        lambda group: group.create_dataset("0", data=np.zeros((1 << 12, 1 << 12), "<f4"), compression="gzip")
    ),
    "texts for weights": lambda _: _weights(lambda group: group.create_dataset("0", data=[b"x" * 1000] * 8)),
    "references for weights": lambda _: _weights(lambda group: group.create_dataset("0", (4, 2), h5py.ref_dtype)),
    "groups without bottom": lambda _: _hdf5(lambda file: file.create_group("/".join(["layers"] * 5000))),
}


def _whole(config: object, weights: bytes | None = None, **more: bytes) -> bytes:
    text = config if isinstance(config, bytes) else json.dumps(config).encode()
    about = json.dumps({"keras_version": "3.0.0", "date_saved": "2024-01-01"}).encode()
    return _zip({"metadata.json": about, "config.json": text, "model.weights.h5": weights or _hdf5(len), **more})


def _layer(module: str, class_name: str, config: object, **more: object) -> dict[str, object]:
    return {"module": module, "class_name": class_name, "config": config, "registered_name": None, **more}


def _sequential(*layers: object) -> dict[str, object]:
    given = _layer("keras.layers", "InputLayer", {"batch_shape": [None, 4], "dtype": "float32", "name": "x"})
    return _layer("keras", "Sequential", {"name": "s", "layers": [given, *layers], "build_input_shape": [None, 4]})


def _lambda() -> dict[str, object]:
    code = compile("lambda x: print('RAN-BY-A-FILE') or x", "file", "eval").co_consts[0]
    text = marshal.dumps(code).hex()
    function = {"class_name": "__lambda__", "config": {"code": text, "defaults": None, "closure": None}}
    return _sequential(_layer("keras.layers", "Lambda", {"name": "l", "function": function}))


def _deep() -> bytes:
    inner = json.dumps(_layer("keras", "Sequential", "HERE")).split('"HERE"')
    return (inner[0] * 50_000 + "{}" + inner[1] * 50_000).encode()


def _link(path: str) -> bytes:
    buffer = io.BytesIO(_whole(_sequential()))
    with zipfile.ZipFile(buffer, "a") as archive:
        entry = zipfile.ZipInfo("assets/link")
        entry.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(entry, path)
        archive.writestr("assets/link/file", RAN)
    return buffer.getvalue()


def _encrypted() -> bytes:
    content = bytearray(_whole(_sequential()))
    place = content.find(b"PK\x01\x02")
    while place >= 0:
        content[place + 8] |= 1
        place = content.find(b"PK\x01\x02", place + 1)
    return bytes(content)


_KERAS_WHOLE: dict[str, Callable[[str], bytes]] = {
    "garbage in a zip": lambda _: _zip({"a": _GARBAGE}),
    "a zip without its end": lambda _: _whole(_sequential())[:-30],
    "an encrypted zip": lambda _: _encrypted(),
    "a zip bomb for weights": lambda _: _bomb(
        "model.weights.h5",
        {"metadata.json": b"{}", "config.json": json.dumps(_sequential()).encode()},
    ),
    "a zip bomb for a configuration": lambda _: _bomb("config.json"),
    "members up the folders": lambda _: _whole(
        _sequential(), **{"../../../../tmp/escaped": b"x", "/tmp/escaped": b"x"}
    ),
    "a link for a member": _link,
    "a configuration without bottom": lambda _: _whole(_deep()),
    "a configuration of another kind": lambda _: _whole([1, 2]),
    "a command of the system": lambda _: _whole(_layer("os", "system", {"command": f"echo {RAN}"})),
    "a function of Python": lambda _: _whole(
        _layer("builtins", "function", "exec", registered_name="exec") | {"args": [f"print('{RAN}')"]}
    ),
    "a layer that is a function of Python": lambda _: _whole(
        _sequential(_layer("builtins", "exec", f"print('{RAN}')"), _layer("subprocess", "Popen", {"args": ["id"]}))
    ),
    "a download": lambda _: _whole(
        _sequential(_layer("keras.utils", "get_file", {"fname": "x", "origin": "http://127.0.0.1:9/x"}))
    ),
    "words from a file of the machine": lambda secret: _whole(
        _sequential(_layer("keras.layers", "StringLookup", {"name": "s", "vocabulary": secret}))
    ),
    "a module of torch": lambda _: _whole(
        _sequential(_layer("keras.layers", "TorchModuleWrapper", {"name": "t", "module": _PICKLE.hex()}))
    ),
    "a layer of gigabytes": lambda _: _whole(
        _sequential(_layer("keras.layers", "Dense", {"name": "d", "units": 1 << 40}))
    ),
    "weights of the old kind": lambda _: _hdf5(
        lambda file: file.attrs.update({"model_config": json.dumps(_layer("os", "system", {"command": "id"}))})
    ),
    # A function of the user's own runs in a process that has already run user code, so it is contained like all user
    # code.
    "a function of the user's": lambda _: _whole(_lambda()),
}

# Checkpoints, from which a training resumes


def _npy(header: str, data: bytes = b"") -> bytes:
    text = header.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + data


def _state(about: object, **members: bytes) -> bytes:
    text = about if isinstance(about, bytes) else json.dumps(about).encode()
    header = _npy(f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({len(text)},)}}", text)
    return _zip({"about.npy": header, **{f"{name}.npy": content for name, content in members.items()}})


def _objects() -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.array([_Runs()], object), allow_pickle=True)
    return buffer.getvalue()


_OWN = {"format": 1, "framework": "pytorch", "values": {}}
_STATES: dict[str, Callable[[str], bytes]] = {
    "nothing": lambda _: b"",
    "garbage": lambda _: _GARBAGE,
    "a pickle": lambda _: _PICKLE,
    "objects in an array": lambda _: _state(_OWN, **{"0": _objects()}),
    "an array of terabytes": lambda _: _state(
        _OWN, **{"0": _npy("{'descr': '<f8', 'fortran_order': False, 'shape': (1099511627776,)}")}
    ),
    "a header that is a program": lambda _: _state(_OWN, **{"0": _npy(f"print('{RAN}')")}),
    "a header without bottom": lambda _: _state(_OWN, **{"0": _npy("(" * 9000)}),
    "a zip bomb": lambda _: _bomb("about.npy"),
    "values without bottom": lambda _: _state(b'{"format":1,"framework":"pytorch","values":' + b"[" * 100_000),
    "values that hold each other": lambda _: _state(
        b'{"format":1,"framework":"pytorch","values":{"model":' + b'{"tuple":[' * 900 + b"1" + b"]}" * 900 + b"}}"
    ),
    "values that name no array": lambda _: _state(_OWN | {"values": {"model": {"tensor": "9"}, "random": 5}}),
    "values of another framework": lambda _: _state(_OWN | {"framework": "\ud800"}),
}


class HostileFile:
    """A file and the runtime that takes it by which name; ``content`` is made when it is needed."""

    def __init__(self, runtime: Runtime, artifact: str, what: str, make: Callable[[str], bytes]) -> None:
        self.runtime, self.artifact, self.what, self._make = runtime, artifact, what, make

    def __str__(self) -> str:
        return f"{self.artifact}-{self.what.replace(' ', '-')}"

    def content(self, secret: Path) -> bytes:
        """Return the bytes of the file, which may point to the file ``secret``."""
        return self._make(os.fspath(secret))


FILES = [
    HostileFile(runtime, artifact, what, make)
    for runtime, artifact, kinds in (
        (OwnRuntime.ONNX, "model.onnx", _ONNX),
        (Framework.PYTORCH, "model.safetensors", _SAFETENSORS),
        (Framework.PYTORCH, "state.npz", _STATES),
        (Framework.TENSORFLOW, "model.weights.h5", _KERAS_WEIGHTS),
        (Framework.TENSORFLOW, "model.keras", _KERAS_WHOLE),
    )
    for what, make in kinds.items()
]
