"""One module for each client: from a `Target` to a `Plan`."""
