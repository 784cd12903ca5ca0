"""`sekisho keys`: `commands` is the group, each other file a part of what it does."""
