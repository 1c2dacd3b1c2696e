"""The archive: the cardiobank (files), the database, ingest, search, accounts, access, deliveries."""
