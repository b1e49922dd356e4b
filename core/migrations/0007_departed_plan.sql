-- The plan by which he is judged who was on the way when his visit left, without the office's words: versions as the domain
-- writes them. It takes the place of what was kept of it, of which it is made for visits that have left already.
ALTER TABLE departed_visit ADD COLUMN plan TEXT NOT NULL DEFAULT '{"versions":[]}';
UPDATE departed_visit
SET plan = '{"versions":[{"version":' || lane || ',"plan":{"kind":"' || kind || '","household":"'
    || coalesce(nullif(lower(hex(household)), ''), '00000000000000000000000000000000') || '","scope":"","assignee":"'
    || (SELECT lower(hex(worker)) FROM enrolment) || '"' || coalesce(',"agreed":' || agreed, '')
    || ',"emergency":false},"lane":' || lane || ',"timed":0,"cancelled":null,"op":null}]}'
WHERE kind <> '' AND EXISTS (SELECT 1 FROM enrolment);
ALTER TABLE departed_visit DROP COLUMN kind;
ALTER TABLE departed_visit DROP COLUMN household;
ALTER TABLE departed_visit DROP COLUMN agreed;
