-- Up to where in the office's order of receipt this phone has heard what was judged anew.
ALTER TABLE enrolment ADD COLUMN judged INTEGER NOT NULL DEFAULT 0;
