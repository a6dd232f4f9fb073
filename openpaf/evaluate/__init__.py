"""How well an engine finds people: OKS-AP, PCK(h), PCP, MPJPE, with intervals and with pictures."""

from __future__ import annotations

from openpaf.evaluate.bootstrap import Difference, Estimate
from openpaf.evaluate.dataset import AnnotatedImage, KeypointFolder, read_folder
from openpaf.evaluate.failures import KINDS, Failure, find_failures
from openpaf.evaluate.folder import Evaluation, evaluate, evaluate_folder
from openpaf.evaluate.gallery import write_page
from openpaf.evaluate.metrics import mpjpe, oks, pck, pcp
from openpaf.evaluate.report import Report, compare_reports
from openpaf.evaluate.windows import evaluate_windows

__all__ = [
    "KINDS",
    "AnnotatedImage",
    "Difference",
    "Estimate",
    "Evaluation",
    "Failure",
    "KeypointFolder",
    "Report",
    "compare_reports",
    "evaluate",
    "evaluate_folder",
    "evaluate_windows",
    "find_failures",
    "mpjpe",
    "oks",
    "pck",
    "pcp",
    "read_folder",
    "write_page",
]
