"""The client said in words: `unitscale --help`."""
