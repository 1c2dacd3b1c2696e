"""Published criteria, one module for each section of a reading.

A rule is a function of the :class:`~cardioserver.interpretation.case.Case` and the statements found
before it; it yields statements and knows no other rule. Beside it stand its terms, in ``TERMS``.
"""
