"""The whole flow: a frame goes in, the people in it come out."""

from __future__ import annotations

import ctypes
import os
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self, overload

import numpy as np
from numpy.typing import NDArray

from openpaf.address import is_web, without_secrets
from openpaf.decoder import Decoder
from openpaf.decoder.config import DecoderConfig, Keep
from openpaf.decoder.decoder import decoder_of
from openpaf.decoder.keep import kept
from openpaf.errors import ConfigError, OpenPafError
from openpaf.fields import Fields
from openpaf.frame import Frame, several, to_frame
from openpaf.keywords import knows_keywords
from openpaf.looks import ONE, Look, NetInput, check_looks, net_inputs, placed, predict, read_looks
from openpaf.models import ModelCard, find_model
from openpaf.poses import Poses
from openpaf.preprocess import Placement, check_net_size, plain
from openpaf.session import Session, open_session
from openpaf.skeleton import Skeleton
from openpaf.tiles import Tiles
from openpaf.topdown.closer import Asked, CloserLook, CloserNetworks, closer
from openpaf.topdown.refine import LIMIT, open_refiner, refined

if TYPE_CHECKING:
    from openpaf.stream import Source, Stream


class NetFrame(NamedTuple):
    """A frame as the network sees it: one net input a look, the largest first.

    preprocess_ms : what making them took; frame : (H, W, 3) uint8 BGR, where people are looked at
    once more.
    """

    inputs: tuple[NetInput, ...]
    preprocess_ms: float
    frame: NDArray[np.uint8] | None = None

    @property
    def placement(self) -> Placement:
        """Where the frame lies in the net input that its fields will lie over."""
        return self.inputs[0].placement

    def timings(self, **others: float) -> dict[str, float]:
        """Milliseconds by stage, this one's first; what `Poses.timings` holds."""
        return {"preprocess": self.preprocess_ms, **others}


class Engine:
    """Find people in frames; made once, used for every frame, by any number of threads.

    It may also be used in a process forked from the one that made it, and pickled: what comes out
    elsewhere loads the network anew.

    Parameters
    ----------
    model : str or Path, optional
        A `.onnx`, `.xml` or `.pt` file, or the name of a model fetched with `openpaf weights pull`;
        nothing is ever downloaded here. The bundled default model when None.
    device : str
        "auto" (CUDA where the installed ONNX Runtime has it, else the CPU), "cpu", "cuda" or "gpu",
        "cuda:1" for the second GPU, "tensorrt", "openvino", "coreml" or "directml". `provider` says
        what was really to be had.
    net_height : int, optional
        Height that every frame is brought to for the network, px; the width follows. What the
        model's card says when None, which is 368 for most.
    net_size : (width, height), optional
        A fixed network input instead, multiples of the stride.
    looks : str
        How often each frame is looked at. "one"; "close" (half size too, for people who fill the
        frame); "accurate" (3.5 times the cost); "best"; or scales of the net size such as
        "0.5+1+1.5", with "+flip" at the end for the mirrored frame too.
    decoder : DecoderConfig, optional
    min_score : float, optional
        In short for `DecoderConfig.min_score`: people of a lower score are left out, 0 to 1.
    max_people : int, optional
        In short for `DecoderConfig.max_people`: at most so many people a frame.
    keep : {"score", "largest", "central"}, optional
        In short for `DecoderConfig.keep`: who stays where there are more.
    complete : bool
        `DecoderConfig.complete`, in short: look for the missing parts of everyone too.
    threads : int, optional
        Threads of the network; one a core when None.
    spinning : bool
        Let idle threads of ONNX Runtime wait busily: fastest for one engine alone, wasteful where
        something else needs the cores.
    card : ModelCard, str or Path, optional
        Describes a model file that does not describe itself.
    refine : bool, str or Path
        Look once more at each person, with the bundled window network when True, or with another
        by name or path; mirrored too where `looks` are more than one. `refine` in `Poses.timings`
        is what it took.
    refine_limit : int
        Most people of a frame to look at once more, the largest first.
    hands, face : bool, str or Path
        Look closely at the hands, and at the face, of each person found, at most `refine_limit`
        people, with the bundled network when True, or with another by name or path. See
        `Poses.hands` and `Poses.face`; "hands" and "face" in `Poses.timings` are what they took.
    tiles : bool
        Look at overlapping tiles of each frame at full resolution too, for tiny people in large
        frames; the time grows with the frame. `tiles` in `Poses.timings` is what it took.

    Raises
    ------
    ConfigError
        When an option has a value that cannot work.
    MissingExtraError
        When the runtime that the model needs is not installed.
    ModelError
        When the model file is damaged, or not the network its card describes.
    ModelNotFoundError
        When there is no such file, or no model of that name on this machine.

    Warns
    -----
    OpenPafWarning
        When the device asked for is not to be had and another one is used.
    """

    @knows_keywords("Engine()", "openpaf.Engine({}=...)")
    def __init__(
        self,
        model: str | Path | None = None,
        *,
        device: str = "auto",
        net_height: int | None = None,
        net_size: tuple[int, int] | None = None,
        looks: str | Sequence[Look] = "one",
        decoder: DecoderConfig | None = None,
        min_score: float | None = None,
        max_people: int | None = None,
        keep: Keep | None = None,
        complete: bool = False,
        threads: int | None = None,
        spinning: bool = True,
        card: ModelCard | str | Path | None = None,
        refine: bool | str | Path = False,
        refine_limit: int = LIMIT,
        tiles: bool = False,
        hands: Asked = False,
        face: Asked = False,
    ) -> None:
        if decoder is not None and not isinstance(decoder, DecoderConfig):
            raise ConfigError(f"decoder must be a DecoderConfig, got {type(decoder).__name__}")
        config = (decoder or DecoderConfig()).with_given(
            min_score=min_score,
            max_people=max_people,
            keep=keep,
            complete=None if complete is False else complete,
        )
        self.looks = read_looks(looks)
        self.path = find_model(model)
        self._options: Mapping[str, Any] = {
            "device": device,
            "threads": plain(threads),
            "spinning": spinning,
            "card": _card_of(card),
        }
        self._closed = False
        self._lock = threading.Lock()
        session = open_session(self.path, **self._options)
        self._session: Session | None = session
        self.card = session.card
        self._decoder = Decoder(config, self.card.calibration)
        self._provider = session.provider
        self.net_height = session.card.net_height if net_height is None else plain(net_height)
        self.net_size = session.net_size if net_size is None else plain(net_size)
        check_net_size(self.net_height, self.net_size, self.card.stride)
        if session.net_size is not None and self.net_size != session.net_size:
            raise ConfigError(f"{self.path} takes net_size={session.net_size} only, got {net_size}")
        check_looks(self.looks, session)
        if not isinstance(tiles, bool):
            raise ConfigError(f"tiles must be True or False, got {tiles!r}")
        self.tiles = None
        if tiles and session.net_size is not None:
            self.tiles = Tiles(session.net_size, self.card.stride, fixed=True)
        elif tiles:
            self.tiles = Tiles.of(self.net_height, self.net_size, self.card.stride)
        runtime = {name: self._options[name] for name in ("device", "threads", "spinning")}
        # Who looks at a frame more than once has the time for each window mirrored too.
        self.refiner = open_refiner(
            refine, self.path, refine_limit, runtime, mirror=len(self.looks) > 1
        )
        if self.refiner is not None:
            self.refiner.check_parts(self.skeleton)
        self._closer = CloserNetworks(self.path, self.skeleton, refine_limit, runtime)
        self._asked = {"hands": hands, "face": face}
        self._closer_looks = self._closer.looks(self._asked)
        if self.net_size is not None:
            session.settle()
        _engines.add(self)

    @property
    def skeleton(self) -> Skeleton:
        """Parts and limbs of the people this engine finds."""
        return self.card.skeleton

    @property
    def provider(self) -> str:
        """What really runs the network, also where a GPU was given up on the way."""
        session = self._session
        return self._provider if session is None else session.provider

    @property
    def session(self) -> Session:
        """The network as it runs in this process.

        Raises
        ------
        OpenPafError
            When the engine has been closed.
        """
        session = self._session
        if session is not None:
            return session
        with self._lock:
            if self._closed:
                raise OpenPafError("this engine has been closed; make a new one")
            if self._session is None:
                self._session = open_session(self.path, **self._options)
            return self._session

    @overload
    def detect(
        self,
        frame: Frame,
        *,
        channels: str | None = None,
        min_score: float | None = None,
        max_people: int | None = None,
        keep: Keep | None = None,
        hands: Asked | None = None,
        face: Asked | None = None,
    ) -> Poses: ...
    @overload
    def detect(
        self,
        frame: Sequence[Any] | Iterator[Any],
        *,
        channels: str | None = None,
        min_score: float | None = None,
        max_people: int | None = None,
        keep: Keep | None = None,
        hands: Asked | None = None,
        face: Asked | None = None,
    ) -> list[Poses]: ...
    @knows_keywords("engine.detect()")
    def detect(
        self,
        frame: Any,
        *,
        channels: str | None = None,
        min_score: float | None = None,
        max_people: int | None = None,
        keep: Keep | None = None,
        hands: Asked | None = None,
        face: Asked | None = None,
    ) -> Poses | list[Poses]:
        """Find everyone in a frame.

        Parameters
        ----------
        frame : (H, W, 3) uint8 BGR, or another picture
            Grey, BGRA and floating-point arrays (0 to 1), torch tensors, picture files, their
            addresses on http or https, open files and PIL images too; see `openpaf.frame.to_frame`.
            A list, tuple or generator of any of these, an (N, H, W, 3) array or an (N, 3, H, W)
            tensor gives a list.
        channels : "bgr" or "rgb", optional
            Order of the colours in arrays (BGR where nothing is said) and tensors (RGB).
        min_score, max_people, keep, hands, face : optional
            As for `Engine`, whose own they stand in for.

        Returns
        -------
        Poses
            In frame px; `timings` holds the milliseconds of "preprocess", "network" and "decode".

        Raises
        ------
        ConfigError
            When an option has a value that cannot work.
        FrameError
            When it is not a picture.
        SourceError
            When a picture file cannot be opened, or its address cannot be fetched.
        """
        frames = several(frame)
        if frames is not None:
            return self.detect_batch(
                frames,
                channels=channels,
                min_score=min_score,
                max_people=max_people,
                keep=keep,
                hands=hands,
                face=face,
            )
        decoder = self.decoder(min_score=min_score, max_people=max_people, keep=keep)
        looks = self.closer_looks(hands=hands, face=face)
        net_frame = self.prepare(to_frame(frame, channels), keep_frame=bool(looks))
        found = find_people(self, [net_frame], decoder, looks)[0]
        return _with_source(found, frame)

    @knows_keywords("engine.detect_batch()", "engine.detect_batch(frames, {}=...)")
    def detect_batch(
        self,
        frames: Iterable[Frame],
        *,
        batch_size: int = 8,
        channels: str | None = None,
        min_score: float | None = None,
        max_people: int | None = None,
        keep: Keep | None = None,
        hands: Asked | None = None,
        face: Asked | None = None,
    ) -> list[Poses]:
        """Find everyone in several frames, as many at a time as fit the network.

        Frames of one net size share a run of the network; `timings["network"]` is each one's share.

        Parameters
        ----------
        frames : pictures as `detect` takes them
        batch_size : int
            Most frames a run of the network.
        channels, min_score, max_people, keep, hands, face : optional
            As for `detect`.

        Returns
        -------
        list of Poses
            One a frame, in the order of the frames.

        Raises
        ------
        ConfigError
            When an option has a value that cannot work.
        FrameError, SourceError
            When one of them is not a picture, or cannot be opened.
        """
        if isinstance(frames, (str, os.PathLike)):
            raise ConfigError(f"detect_batch takes several frames, got the one path {frames}")
        batch_size = plain(batch_size)
        if not isinstance(batch_size, int) or batch_size < 1:
            raise ConfigError(f"batch_size must be 1 or more, got {batch_size!r}")
        batch_size = min(batch_size, self.session.max_batch or batch_size)
        decoder = self.decoder(min_score=min_score, max_people=max_people, keep=keep)
        closer_looks = self.closer_looks(hands=hands, face=face)
        sources: list[Frame | None] = []
        net_frames = []
        for frame in frames:
            pixels = to_frame(frame, channels)
            net_frames.append(self.prepare(pixels, keep_frame=bool(closer_looks)))
            sources.append(frame if isinstance(frame, (str, os.PathLike)) else None)
        alike: dict[tuple[int, int], list[int]] = {}
        for place_, net_frame in enumerate(net_frames):
            alike.setdefault(net_frame.placement.net_size, []).append(place_)
        found: dict[int, Poses] = {}
        for places in alike.values():
            for first in range(0, len(places), batch_size):
                batch = places[first : first + batch_size]
                poses = find_people(
                    self, [net_frames[place_] for place_ in batch], decoder, closer_looks
                )
                found |= dict(zip(batch, poses, strict=True))
        return [_with_source(found[place_], source) for place_, source in enumerate(sources)]

    def stream(self, source: int | str | Path | Source, **options: Any) -> Stream:
        """Find and follow everyone in a camera, video, folder, glob, url or standard input.

        Reading, network and decoder work at the same time. Every frame of a file comes out; of a
        live source the newest frame is taken and the others are dropped.

        Parameters
        ----------
        source : int, str or Path
            A camera number, path, url, or "-"; see `openpaf.stream.open_source`.
        **options
            `track`, `every`, `min_score`, `max_people`, `keep`, `hands`, `face`, `live`,
            `frame_rate`, `frame_size`, `start`, `end` and `step` of `openpaf.stream.Stream`.

        Returns
        -------
        Stream
            Gives `Poses` when iterated; its `results()` gives the frames too.

        Raises
        ------
        ConfigError
            When an option has a value that cannot work.
        SourceError
            When the source cannot be opened.
        """
        from openpaf.stream import Stream

        return Stream(self, source, **options)

    def fields(self, frame: Frame) -> Fields:
        """Confidence maps and PAFs of a frame, on the grid of its net input.

        Raises
        ------
        FrameError, SourceError
            As `detect`.
        """
        return self.predict([self.prepare(frame)])[0]

    def prepare(
        self,
        frame: Frame,
        place: Callable[[float], Placement] | None = None,
        looks: Sequence[Look] | None = None,
        *,
        keep_frame: bool | None = None,
    ) -> NetFrame:
        """First stage of `detect`: the frame as the network sees it.

        `place` gives its placement at a scale of the net size, and `looks` says how often it is
        looked at, where the engine's own will not do. `keep_frame` says whether closer looks need
        the pixels; the engine's own where nothing is said.

        Raises
        ------
        FrameError, SourceError
            As `detect`.
        """
        pixels = to_frame(frame)
        started = time.perf_counter()
        height, width = pixels.shape[:2]
        place = place or partial(self.placement, width, height)
        inputs = net_inputs(pixels, looks or self.looks, place)
        closely = bool(self._closer_looks) if keep_frame is None else keep_frame
        looked_at = closely or self.refiner is not None or self.tiles is not None
        return NetFrame(inputs, ms_since(started), pixels if looked_at else None)

    def predict(self, net_frames: Sequence[NetFrame]) -> list[Fields]:
        """Second stage of `detect`: the fields of net frames of one size, looks averaged."""
        return predict(self.session, [net_frame.inputs for net_frame in net_frames])

    def decoder(self, **options: Any) -> Decoder:
        """The engine's decoder, or one with other options where some are given; None is not given.

        Raises
        ------
        ConfigError
            When an option has a value that cannot work.
        """
        config = self._decoder.config.with_given(**options)
        if config is self._decoder.config:
            return self._decoder
        return decoder_of(config, self.card.calibration)

    def closer_looks(
        self, *, hands: Asked | None = None, face: Asked | None = None
    ) -> tuple[CloserLook, ...]:
        """The engine's looks at hands and faces, or others where asked for; None is not asked.

        Raises
        ------
        ConfigError
            When a value cannot work, or the bodies do not say where hands or faces are.
        MissingExtraError, ModelError, ModelNotFoundError
            When the network cannot be loaded.
        """
        if hands is None and face is None:
            return self._closer_looks
        given = {"hands": hands, "face": face}
        asked = {name: self._asked[name] if one is None else one for name, one in given.items()}
        return self._closer.looks(asked)

    def decode(
        self,
        fields: Fields,
        placement: Placement,
        timings: Mapping[str, float] | None = None,
        decoder: Decoder | None = None,
    ) -> Poses:
        """Third stage of `detect`: people in fields, in frame px; by another decoder if given."""
        started = time.perf_counter()
        people = (decoder or self._decoder).people(fields)
        keypoints = placement.to_frame(people.keypoints)
        if (decoder or self._decoder).config.openpose_rules is None:
            keypoints += self.card.calibration.offset
        return Poses(
            keypoints.astype(np.float32),
            people.scores,
            people.person_scores,
            fields.skeleton,
            frame_size=placement.frame_size,
            timings={**(timings or {}), "decode": ms_since(started)},
        )

    def finish(
        self,
        poses: Poses,
        frame: NDArray[np.uint8] | None,
        placement: Placement,
        decoder: Decoder | None = None,
        looks: Sequence[CloserLook] | None = None,
    ) -> Poses:
        """Last stage of `detect`: tiles, who stays, a second look, and closer ones, if asked for.

        `frame`, (H, W, 3) uint8 BGR, is that of the `NetFrame`, which has none where none is.
        `looks` are the closer ones, the engine's own where nothing is said.
        """
        decoder = decoder or self._decoder
        if frame is not None and self.tiles is not None:
            started = time.perf_counter()

            def look(piece: NDArray[np.uint8], place: Callable[[float], Placement]) -> Poses:
                net_frame = self.prepare(piece, place, ONE)
                fields = self.predict([net_frame])[0]
                return self.decode(fields, net_frame.placement, decoder=decoder)

            poses = self.tiles.look(frame, poses, placement, look)
            poses = replace(poses, timings={**poses.timings, "tiles": ms_since(started)})
        # Before the second look, which costs by the person.
        poses = kept(poses, decoder.config, placement.frame_size)
        poses = refined(self.refiner, poses, frame, decoder.min_score)
        return closer(self._closer_looks if looks is None else looks, poses, frame)

    def placement(self, width: int, height: int, scale: float = 1.0) -> Placement:
        """Where a frame of this size, px, lies in the network input of a look at this scale."""
        return placed((width, height), scale, self.net_height, self.net_size, self.card.stride)

    def warm_up(self, frame_size: tuple[int, int] = (1280, 720)) -> None:
        """Do now what the first frame of a size (width, height) would have to wait for."""
        width, height = frame_size
        self._decoder.warm_up(self.skeleton)
        if self.refiner is not None:
            self.refiner.warm_up()
        for look in self._closer_looks:
            look.warm_up()
        self.detect(np.zeros((height, width, 3), np.uint8))

    def settle(self) -> None:
        """Prepare a GPU for frames of one size, or a few, that come again and again.

        Streams of cameras and videos do so, and an engine with a `net_size` is made so. Each size
        then takes a second or so once, and less for every frame. Elsewhere nothing changes.
        """
        self.session.settle()

    def close(self) -> None:
        """Free the network; the engine cannot be used any more."""
        with self._lock:
            self._closed, self._session, self.refiner = True, None, None
            self._closer_looks = ()
            self._closer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Engine {self.card.name} on {self.provider}>"

    def __reduce__(self) -> tuple[Any, ...]:
        options = {
            "net_height": self.net_height,
            "net_size": self.net_size,
            "looks": self.looks,
            "decoder": self._decoder.config,
            "tiles": self.tiles is not None,
            "refine_limit": self._closer.limit,
            **self._asked,
            **self._options,
        }
        if self.refiner is not None:
            options["refine"] = self.refiner.path
        return partial(Engine, self.path, **options), ()

    def _after_fork(self) -> None:
        # The threads of the session are not in this process, and freeing it would wait for them,
        # even at exit: so it must never be freed.
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._session))
        self._session, self._lock = None, threading.Lock()
        if self.refiner is not None:
            self.refiner.after_fork()
        self._closer.after_fork()


def find_people(
    engine: Engine,
    net_frames: Sequence[NetFrame],
    decoder: Decoder | None = None,
    looks: Sequence[CloserLook] | None = None,
) -> list[Poses]:
    """Everyone in net frames of one size: one run of the network, then the decoder on each."""
    started = time.perf_counter()
    fields = engine.predict(net_frames)
    network_ms = ms_since(started) / len(net_frames)
    return [
        engine.finish(
            engine.decode(one, net_frame.placement, net_frame.timings(network=network_ms), decoder),
            net_frame.frame,
            net_frame.placement,
            decoder,
            looks,
        )
        for one, net_frame in zip(fields, net_frames, strict=True)
    ]


def _card_of(card: ModelCard | str | Path | None) -> ModelCard | None:
    """A card as `Engine` takes it: itself, or the file that holds it."""
    if isinstance(card, (str, Path)):
        return ModelCard.from_toml(card)
    if card is not None and not isinstance(card, ModelCard):
        raise ConfigError(f"card must be a ModelCard or a TOML file, got {type(card).__name__}")
    return card


def _with_source(poses: Poses, frame: object) -> Poses:
    """With the picture file they come from, where the frame was given as one."""
    if not isinstance(frame, (str, os.PathLike)):
        return poses
    text = os.fspath(frame)
    if isinstance(frame, str) and is_web(frame):
        return replace(poses, source=without_secrets(text))
    return replace(poses, source=text, picture=Path(frame).absolute())


_engines: weakref.WeakSet[Engine] = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for engine in list(_engines):
        engine._after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)


def ms_since(started: float) -> float:
    """Milliseconds since a reading of `time.perf_counter`."""
    return 1000 * (time.perf_counter() - started)
