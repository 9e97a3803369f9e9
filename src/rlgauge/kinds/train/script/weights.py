"""Saving what a script trained: a file a model, in the form that others read."""

from __future__ import annotations

import io
import re
import struct
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from rlgauge.core.case import slug
from rlgauge.core.files import write_atomic
from rlgauge.kinds.train.script import found
from rlgauge.kinds.train.script.found import Thing
from rlgauge.kinds.train.spec import WEIGHTS

if TYPE_CHECKING:
    from numpy.typing import NDArray

_TABLES = ("q", "qtable", "qvalues", "v", "pi", "policy", "value", "values", "table", "theta", "weights", "w")
"""Names, or first or last parts of them, under which scripts keep what they learned in arrays."""
_OTHERS = ("n", "num", "visit", "visits", "count", "counts", "returns", "history", "loss", "losses")
_TREES = ("params", "state", "weights", "theta", "variables", "model", "policy", "agent", "net", "actor", "critic")
"""Last parts of the names under which scripts keep JAX's arrays that were learned."""
_DATA = re.compile(r"buffer|replay|memory|loader", re.IGNORECASE)
"""Names of classes that keep what was seen, not what was learned."""
_MOST_DIMENSIONS = 6
_DTYPES = {
    "float64": "F64",
    "float32": "F32",
    "float16": "F16",
    "bfloat16": "BF16",
    "int64": "I64",
    "int32": "I32",
    "int16": "I16",
    "int8": "I8",
    "uint64": "U64",
    "uint32": "U32",
    "uint16": "U16",
    "uint8": "U8",
    "bool": "BOOL",
}
"""What safetensors calls the types of NumPy and torch."""


class Saved(msgspec.Struct):
    """The files that were written, by the name of what is in them, relative to the folder; and what went wrong."""

    files: dict[str, str]
    warnings: list[str]


def save(things: Sequence[Thing], folder: Path) -> Saved:
    """Write the weights of all that has some to the run's folder of artifacts, each once."""
    saved = Saved({}, [])
    for thing in things:
        try:
            for name, suffix, content in _contents(thing):
                saved.files[name] = _write(folder, name, suffix, content)
        except Exception as error:  # noqa: BLE001  # `state_dict` and `save` are anybody's code
            saved.warnings.append(f"The weights of `{thing.name}` could not be saved: {type(error).__name__}: {error}")
    return saved


def _write(folder: Path, name: str, suffix: str, content: bytes | Callable[[Path], object]) -> str:
    """The file's place, once it is written: from bytes, or by a function that is given its path."""
    stem = slug(name)
    used = {path.name.casefold() for path in (folder / WEIGHTS).glob("*")}
    number = 2
    while f"{stem}{suffix}".casefold() in used:
        stem, number = f"{slug(name)}-{number}", number + 1
    place = f"{WEIGHTS}/{stem}{suffix}"
    (folder / WEIGHTS).mkdir(parents=True, exist_ok=True)
    if isinstance(content, bytes):
        write_atomic(folder / place, content)
    else:
        content(folder / place)
    return place


def _contents(thing: Thing) -> Iterator[tuple[str, str, bytes | Callable[[Path], object]]]:
    """Name, suffix and content of the files that a thing needs; none of what has no weights."""
    name, value = thing
    if found.is_sb3_model(value):
        yield name, ".zip", value.save
        normalizer = value.get_vec_normalize_env()
        if normalizer is not None:
            yield f"{name}.normalizer", ".pkl", lambda path: normalizer.save(str(path))
    elif arrays := _of_tree(name, value):
        yield name, ".safetensors", _of_arrays(arrays)
    elif found.has_state(value) and not _DATA.search(type(value).__name__):
        yield name, *_of_state(value.state_dict())
    elif found.is_array(value) and is_table(name, value):
        yield name, ".npy", _npy(value)
    elif found.is_dict_table(value):
        yield name, ".npz", _npz(value)


def _of_tree(name: str, value: Any) -> dict[str, NDArray[Any]]:  # noqa: ANN401  # a TrainState, or parameters
    """The arrays of JAX that were learned, as far as their form or their name tells."""
    if found.has_params(value):
        return found.tree_arrays(value.params, of_any=True)
    arrays = found.tree_arrays(value)
    is_named = name.rpartition(".")[2].casefold().rpartition("_")[2] in _TREES
    return arrays if is_named or any("." in path for path in arrays) else {}


def is_table(name: str, array: NDArray[Any]) -> bool:
    """Whether an array holds what was learned, as far as its name tells."""
    words = name.rpartition(".")[2].casefold().split("_")
    is_named = words[0] in _TABLES or words[-1] in _TABLES or words[0].rstrip("12ab") == "q"
    is_other = any(word in _OTHERS for word in words)
    return is_named and not is_other and array.dtype.kind in "iuf" and 0 < array.ndim <= _MOST_DIMENSIONS


def _of_state(state: object) -> tuple[str, bytes]:
    """Suffix and content: safetensors where it is tensors by name and nothing else, as torch saves it elsewhere."""
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(state, Mapping):
        tensors = dict(state)
        if tensors and all(_is_plain(torch, tensor) for tensor in tensors.values()):
            return ".safetensors", safetensors({str(name): _of_tensor(torch, part) for name, part in tensors.items()})
    if torch is None:
        raise TypeError(f"state_dict() gave {type(state).__name__}, and torch is not there to save it")
    file = io.BytesIO()
    torch.save(state, file)
    return ".pt", file.getvalue()


def _is_plain(torch: Any, value: object) -> bool:  # noqa: ANN401  # the module, which is not imported here
    return (
        isinstance(value, torch.Tensor)
        and value.layout == torch.strided
        and not value.is_quantized
        and str(value.dtype).removeprefix("torch.") in _DTYPES
    )


Tensor = tuple[str, tuple[int, ...], bytes]
"""Type as NumPy and torch call it, shape, and the numbers in row-major order, little-endian."""


def _of_tensor(torch: Any, tensor: Any) -> Tensor:  # noqa: ANN401
    row = tensor.detach().cpu().reshape(-1)
    bits = row.view(torch.uint8) if len(row) else row
    content = _little(row.numpy()) if sys.byteorder == "big" else bits.numpy().tobytes()
    return str(tensor.dtype).removeprefix("torch."), tuple(tensor.shape), content


def _of_arrays(arrays: Mapping[str, Any]) -> bytes:
    import numpy as np

    tensors = {}
    for name, given in arrays.items():
        array = np.ascontiguousarray(np.asarray(given)).reshape(np.shape(given))
        tensors[name] = (array.dtype.name, array.shape, _little(array))
    return safetensors(tensors)


def _little(array: NDArray[Any]) -> bytes:
    return (array.byteswap() if sys.byteorder == "big" else array).tobytes()


def safetensors(tensors: Mapping[str, Tensor]) -> bytes:
    """A file in the format of safetensors: the length of a header, the header as JSON, all numbers.

    Written here, since it is so little that a dependency would cost more. Tensors that share their memory are written
    once each. Raises KeyError for a type that the format does not have.
    """
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    start = 0
    for name, (dtype, shape, content) in tensors.items():
        end = start + len(content)
        header[name] = {"dtype": _DTYPES[dtype], "shape": list(shape), "data_offsets": [start, end]}
        start = end
    text = msgspec.json.encode(header)
    text += b" " * (-len(text) % 8)  # the numbers begin at a multiple of eight bytes
    return struct.pack("<Q", len(text)) + text + b"".join(content for _, _, content in tensors.values())


def _npy(array: NDArray[Any]) -> bytes:
    import numpy as np

    file = io.BytesIO()
    np.save(file, array, allow_pickle=False)
    return file.getvalue()


def _npz(table: Mapping[Any, NDArray[Any]]) -> bytes:
    """The states as rows of `states`, and their values in the same rows of `values`."""
    import numpy as np

    file = io.BytesIO()
    np.savez(file, states=np.array(list(table)), values=np.stack(list(table.values())))
    return file.getvalue()
