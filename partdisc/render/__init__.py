"""Figures, overlays and the HTML report, from anybody's masks."""
