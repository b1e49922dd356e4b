-- The certificates of the devices this phone was before, in their order, a JSON list: what was signed under one is proved by it
-- where the server has lost that enrolment.
ALTER TABLE enrolment ADD COLUMN certificates TEXT NOT NULL DEFAULT '[]';
