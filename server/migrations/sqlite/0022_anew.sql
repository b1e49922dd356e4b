-- Whether an outcome came of judging anew, so that the phone, which was told another, is told once more.
ALTER TABLE outcome ADD COLUMN anew INTEGER NOT NULL DEFAULT 0;
UPDATE outcome SET anew = 1 WHERE why = 'released';
-- What the office has to look at.
CREATE INDEX outcome_kept ON outcome (g) WHERE o IN ('held', 'quarantined');
