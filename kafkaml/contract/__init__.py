"""Contract of a data set, compiled: records of any topic become samples, the same for training and for serving.

Start at ``CompiledContract`` (``compiled``). Pure: no Kafka client, no Django, no framework. Nothing else in the
product imports Polars, which takes 0.15 s and 40 MB. Therefore import this package where it is needed, not at the top
of a module.
"""

from __future__ import annotations

import os

# Polars starts a thread per processor when it is imported. Limit it to one, because batches here are small, so one
# thread is as fast as two, and a replica must keep to its share of a machine.
os.environ.setdefault("POLARS_MAX_THREADS", "1")
