"""Files of other systems: readers, found by :mod:`cardioserver.ecg.formats.reader`, and writers."""
