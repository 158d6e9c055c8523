"""Run by Alembic. The connection, with its transaction, comes from `upgrade`."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
