"""Kill tests: processes die at any moment, the store answers badly, and every row counts once."""
