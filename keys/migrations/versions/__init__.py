"""One file for each step, in the order of their numbers. A step is never changed once released."""
