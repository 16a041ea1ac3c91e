"""Files that survive: whole or absent, with a digest, under a lease; nothing here knows an LSTM."""
