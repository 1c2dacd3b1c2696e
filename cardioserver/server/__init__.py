"""The asyncio shell around the protocol and the archive.

The event loop moves bytes; everything that computes or waits (passwords, database, files) runs in
bounded thread pools.
"""
