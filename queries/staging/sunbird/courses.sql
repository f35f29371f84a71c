-- What courses of Sunbird are called, from content_hierarchy.
--
-- One row: one course. course_name is the name of the outermost object of hierarchy, a JSON text; rows of drafts (identifier
-- ends in .img) do not count. Sunbird Spark exports no content_hierarchy: its courses have no names here.
with
    named as (
        select identifier as course_id, nullif(trim(json_get_str(hierarchy, 'name')), '') as course_name
        from content_hierarchy
        where identifier not like '%.img'
    )
select course_id, min(course_name) as course_name
from named
group by course_id
