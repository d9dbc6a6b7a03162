"""What people read: messages, remedies, spellings and their words."""
