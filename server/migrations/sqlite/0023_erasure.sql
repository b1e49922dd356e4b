-- Who was erased: projections of office.household_erased. They are made again before everything else, since what came
-- before an erasure can only be read without what it destroyed.
CREATE TABLE erased_household (
    household BLOB PRIMARY KEY,
    g         INTEGER NOT NULL,
    at_ms     INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE erased_visit (
    visit     BLOB PRIMARY KEY,
    household BLOB NOT NULL,
    g         INTEGER NOT NULL
) WITHOUT ROWID;

-- Files of imported rows, and what is read in their place.
CREATE TABLE blob_replaced (
    was BLOB PRIMARY KEY,
    by  BLOB NOT NULL
) WITHOUT ROWID;

-- What stays of a signed record: the file that `verify` calls erased.
CREATE TABLE erased_record (
    sha   BLOB PRIMARY KEY,
    visit BLOB NOT NULL,
    g     INTEGER NOT NULL,
    file  TEXT NOT NULL
);
