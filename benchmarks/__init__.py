"""Benchmarks: programs that measure what Sekisho costs; they print tables and write into docs/."""
