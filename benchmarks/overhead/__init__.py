"""What Sekisho adds to a request, beside a stock LiteLLM and beside no gateway at all.

`python -m benchmarks.overhead` from the repository root; docs/performance.md explains the figures.
"""
