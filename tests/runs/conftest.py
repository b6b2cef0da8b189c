from __future__ import annotations

from tests.discovery.conftest import painted

__all__ = ["painted"]
