"""What the product can do beside its peers and its limits, measured in one run on one machine: `make bench`."""
