"""Documents from addresses on the web that an administrator has listed."""
