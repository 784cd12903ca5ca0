"""Rows and bodies on the gateway's own disk, until they are shipped."""
