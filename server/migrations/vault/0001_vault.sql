-- Secrets. Never in the log, never in a projection; backed up sealed, on its own.
CREATE TABLE secret (
    name  TEXT PRIMARY KEY,
    value BLOB NOT NULL
) WITHOUT ROWID;

-- Argon2id hashes of office users.
CREATE TABLE password (
    user BLOB PRIMARY KEY,
    hash TEXT NOT NULL
) WITHOUT ROWID;

-- One-time codes of enrolments, hashed; times are real ones, not the played day's.
CREATE TABLE enrolment (
    code_hash  BLOB PRIMARY KEY,
    worker     BLOB NOT NULL,
    expires_ms INTEGER NOT NULL
) WITHOUT ROWID;

-- The key that seals the bodies about one household (or one visit, or the company) outside the store.
CREATE TABLE data_key (
    owner BLOB PRIMARY KEY,
    key   BLOB NOT NULL
) WITHOUT ROWID;
