-- Which rows a user sees is set in the configuration, not by policies in SQL.
select
    cast(null as text) as schemaname,
    cast(null as text) as tablename,
    cast(null as text) as policyname,
    cast(null as text) as permissive,
    cast(null as text[]) as roles,
    cast(null as text) as cmd,
    cast(null as text) as qual,
    cast(null as text) as with_check
where false
