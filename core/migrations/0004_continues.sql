-- The device this phone was before it was enrolled anew, whose log goes on under the new one.
ALTER TABLE enrolment ADD COLUMN continues BLOB;
