"""Part masks in the formats of other tools; each module writes one."""

from partdisc.store.exports.base import EXPORTS, export_masks

__all__ = ["EXPORTS", "export_masks"]
