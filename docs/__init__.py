"""How to use and run Sekisho; `docs.generate` writes the parts that come from the code."""
