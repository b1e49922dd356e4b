-- What a worker had and has no more, newest first: a phone that has not come since may still go by it.
CREATE INDEX assignment_ended ON assignment (worker, to_g) WHERE to_g IS NOT NULL;
