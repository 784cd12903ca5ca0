"""What models exist: one YAML file for each cloud, read into deployments that LiteLLM can serve."""
