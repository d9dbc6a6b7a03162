"""Reading records: queries, pages, history, differences and free blocks."""
