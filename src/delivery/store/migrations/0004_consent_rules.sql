-- A file of a report is given out only while the rules of consent are those that it was made under.

-- A digest of these rules; null where consent was not required.
alter table requests add column file_consent_rules text;
