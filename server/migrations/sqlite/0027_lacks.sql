-- The kinds of events that a device could not record when it last spoke and this server understood then, as JSON.
ALTER TABLE device_seen ADD COLUMN lacks TEXT NOT NULL DEFAULT '[]';
