"""What each client must be told to talk to this gateway, and the merging of it into its files."""
