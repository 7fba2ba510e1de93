"""The programs the product is measured beside; each runs as processes of its own."""
