-- A file lies in one of two places. What comes with its record, and what is small, is `bytes` of its row, so that one
-- commit keeps both; anything else, and what was kept before this step, is a file beside the database, under a random name, encrypted under `key`. Deleting
-- the row erases either.
CREATE TABLE placed (
    sha      BLOB PRIMARY KEY,
    len      INTEGER NOT NULL,
    role     TEXT NOT NULL,
    visit    BLOB,
    facts    TEXT NOT NULL,
    -- 1: an operation of the log names it; it may not be deleted before that operation is safe.
    logged   INTEGER NOT NULL DEFAULT 0,
    -- 1: the server has said that it holds all its bytes.
    whole    INTEGER NOT NULL DEFAULT 0,
    file     TEXT,
    key      BLOB,
    nonce    BLOB,
    -- Last, so that whoever reads the others never reads it.
    bytes    BLOB,
    CHECK ((bytes IS NULL) + (file IS NULL) = 1 AND (file IS NULL) = (key IS NULL) AND (key IS NULL) = (nonce IS NULL))
);
INSERT INTO placed (rowid, sha, len, role, visit, facts, logged, whole, file, key, nonce)
    SELECT rowid, sha, len, role, visit, facts, logged, whole, file, key, nonce FROM blob;
DROP TABLE blob;
ALTER TABLE placed RENAME TO blob;
CREATE UNIQUE INDEX blob_file ON blob (file) WHERE file IS NOT NULL;
CREATE INDEX blob_owed ON blob (len) WHERE logged = 1 AND whole = 0;
CREATE INDEX blob_visit ON blob (visit);
