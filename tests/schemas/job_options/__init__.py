"""Tests of `schemas/job_options/`."""
