"""The sections of a report: each answers one question, from metrics that some of the runs have."""
