-- What is not safe yet, so that a receipt asks for no row that has long been: one that can't be read any more would stop it.
CREATE INDEX outbox_unsafe ON outbox (device, seq) WHERE safe_ms IS NULL;
