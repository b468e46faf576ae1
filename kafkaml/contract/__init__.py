"""Contract of a data set, compiled: records of any topic become samples, the same for training and for serving.

Start at ``CompiledContract`` (``compiled``). Pure: no Kafka client, no Django, no framework. Nothing else in the
product imports Polars, which takes 0.15 s and 40 MB: import this package where it is needed, not at the top.
"""

from __future__ import annotations

import os

# Polars takes a thread for each processor, once, when it is imported. Batches here are small: one thread reads them as
# fast as two do, and a replica is promised to keep to its share of a machine.
os.environ.setdefault("POLARS_MAX_THREADS", "1")
