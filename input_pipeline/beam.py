"""The preparation as an Apache Beam pipeline, for a cluster that shares a file system.

The work is the same shards as on one machine, written by the same function; Beam only deals them
out. What is finished, resumed, refused and written is decided by `prepare` either way, and every
byte is the same.
"""

from __future__ import annotations

from typing import Any

from input_pipeline.shards import Shard, write


def _write(shard: Shard) -> None:
    write(shard)


def write_shards(shards: list[Shard], runner: Any = None, options: Any = None) -> None:
    """Write shards with Beam; give it to `prepare` as `write`.

        prepare(cohort, raw_dir, out_dir, write=partial(write_shards, options=PipelineOptions(...)))

    Args:
      shards: the work; their paths must mean the same on every worker.
      runner: a Beam runner; None for the one that `options` name.
      options: Beam's `PipelineOptions`.
    """
    import apache_beam as beam  # type: ignore[import-not-found,unused-ignore]

    with beam.Pipeline(runner=runner, options=options) as pipeline:
        # A shuffle after Create, or one worker would get all the shards in one bundle.
        _ = pipeline | beam.Create(shards) | beam.Reshuffle() | "write shards" >> beam.Map(_write)
