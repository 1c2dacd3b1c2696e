"""Tests, in the folders of the rooms they test. A package, so that none of the same name hides them."""
