-- Codes that were traded, for the rest of their day: a phone that never heard the answer asks again and gets the same.
CREATE TABLE redeemed (
    code_hash  BLOB PRIMARY KEY,
    key_sha    BLOB NOT NULL,
    worker     BLOB NOT NULL,
    device     BLOB NOT NULL,
    expires_ms INTEGER NOT NULL
) WITHOUT ROWID;
