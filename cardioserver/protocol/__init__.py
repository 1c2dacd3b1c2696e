"""The wire: frames, messages, connection state. Bytes in, events out; no I/O."""
