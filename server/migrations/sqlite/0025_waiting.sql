-- Files that wait for something, few among many: to be shipped, to be taken from the backup, to come.
CREATE INDEX blob_to_ship ON blob (shipped) WHERE shipped = 0 AND whole_ms IS NOT NULL AND flag IS NOT 'erased';
CREATE INDEX blob_erased ON blob (shipped) WHERE flag = 'erased';
CREATE INDEX blob_missing ON blob (whole_ms) WHERE whole_ms IS NULL;
