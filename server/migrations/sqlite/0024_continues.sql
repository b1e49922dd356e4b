-- The devices that the phone of this one says it was before, as JSON, and the first device of the folder: one worker's one
-- log, whatever the device was called when he wrote it. None: this one began its own.
ALTER TABLE device ADD COLUMN continues TEXT;
ALTER TABLE device ADD COLUMN root BLOB;
CREATE INDEX device_root ON device (root, g) WHERE root IS NOT NULL;
