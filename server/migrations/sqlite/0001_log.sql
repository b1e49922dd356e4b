-- The log and what is known of its receipt. Everything here is fact: nothing of it can be made again.
CREATE TABLE meta (
    k TEXT PRIMARY KEY,
    v TEXT NOT NULL
) WITHOUT ROWID;
INSERT INTO meta (k, v) VALUES ('epoch', '1');

-- One row a log: the office's own and each device's.
CREATE TABLE writer (
    dev     INTEGER PRIMARY KEY,
    device  BLOB NOT NULL UNIQUE,
    office  INTEGER NOT NULL,
    acked   INTEGER NOT NULL DEFAULT 0,
    ack_sha BLOB NOT NULL,
    safe    INTEGER NOT NULL DEFAULT 0
);

-- Heads. `g` is the order of receipt, which is the order of everything; `last` ends what came together.
CREATE TABLE envelope (
    g        INTEGER PRIMARY KEY,
    dev      INTEGER NOT NULL REFERENCES writer (dev),
    seq      INTEGER NOT NULL,
    op       BLOB NOT NULL,
    kind     TEXT NOT NULL,
    visit    BLOB,
    worker   BLOB NOT NULL,
    basis    INTEGER NOT NULL,
    rules    BLOB NOT NULL,
    t_wall   INTEGER NOT NULL,
    t_mono   INTEGER NOT NULL,
    boot     BLOB NOT NULL,
    body_sha BLOB NOT NULL,
    blobs    TEXT,
    sha      BLOB NOT NULL,
    recv_ms  INTEGER NOT NULL,
    est_ms   INTEGER NOT NULL,
    lo_ms    INTEGER NOT NULL,
    hi_ms    INTEGER NOT NULL,
    quality  INTEGER NOT NULL,
    last     INTEGER NOT NULL
);
CREATE UNIQUE INDEX envelope_log ON envelope (dev, seq);
CREATE INDEX envelope_op ON envelope (op);
CREATE INDEX envelope_visit ON envelope (visit, g) WHERE visit IS NOT NULL;
-- The acts that the audit reads: office.* and pii.*.
CREATE INDEX envelope_audit ON envelope (kind, g) WHERE kind >= 'office.' AND kind < 'pii/';

-- Bodies lie apart, so that one can be erased while the chain still verifies.
CREATE TABLE body (
    g    INTEGER PRIMARY KEY REFERENCES envelope (g),
    body TEXT NOT NULL
);

-- Files by content, as far as they are here.
CREATE TABLE blob (
    sha     BLOB PRIMARY KEY,
    whole_ms INTEGER,
    len     INTEGER NOT NULL,
    shipped INTEGER NOT NULL DEFAULT 0,
    flag    TEXT
) WITHOUT ROWID;

-- Files a device still has to send.
CREATE TABLE blob_need (
    dev INTEGER NOT NULL,
    sha BLOB NOT NULL,
    len INTEGER NOT NULL,
    role TEXT NOT NULL,
    PRIMARY KEY (dev, sha)
) WITHOUT ROWID;
CREATE INDEX blob_need_sha ON blob_need (sha);

-- Files that are not yet in the backup, by the operation that waits for them to be safe.
CREATE TABLE blob_owed (
    dev INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    sha BLOB NOT NULL,
    PRIMARY KEY (dev, seq, sha)
) WITHOUT ROWID;
CREATE INDEX blob_owed_sha ON blob_owed (sha);

-- What a device last said of itself, and its clock's anchors.
CREATE TABLE device_seen (
    device    BLOB PRIMARY KEY,
    seen_ms   INTEGER NOT NULL,
    app       TEXT NOT NULL,
    tz        TEXT NOT NULL,
    owes_ops  INTEGER NOT NULL,
    owes_blobs INTEGER NOT NULL,
    owes_bytes INTEGER NOT NULL,
    anchors   TEXT NOT NULL
) WITHOUT ROWID;

-- Segments of the log that are in the backup and were read back.
CREATE TABLE segment (
    segment INTEGER PRIMARY KEY,
    through INTEGER NOT NULL,
    heads   BLOB NOT NULL,
    bodies  BLOB NOT NULL
);
