-- When the office looked at what is kept apart and found nothing to do; none as long as it is to be looked at.
ALTER TABLE outcome ADD COLUMN filed_ms INTEGER;
