-- The phone's store. One file an enrolment (device, worker). The format of `outbox` is frozen: rows written by any
-- release stay readable by every later one.

-- Who this phone is, and how far its log has come. One row.
CREATE TABLE enrolment (
    one         INTEGER PRIMARY KEY CHECK (one = 1),
    device      BLOB NOT NULL,
    worker      BLOB NOT NULL,
    supplier    TEXT NOT NULL,
    url         TEXT NOT NULL,
    pin         BLOB,
    certificate TEXT NOT NULL,
    epoch       INTEGER NOT NULL,
    acked       INTEGER NOT NULL DEFAULT 0,
    safe        INTEGER NOT NULL DEFAULT 0,
    -- The last row that was pruned: the chain goes on from its hash.
    floor       INTEGER NOT NULL DEFAULT 0,
    floor_sha   BLOB NOT NULL,
    -- 1: the server holds other bytes under one of our positions; a new enrolment is needed.
    forked      INTEGER NOT NULL DEFAULT 0,
    synced_ms   INTEGER
);

-- The log. `n` is the local order over all devices this folder has been; (device, seq) is the order of one chain.
CREATE TABLE outbox (
    n       INTEGER PRIMARY KEY,
    device  BLOB NOT NULL,
    seq     INTEGER NOT NULL,
    op      BLOB NOT NULL UNIQUE,
    kind    TEXT NOT NULL,
    visit   BLOB,
    worker  BLOB NOT NULL,
    basis   INTEGER NOT NULL,
    rules   BLOB NOT NULL,
    wall_ms INTEGER NOT NULL,
    mono_ms INTEGER NOT NULL,
    boot    BLOB NOT NULL,
    body    TEXT NOT NULL,
    blobs   TEXT NOT NULL,
    prev    BLOB NOT NULL,
    sha     BLOB NOT NULL,
    -- The server's time when it called the row safe; NULL before.
    safe_ms INTEGER,
    UNIQUE (device, seq)
);
CREATE INDEX outbox_visit ON outbox (visit, n) WHERE visit IS NOT NULL;
CREATE INDEX outbox_safe ON outbox (safe_ms) WHERE safe_ms IS NOT NULL;

-- What the server said of an operation, other than applied.
CREATE TABLE outcome (
    op   BLOB PRIMARY KEY,
    o    TEXT NOT NULL,
    why  TEXT
) WITHOUT ROWID;

-- Files: the name on disk is random, the content is encrypted under `key`; deleting the row erases the file.
CREATE TABLE blob (
    sha      BLOB PRIMARY KEY,
    file     TEXT NOT NULL UNIQUE,
    key      BLOB NOT NULL,
    nonce    BLOB NOT NULL,
    len      INTEGER NOT NULL,
    role     TEXT NOT NULL,
    visit    BLOB,
    facts    TEXT NOT NULL,
    -- 1: an operation of the log names it; it may not be deleted before that operation is safe.
    logged   INTEGER NOT NULL DEFAULT 0,
    -- 1: the server has said that it holds all its bytes.
    whole    INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX blob_owed ON blob (len) WHERE logged = 1 AND whole = 0;
CREATE INDEX blob_visit ON blob (visit);

-- The office's state, as the feed brought it.
CREATE TABLE scope (
    id        TEXT PRIMARY KEY,
    pos       INTEGER NOT NULL,
    hash      BLOB NOT NULL,
    -- 1: a reset of several pages has begun and not ended.
    resetting INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE TABLE mirror (
    scope TEXT NOT NULL,
    e     TEXT NOT NULL,
    id    TEXT NOT NULL,
    ver   INTEGER NOT NULL,
    body  TEXT NOT NULL,
    PRIMARY KEY (scope, e, id)
);
CREATE INDEX mirror_entity ON mirror (e, id);

-- Visits that left this phone's scope while it still held evidence of its own about them.
CREATE TABLE departed_visit (
    visit BLOB PRIMARY KEY,
    why   TEXT NOT NULL,
    -- Its kind, as its plan named it; nothing of the household stays.
    kind  TEXT NOT NULL,
    -- The plan version the phone had, and the lane that was its worker's.
    basis INTEGER NOT NULL,
    lane  INTEGER NOT NULL
) WITHOUT ROWID;

-- What was typed and not yet made an event.
CREATE TABLE draft (
    visit      BLOB NOT NULL,
    form       TEXT NOT NULL,
    body       TEXT NOT NULL,
    updated_ms INTEGER NOT NULL,
    PRIMARY KEY (visit, form)
);

-- The server's time, tied to a run of the phone's monotonic clock.
CREATE TABLE anchor (
    boot      BLOB PRIMARY KEY,
    mono_ms   INTEGER NOT NULL,
    server_ms INTEGER NOT NULL,
    rtt_ms    INTEGER NOT NULL
) WITHOUT ROWID;
