"""A shop on the bench, on every database."""

from tests.services.conftest import bench, clock, sandbox

__all__ = ["bench", "clock", "sandbox"]
