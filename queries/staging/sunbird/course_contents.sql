-- The contents of Sunbird's courses, from content_hierarchy or hierarchy_relations.
--
-- One row: one course. contents: the number of contents that count for its progress. optional_ids: contents that do not count,
-- where they are known.
-- Up to 8.1 the number is leafNodesCount of the outermost object of content_hierarchy.hierarchy, a JSON text; rows of drafts
-- (identifier ends in .img) do not count. Sunbird Spark has lists of ids instead, under the keys COURSE:COURSE:leafnodes and
-- COURSE:COURSE:optionalnodes.
with
    hierarchies as (
        select identifier as course_id, max(json_get_int(hierarchy, 'leafNodesCount')) as contents
        from content_hierarchy
        where identifier not like '%.img'
        group by identifier
    ),
    lists as (
        select
            split_part(relationship_key, ':', 1) as course_id,
            lower(split_part(relationship_key, ':', 3)) as kind,
            text_list(node_ids) as ids
        from hierarchy_relations
        where split_part(relationship_key, ':', 1) = split_part(relationship_key, ':', 2)
    ),
    ranked_lists as (
        select
            course_id,
            kind,
            ids,
            row_number() over (partition by course_id, kind order by array_to_string(ids, ',') desc) as place
        from lists
    ),
    listed as (
        select
            leaf.course_id,
            optional.ids as optional_ids,
            cast(
                case
                    when optional.ids is null then array_length(array_distinct(leaf.ids))
                    else array_length(array_except(leaf.ids, optional.ids))
                end as bigint
            ) as contents
        from ranked_lists as leaf
        left join ranked_lists as optional
            on optional.course_id = leaf.course_id and optional.kind = 'optionalnodes' and optional.place = 1
        where leaf.kind = 'leafnodes' and leaf.place = 1
    )
select
    coalesce(listed.course_id, hierarchies.course_id) as course_id,
    coalesce(listed.contents, hierarchies.contents) as contents,
    listed.optional_ids
from listed
full join hierarchies on hierarchies.course_id = listed.course_id
