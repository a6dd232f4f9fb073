"""`openpaf run --sync`: keypoints are written when it is known how the sources lie in time."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Self

from openpaf.cli.messages import warn
from openpaf.cli.outputs import Outputs
from openpaf.errors import ConfigError
from openpaf.motion.sync import Offset, find_offsets, wrist_speeds
from openpaf.stream import Streams
from openpaf.writers import Painter, Spool, Writers

# Seconds that cameras on one clock can be apart: what some take longer to hand a frame over.
_LATENCY = 1.0


def check_sync(sync: bool, outputs: Mapping[str, Outputs], track: bool) -> None:
    """Refuse `--sync` where it cannot work.

    Raises
    ------
    ConfigError
        When there is one source, nobody has an id, or there is nothing to write afterwards.
    """
    if not sync:
        return
    if len(outputs) < 2:
        raise ConfigError("--sync compares several sources; name them all in one run")
    if not track:
        raise ConfigError("--sync follows wrists from frame to frame; leave out --no-track")
    if not any(one.numbers for one in outputs.values()):
        raise ConfigError("--sync numbers frames in files; add --ndjson FILE or the like")


class InStep:
    """Keypoints of several sources that wait on disk until all have ended.

    Parameters
    ----------
    streams : Streams
    outputs : mapping of str to Outputs
        Of each source.

    Attributes
    ----------
    spools : dict of str to Spool
        Writers to give results to.
    """

    def __init__(self, streams: Streams, outputs: Mapping[str, Outputs]) -> None:
        self._streams, self._outputs = streams, outputs
        self.spools = {name: Spool() for name in outputs}

    def write(self) -> None:
        """Find out how the sources lie in time, say so, and write everything."""
        seen = {name: spool for name, spool in self.spools.items() if spool.frames}
        if not seen:
            return
        offsets = self._offsets(seen)
        starts = {name: spool.first + offsets[name].seconds for name, spool in seen.items()}
        begin = min(starts.values())
        for name, spool in seen.items():
            shift = offsets[name].seconds - begin
            with Writers() as writers:
                numbers = self._outputs[name].numbers
                for writer in numbers.writers(name, Painter(), name, numbered=True):
                    writers.add(writer)
                for result in spool.shifted(shift, self._streams.frame_rates[name]):
                    writers.write(result)

    def _offsets(self, seen: Mapping[str, Spool]) -> dict[str, Offset]:
        first, *others = seen
        live = self._streams.on_one_clock
        most = {name: _LATENCY if {first, name} <= live else math.inf for name in others}
        wrists = {
            name: wrist_speeds((result.time, result.poses) for result in spool.results())
            for name, spool in seen.items()
        }
        offsets = find_offsets(wrists, most)
        for name in others:
            offset = offsets[name]
            if offset.found:
                warn(
                    f"{name} is put in step with {first} by {offset.seconds:+.3f} s; their wrists "
                    f"then move alike by {offset.correlation:.2f}"
                )
            else:
                alike = (
                    f"move alike by {offset.correlation:.2f} at best, and {offset.elsewhere:.0%} "
                    "of that at another time"
                    if offset.correlation > 0
                    else "are not seen by both for long enough (2 s, and a quarter of the "
                    "shorter recording), or do not move alike"
                )
                warn(
                    f"{name} cannot be put in step with {first}: wrists {alike}; begin with a clap "
                    "that both see"
                )
        rates = {self._streams.frame_rates[name] for name in seen}
        if len(rates) > 1:
            told = ", ".join(f"{self._streams.frame_rates[n]:g} of {n}" for n in seen)
            warn(f"frames a second differ ({told}); go by times, not by frame numbers")
        return offsets

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        for spool in self.spools.values():
            spool.close()
