"""Results to files and windows, a frame at a time; a crash leaves readable what was written."""

from __future__ import annotations

from openpaf.writers.angles import AngleWriter
from openpaf.writers.coco import CocoWriter
from openpaf.writers.csv import CsvWriter
from openpaf.writers.ndjson import NdjsonWriter
from openpaf.writers.openpose import OpenPoseWriter
from openpaf.writers.osc import OscWriter
from openpaf.writers.painter import Painter
from openpaf.writers.pictures import OnePictureWriter, PictureWriter, check_picture
from openpaf.writers.spool import Spool
from openpaf.writers.udp import UdpWriter
from openpaf.writers.video import VideoWriter, check_video
from openpaf.writers.window import Window
from openpaf.writers.writer import Writer, Writers

__all__ = [
    "AngleWriter",
    "CocoWriter",
    "CsvWriter",
    "NdjsonWriter",
    "OnePictureWriter",
    "OpenPoseWriter",
    "OscWriter",
    "Painter",
    "PictureWriter",
    "Spool",
    "UdpWriter",
    "VideoWriter",
    "Window",
    "Writer",
    "Writers",
    "check_picture",
    "check_video",
]
