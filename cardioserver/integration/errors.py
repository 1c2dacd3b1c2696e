"""Errors of deliveries."""

from __future__ import annotations


class DeliveryError(Exception):
    """An attempt to deliver failed. The text goes to people and logs: it holds no personal data."""


class Retryable(DeliveryError):
    """It may succeed later: the other side does not answer, is busy, or has no room.

    Parameters
    ----------
    retry_after
        Seconds that the other side asked to wait at least.
    """

    def __init__(self, text: str, retry_after: float = 0.0) -> None:
        super().__init__(text)
        self.retry_after = retry_after


class Permanent(DeliveryError):
    """It will never succeed without a person: the other side refuses the document, or it cannot be made."""
