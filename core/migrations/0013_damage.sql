-- Where the database was made anew out of what could still be read of a damaged one: the damaged file beside it, NULL once
-- it is let go; how many records were lost that the server did not have; and the server's time when it was first heard after.
CREATE TABLE damage (
    n        INTEGER PRIMARY KEY,
    file     TEXT,
    records  INTEGER NOT NULL,
    since_ms INTEGER
);
