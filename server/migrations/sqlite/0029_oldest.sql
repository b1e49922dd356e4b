-- How old the first of the operations was that a device held when it last spoke, by its own clocks; none where it did not say.
ALTER TABLE device_seen ADD COLUMN owes_oldest_ms INTEGER;
