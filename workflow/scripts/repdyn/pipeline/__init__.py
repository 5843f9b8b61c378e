"""What the workflow needs around the science: configuration, code as inputs, jobs, the cache. No torch is imported."""
