"""What jobs and calls took, as metrics for Prometheus and OpenTelemetry, under Lithops' names."""
