"""Cell values: text as its writer meant it, timestamps, and fields that a row leaves as stored."""
