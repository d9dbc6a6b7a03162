"""The options of jobs: how they are declared, their choices, filters, and how files are read."""
