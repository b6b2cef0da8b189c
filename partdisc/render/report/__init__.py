"""The HTML report: one folder that opens from disk, offline."""

from partdisc.render.report.builder import ReportSource, write_report

__all__ = ["ReportSource", "write_report"]
