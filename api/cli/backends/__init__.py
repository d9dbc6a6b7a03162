"""Where commands do their work: on the database of this machine's settings, or on a server through its REST API."""
