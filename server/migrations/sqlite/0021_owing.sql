-- Since when a device has held something that it could not send; none while it holds nothing.
ALTER TABLE device_seen ADD COLUMN owing_since_ms INTEGER;
