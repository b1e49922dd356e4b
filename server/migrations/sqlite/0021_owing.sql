-- Since when a device has held something that it could not send; none while it holds nothing.
ALTER TABLE device_seen ADD COLUMN owing_since_ms INTEGER;
-- When it showed a log that is not the one received: it was copied, or set back.
ALTER TABLE device_seen ADD COLUMN forked_ms INTEGER;
