"""LiteLLM's hooks: LiteLLM's events come in, calls into the other rooms leave."""
