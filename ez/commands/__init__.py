"""One module per command of `ez`."""
