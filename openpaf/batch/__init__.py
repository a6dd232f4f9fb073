"""Folders of pictures and videos to tables of poses: on this machine's cores, or on a Ray cluster.

A run is planned as shards, a shard is done by one worker, and its rows appear as parts that are
there whole or not at all. So a run that was stopped, by whatever, goes on where it was, and no
frame is ever there twice. See `openpaf.batch.job` for what lies in the output folder.
"""

from __future__ import annotations

from openpaf.batch.job import Job
from openpaf.batch.plan import Plan, Shard
from openpaf.batch.run import Summary, run
from openpaf.batch.work import Report, Tell

__all__ = ["Job", "Plan", "Report", "Shard", "Summary", "Tell", "run"]
