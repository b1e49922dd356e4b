-- Visits that the feed took away from this phone or told no more: what a screen that still shows one types is not kept.
CREATE TABLE taken_visit (
    visit    BLOB PRIMARY KEY,
    -- The server's time when all was told without it; NULL until then.
    taken_ms INTEGER
) WITHOUT ROWID;
