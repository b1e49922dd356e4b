-- The first device of the folder whose log this one goes on with, and how often that was enrolled anew before; none: it began
-- its own. One worker's one log, whatever the device was called when he wrote it.
ALTER TABLE device ADD COLUMN root BLOB;
ALTER TABLE device ADD COLUMN generation INTEGER NOT NULL DEFAULT 0;
