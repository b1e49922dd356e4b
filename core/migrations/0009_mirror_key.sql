-- One key answers both questions: what an entity is, and which version of it a scope holds. A second one took a fifth of what
-- a phone does on its first morning.
DROP INDEX mirror_entity;
ALTER TABLE mirror RENAME TO mirror_before;
CREATE TABLE mirror (
    scope TEXT NOT NULL,
    e     TEXT NOT NULL,
    id    TEXT NOT NULL,
    ver   INTEGER NOT NULL,
    body  TEXT NOT NULL,
    PRIMARY KEY (e, id, scope)
);
INSERT INTO mirror SELECT scope, e, id, ver, body FROM mirror_before ORDER BY rowid;
DROP TABLE mirror_before;
