"""What a request can cost at most: `cost` has the rules and begins here."""
