"""What a log costs: Sekisho's lake beside LiteLLM's own `s3_v2`, on one S3 server, in one run.

`python -m benchmarks.lake` from the repository root; docs/performance.md explains the figures.
"""
