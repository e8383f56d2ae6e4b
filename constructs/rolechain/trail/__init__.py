"""Who walked a chain: sessions read from CloudTrail's events, linked into walks, held against what is declared."""

from rolechain.trail.files import NoLogFilesError, TrailError, TrailFiles, Unread, log_files, write_records
from rolechain.trail.query import sessions_query
from rolechain.trail.walks import Session, Trace, Walk, accounts_of, shown, trace

__all__ = [
    "NoLogFilesError",
    "Session",
    "Trace",
    "TrailError",
    "TrailFiles",
    "Unread",
    "Walk",
    "accounts_of",
    "log_files",
    "sessions_query",
    "shown",
    "trace",
    "write_records",
]
