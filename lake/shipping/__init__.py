"""From the spool into the lake: batches with fixed keys, Parquet, and the process that ships."""
