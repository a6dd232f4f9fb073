"""openpaf on Ray: an actor for Ray Data pipelines, and the workers of `openpaf batch` on a cluster.

import ray
from openpaf.ray import Detector

photos = ray.data.read_images("photos/", mode="RGB", include_paths=True)
poses = photos.map_batches(
    Detector,
    fn_constructor_kwargs={"colors": "RGB"},
    compute=ray.data.ActorPoolStrategy(size=2),
    num_cpus=1,
    batch_size=16,
)
poses.write_parquet("poses/")
"""

from __future__ import annotations

from openpaf.ray.detector import Detector

__all__ = ["Detector"]
