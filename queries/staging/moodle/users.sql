-- Users of Moodle, from mdl_user.
--
-- One row: one account that is not deleted, also one that is suspended or not confirmed.
-- external_id: the ID number, by which the user's institution knows them. mobile: the field "Mobile phone" (phone2).
-- organization_name: the field "Institution". District, school and block do not exist there, and nobody belongs to a tenant:
-- all are blank.
select
    cast(id as varchar) as user_id,
    idnumber as external_id,
    firstname as first_name,
    lastname as last_name,
    email,
    phone2 as mobile,
    institution as organization_name,
    cast(null as varchar) as district_name,
    cast(null as varchar) as school_name,
    cast(null as varchar) as block_name,
    cast(null as varchar) as tenant_id
from mdl_user
where not coalesce(cast(deleted as boolean), false)
