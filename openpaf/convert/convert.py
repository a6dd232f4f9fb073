"""One checkpoint through reader, layout and export, with what was checked on the way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from openpaf.convert.caffe import caffe_tensors
from openpaf.convert.layouts import Tensors, build_network, match_layout, plain_names
from openpaf.convert.torch_files import safetensors_tensors, torch_tensors
from openpaf.errors import CheckpointError
from openpaf.export.onnx import export_onnx

_READERS: dict[str, Callable[[Path], Tensors]] = {
    ".caffemodel": caffe_tensors,
    ".pth": torch_tensors,
    ".pt": torch_tensors,
    ".tar": torch_tensors,
    ".ckpt": torch_tensors,
    ".safetensors": safetensors_tensors,
}


@dataclass(frozen=True)
class Conversion:
    """What was converted and what was checked.

    Attributes
    ----------
    path : Path
        The ONNX file.
    layout : str
    tensors, parameters : int
        How many of them the network took from the file.
    unused : tuple of str
        Tensors of the file that the layout has no place for.
    difference : float
        Largest difference between torch and ONNX Runtime, relative to the largest output value.
    """

    path: Path
    layout: str
    tensors: int
    parameters: int
    unused: tuple[str, ...]
    difference: float


def convert(
    source: str | Path,
    path: str | Path,
    *,
    layout: str | None = None,
    name: str | None = None,
    license: str = "unknown",
    training_data: str = "unknown",
) -> Conversion:
    """Convert a published checkpoint to an ONNX file and check it against torch.

    Parameters
    ----------
    source : str or Path
        A .caffemodel, .pth, .pt, .ckpt, .tar (torch) or .safetensors file.
    path : str or Path
        ONNX file to write.
    layout : str, optional
        One of `convert.layouts.LAYOUTS`; found from the tensors when left out.
    name, license, training_data : str, optional
        For the file's model card; the name is the layout's when left out.

    Raises
    ------
    CheckpointError
        When the source is damaged, of an unknown kind or layout, or wants to run code.
    ConfigError
        When there is no such layout.
    ExportError
        When torch and ONNX Runtime do not agree.
    OutputError
        When the file cannot be written.
    """
    source, path = Path(source), Path(path)
    tensors = plain_names(_read(source))
    try:
        found, unused = match_layout(tensors, layout)
        network = build_network(tensors, found)
    except CheckpointError as error:
        raise CheckpointError(f"{source}: {error}") from error
    difference = export_onnx(
        network,
        path,
        name=name or found,
        license=license,
        training_data=training_data,
    )
    used = [tensors[key] for key in tensors if key not in unused]
    parameters = sum(value.size for value in used)
    return Conversion(path, found, len(used), parameters, unused, difference)


def _read(source: Path) -> Tensors:
    if source.suffix not in _READERS:
        raise CheckpointError(
            f"{source} is of no kind that can be converted; expected {', '.join(_READERS)}"
        )
    return _READERS[source.suffix](source)
