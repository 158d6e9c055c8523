"""How the answer finder was trained; nothing here runs in the product."""
