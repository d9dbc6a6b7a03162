"""The front ends: the command line, the REST API and the web page."""
