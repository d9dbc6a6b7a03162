"""Excel workbooks, and the other spreadsheet formats that Calamine reads."""
