-- What today's board, the alarms and the gate on dispatch ask for: few among all the visits there ever were.
CREATE INDEX visit_due ON visit (from_ms) WHERE open = 1;
CREATE INDEX visit_held ON visit (assignee, from_ms) WHERE open = 1;
CREATE INDEX visit_late ON visit (id) WHERE late > 0;
CREATE INDEX visit_timeless ON visit (from_ms, last_ms) WHERE open = 0 AND from_ms IS NULL;
CREATE INDEX task_call_back ON task (visit) WHERE kind = 'call_back' AND done_ms IS NULL;
