-- Power BI, preview of a table (the shape that PowerBIFetchQuery.cs of ravendb/ravendb matches)
select *
from "public"."users" "$Table"
limit 200
