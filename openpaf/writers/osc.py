"""Results as they come to programs that speak Open Sound Control: TouchDesigner, Max, Unity."""

from __future__ import annotations

from openpaf.errors import MissingExtraError
from openpaf.result import Result
from openpaf.writers.datagrams import Datagrams

# What addresses of OSC may not hold: most of it asks for several at once.
_FORBIDDEN = str.maketrans(dict.fromkeys(" #*,/?[]{}", "_"))


class OscWriter:
    """A bundle a frame, then one a person; people without an id yet are left out.

    `/openpaf/frame` holds the frame's number, seconds, width, height and people;
    `/openpaf/ID/PART` x, y in px and score of a keypoint that was found. With a source these begin
    `/openpaf/SOURCE/`; _ stands for what an address may not hold.

    Parameters
    ----------
    address : str
        HOST:PORT
    source : str, optional

    Raises
    ------
    MissingExtraError
        When python-osc is not installed.
    ConfigError, OutputError
        When it is no address, or there is no such host.
    """

    def __init__(self, address: str, source: str | None = None) -> None:
        try:
            from pythonosc import osc_bundle_builder, osc_message_builder
        except ModuleNotFoundError as error:
            raise MissingExtraError('OSC needs python-osc; pip install "openpaf[osc]"') from error
        self._bundles, self._messages = osc_bundle_builder, osc_message_builder
        self._datagrams = Datagrams(address)
        self._root = "/openpaf" if source is None else f"/openpaf/{source.translate(_FORBIDDEN)}"

    def write(self, result: Result) -> None:
        """Send a frame."""
        poses = result.poses
        height, width = result.frame.shape[:2]
        head = [result.index, result.time, width, height, len(poses)]
        self._send([("frame", head)], result.index)
        ids = [] if poses.ids is None else poses.ids.tolist()
        for n, who in enumerate(ids):
            found = [
                (
                    f"{who}/{part.translate(_FORBIDDEN)}",
                    [*poses.keypoints[n, k].tolist(), float(poses.scores[n, k])],
                )
                for k, part in enumerate(poses.skeleton.parts)
                if poses.scores[n, k] > 0
            ]
            if who >= 0:
                self._send(found, result.index)

    def close(self) -> None:
        """Let go of the socket."""
        self._datagrams.close()

    def _send(self, messages: list[tuple[str, list[int | float]]], frame: int) -> None:
        bundle = self._bundles.OscBundleBuilder(self._bundles.IMMEDIATELY)
        for address, values in messages:
            message = self._messages.OscMessageBuilder(address=f"{self._root}/{address}")
            for value in values:
                message.add_arg(value, "i" if isinstance(value, int) else "f")
            bundle.add_content(message.build())
        self._datagrams.send(bundle.build().dgram, frame)
