"""What is done to days that are in the lake: compaction, corrected prices, retention."""
