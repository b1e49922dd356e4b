-- Projections: made by folding the log, made again by `nuanfang rebuild`, byte for byte the same.
CREATE TABLE outcome (
    g    INTEGER PRIMARY KEY,
    dev  INTEGER NOT NULL,
    seq  INTEGER NOT NULL,
    o    TEXT NOT NULL,
    why  TEXT,
    visit BLOB
);
CREATE INDEX outcome_dev ON outcome (dev, seq);
CREATE INDEX outcome_held ON outcome (visit) WHERE o = 'held';

CREATE TABLE device (
    id          BLOB PRIMARY KEY,
    worker      BLOB NOT NULL,
    public_key  TEXT NOT NULL,
    name        TEXT NOT NULL,
    status      TEXT NOT NULL,
    enrolled_ms INTEGER NOT NULL,
    revoked_ms  INTEGER,
    g           INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX device_worker ON device (worker);

CREATE TABLE setting (
    k TEXT PRIMARY KEY,
    v TEXT NOT NULL,
    g INTEGER NOT NULL
) WITHOUT ROWID;

-- The board's row. `overview` is the core's word on the visit, as JSON; `late`: a late lane waits for a decision.
CREATE TABLE visit (
    id          BLOB PRIMARY KEY,
    household   BLOB NOT NULL,
    kind        TEXT NOT NULL,
    plan        INTEGER NOT NULL,
    lane        INTEGER NOT NULL,
    from_ms     INTEGER,
    until_ms    INTEGER,
    assignee    BLOB,
    state       TEXT NOT NULL,
    open        INTEGER NOT NULL,
    late        INTEGER NOT NULL,
    tasks       INTEGER NOT NULL,
    violations  INTEGER NOT NULL,
    emergency   INTEGER NOT NULL,
    scope       TEXT NOT NULL,
    follows     BLOB,
    created_g   INTEGER NOT NULL,
    last_g      INTEGER NOT NULL,
    last_ms     INTEGER NOT NULL,
    overview    TEXT NOT NULL
);
CREATE INDEX visit_household ON visit (household);
CREATE INDEX visit_assignee ON visit (assignee, from_ms);
CREATE INDEX visit_from ON visit (from_ms);

CREATE TABLE assignment (
    visit   BLOB NOT NULL,
    plan    INTEGER NOT NULL,
    worker  BLOB NOT NULL,
    from_g  INTEGER NOT NULL,
    to_g    INTEGER,
    by      BLOB NOT NULL,
    reason  TEXT,
    PRIMARY KEY (visit, plan)
) WITHOUT ROWID;
CREATE INDEX assignment_worker ON assignment (worker, visit);

-- Signed records: the server's receipt, or what is wrong with the record.
CREATE TABLE record (
    g         INTEGER PRIMARY KEY,
    sha       BLOB NOT NULL,
    visit     BLOB,
    kind      TEXT NOT NULL,
    receipt   TEXT,
    fault     TEXT
);
CREATE INDEX record_sha ON record (sha);
CREATE INDEX record_visit ON record (visit, g);

CREATE TABLE blob_ref (
    sha  BLOB NOT NULL,
    g    INTEGER NOT NULL,
    role TEXT NOT NULL,
    PRIMARY KEY (sha, g, role)
) WITHOUT ROWID;

-- The feed: dense positions a scope, in the order of commit.
CREATE TABLE scope (
    id   INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    head INTEGER NOT NULL,
    hash BLOB NOT NULL
);
CREATE TABLE feed (
    scope INTEGER NOT NULL,
    pos   INTEGER NOT NULL,
    e     TEXT NOT NULL,
    id    TEXT NOT NULL,
    hash  BLOB NOT NULL,
    why   TEXT,
    PRIMARY KEY (scope, pos)
) WITHOUT ROWID;
CREATE TABLE scope_entity (
    scope INTEGER NOT NULL,
    e     TEXT NOT NULL,
    id    TEXT NOT NULL,
    ver   INTEGER NOT NULL,
    body  TEXT NOT NULL,
    PRIMARY KEY (scope, e, id)
);

-- Who read or did what: the office's own acts and every unmasking, chained as the log is.
CREATE VIEW audit AS
SELECT e.g, e.recv_ms, e.worker AS actor, w.device, e.kind, e.visit, e.sha, b.body
FROM envelope e JOIN writer w ON w.dev = e.dev LEFT JOIN body b ON b.g = e.g
WHERE e.kind >= 'office.' AND e.kind < 'pii/';
