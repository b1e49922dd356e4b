-- Positions at the end of a log whose records were lost with a damaged page: the last of them, without a hash, until the server
-- was asked; then the one that the server has there, with the hash that it gave.
CREATE TABLE lost_place (
    device BLOB NOT NULL,
    seq    INTEGER NOT NULL,
    sha    BLOB,
    PRIMARY KEY (device, seq)
) WITHOUT ROWID;
