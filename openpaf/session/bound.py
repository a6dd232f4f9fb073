"""Sizes of input that come again: fixed buffers on the GPU, page-locked ones here, a CUDA graph.

A size is recorded when it comes the third time. Before that the network runs as for any other, so
that sizes which never come again cost nothing, and libraries have chosen their algorithms by then.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from openpaf.session.page_locked import Memory, NotRecorded
from openpaf.session.turns import GPU

_PLAIN_RUNS = 2
# Each holds the memory of all its intermediate maps.
_MOST_RECORDED = 8
_MOST_COUNTED = 1000
# ONNX Runtime keeps 0 for itself and records nothing for -1.
_FIRST_GRAPH, _NO_GRAPH = 1, -1


class BoundRuns:
    """Runs of a session; the sizes that come again, through buffers that stay where they are.

    One caller at a time: a recorded size owns its buffers, and nothing else may use the GPU through
    this session while it records.

    Parameters
    ----------
    onnxruntime : module
    session : InferenceSession
    outputs : sequence of str
    memory : Memory
    record : bool
        Whether the session records CUDA graphs.
    """

    def __init__(
        self, onnxruntime: Any, session: Any, outputs: Sequence[str], memory: Memory, record: bool
    ) -> None:
        self._options = onnxruntime.RunOptions
        self._session = session
        self._outputs = list(outputs)
        self._input: str = session.get_inputs()[0].name
        self._memory = memory
        self._record = record
        self._lock = threading.Lock()
        self._seen: Counter[tuple[int, ...]] = Counter()
        self._bound: dict[tuple[int, ...], _Bound] = {}

    def run(self, values: NDArray[Any]) -> list[NDArray[Any]]:
        """Outputs for an input.

        Raises
        ------
        NotRecorded
            When that, and not the network, failed.
        """
        with self._lock:
            with GPU.together():
                bound = self._bound.get(values.shape)
                arrays = self._plain(values) if bound is None else bound.run(values)
            comes_again = bound is None and self._seen[values.shape] > _PLAIN_RUNS
            if comes_again and len(self._bound) < _MOST_RECORDED:
                with GPU.alone():
                    bound = self._bind(values, arrays)
                    arrays = bound.run(values)
                self._bound[values.shape] = bound
            return arrays

    def _plain(self, values: NDArray[Any]) -> list[NDArray[Any]]:
        if len(self._seen) > _MOST_COUNTED:
            self._seen.clear()
        self._seen[values.shape] += 1
        options = self._run_options(_NO_GRAPH)
        arrays: list[NDArray[Any]] = self._session.run(
            self._outputs, {self._input: values}, options
        )
        return arrays

    def _bind(self, values: NDArray[Any], arrays: Sequence[NDArray[Any]]) -> _Bound:
        try:
            binding = self._session.io_binding()
            up = self._memory.here(values.shape, values.dtype)
            there = self._memory.there(values.shape, values.dtype)
            binding.bind_ortvalue_input(self._input, there)
            outputs = [self._memory.there(array.shape, array.dtype) for array in arrays]
            for name, value in zip(self._outputs, outputs, strict=True):
                binding.bind_ortvalue_output(name, value)
            down = [self._memory.here(array.shape, array.dtype) for array in arrays]
        except Exception as error:
            raise NotRecorded(str(error)) from error
        options = self._run_options(_FIRST_GRAPH + len(self._bound))
        return _Bound(self._session, binding, options, self._memory, (up, there), (outputs, down))

    def _run_options(self, graph: int) -> Any:
        options = self._options()
        if self._record:
            options.add_run_config_entry("gpu_graph_id", str(graph))
        return options


class _Bound:
    """One size of input, its buffers and its graph; the first run records it."""

    def __init__(
        self,
        session: Any,
        binding: Any,
        options: Any,
        memory: Memory,
        entry: tuple[NDArray[Any], Any],
        exits: tuple[list[Any], list[NDArray[Any]]],
    ) -> None:
        self._session, self._binding, self._options = session, binding, options
        self._memory, self._entry, self._exits = memory, entry, exits

    def run(self, values: NDArray[Any]) -> list[NDArray[Any]]:
        """Copies of what the network gives."""
        (up, there), (outputs, down) = self._entry, self._exits
        try:
            np.copyto(up, values)
            self._memory.up(up, there)
            self._session.run_with_iobinding(self._binding, self._options)
            for value, array in zip(outputs, down, strict=True):
                self._memory.down(value, array)
        except Exception as error:
            raise NotRecorded(str(error)) from error
        return [array.copy() for array in down]
