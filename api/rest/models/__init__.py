"""The contract: what the API takes and gives, in camelCase; names here are promises to programs."""
