-- Of a visit that left while its worker was on the way: whose it is (an id; nothing else of the household stays), and the
-- temperature agreed there, in tenths of a degree. What he still records is about them.
ALTER TABLE departed_visit ADD COLUMN household BLOB;
ALTER TABLE departed_visit ADD COLUMN agreed INTEGER;
