"""Alembic's migrations of the database; inside the package so that an installed server can migrate."""
