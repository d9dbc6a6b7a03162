"""What is served and where: deployments, schedules, workers and containers."""
