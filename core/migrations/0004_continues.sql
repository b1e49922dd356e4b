-- The devices this phone was before it was enrolled anew, whose log goes on under the new one: their ids, one after another.
ALTER TABLE enrolment ADD COLUMN continues BLOB NOT NULL DEFAULT x'';
