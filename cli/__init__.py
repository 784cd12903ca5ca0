"""The operator's hands: `sekisho NOUN VERB`; every command calls into the other rooms."""
