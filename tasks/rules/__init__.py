"""Custom rules: loading them from the user's files and packages, and evaluating them."""
