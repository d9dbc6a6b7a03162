"""Terraform and OpenTofu states, plans and `show -json` output."""
