-- 1: the last answer said that this phone may only hand in what it holds.
ALTER TABLE enrolment ADD COLUMN dismissed INTEGER NOT NULL DEFAULT 0;
