-- People are written to in the language that they have chosen: its code, such as hi; null where they have chosen none.

alter table requests add column language text;
alter table sessions add column language text;
alter table subscriptions add column language text;
