"""The product: command line, HTTP, pages, settings, wiring."""
