"""What a key costs among 100,000: at the gate, and on the command line.

`python -m benchmarks.keys` from the repository root; docs/performance.md explains the figures.
"""
