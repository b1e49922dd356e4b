-- 1: the server said that the company has revoked this phone, and has not let it in since.
ALTER TABLE enrolment ADD COLUMN revoked INTEGER NOT NULL DEFAULT 0;
