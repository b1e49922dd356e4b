-- The company's registers, projected from office.imported and office.user_*.
CREATE TABLE household (
    id            BLOB PRIMARY KEY,
    account       TEXT,
    address_key   TEXT NOT NULL,
    project       TEXT,
    community     TEXT NOT NULL,
    address       TEXT NOT NULL,
    resident      TEXT,
    premises_kind TEXT NOT NULL,
    heating_state TEXT NOT NULL,
    heat_source   TEXT,
    search        TEXT NOT NULL,
    changed_ms    INTEGER NOT NULL
);
CREATE INDEX household_account ON household (account);
CREATE INDEX household_address ON household (address_key);
CREATE INDEX household_community ON household (community, address);

-- The rows in full lie apart: they are long, and lists do not need them.
CREATE TABLE household_row (
    id             BLOB PRIMARY KEY,
    row            TEXT NOT NULL,
    row_sha        BLOB NOT NULL,
    supplement     TEXT,
    supplement_sha BLOB
);

CREATE TABLE worker (
    id           BLOB PRIMARY KEY,
    badge_number TEXT NOT NULL,
    name         TEXT NOT NULL,
    row          TEXT NOT NULL,
    row_sha      BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE instrument (
    id      BLOB PRIMARY KEY,
    code    TEXT NOT NULL,
    row     TEXT NOT NULL,
    row_sha BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE price_list (
    id             BLOB PRIMARY KEY,
    version        TEXT NOT NULL,
    effective_from TEXT NOT NULL,
    row            TEXT NOT NULL,
    row_sha        BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX price_list_sha ON price_list (row_sha);

CREATE TABLE office_user (
    id       BLOB PRIMARY KEY,
    login    TEXT NOT NULL UNIQUE,
    name     TEXT NOT NULL,
    role     TEXT NOT NULL,
    disabled INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;

-- What the office has to do because of a visit; written anew whenever the visit is folded.
CREATE TABLE task (
    visit     BLOB NOT NULL,
    kind      TEXT NOT NULL,
    op        BLOB NOT NULL,
    subject   TEXT NOT NULL,
    lane      INTEGER NOT NULL,
    zh        TEXT NOT NULL,
    en        TEXT NOT NULL,
    opened_ms INTEGER NOT NULL,
    done_ms   INTEGER,
    PRIMARY KEY (visit, kind, op, subject)
) WITHOUT ROWID;
CREATE INDEX task_open ON task (opened_ms) WHERE done_ms IS NULL;

-- A phone's wall clock minus the office's, when it last spoke.
ALTER TABLE device_seen ADD COLUMN clock_error_ms INTEGER NOT NULL DEFAULT 0;
