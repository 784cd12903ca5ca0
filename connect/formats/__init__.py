"""Settings files that people edit too: a value is set or taken out, every other byte stays."""
