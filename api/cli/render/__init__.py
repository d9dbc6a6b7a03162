"""What commands print for people, a module for each subject."""
