"""How the answer gauge was trained; nothing here runs in the product."""
