"""Results on their way out: to a folder, a webhook, a mail server that the operator set up."""
