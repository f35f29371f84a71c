-- Students and teachers of Moodle's courses, from mdl_context, mdl_role and mdl_role_assignments. A step of other queries.
--
-- One row: one user with one kind of role in one course. Roles in a category or on the whole site hold in its courses too.
-- archetype: 'student', 'teacher' or 'editingteacher', the kind of role that a site's own role was made from.
with
    course_contexts as (
        -- The path of a context lists itself and all that it lies in: /1/20/1011.
        select instanceid as course_id, unnest(string_to_array(path, '/')) as context_id
        from mdl_context
        where contextlevel = 50
    )
select distinct course_contexts.course_id, assignment.userid as user_id, role.archetype
from mdl_role_assignments as assignment
join mdl_role as role on role.id = assignment.roleid
join course_contexts on course_contexts.context_id = cast(assignment.contextid as varchar)
where role.archetype in ('student', 'teacher', 'editingteacher')
