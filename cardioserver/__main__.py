"""``python -m cardioserver`` is the ``cardioserver`` command."""

from cardioserver.cli.main import main

main()
