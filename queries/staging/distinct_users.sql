-- Users without duplicates.
--
-- One row: one user of the export. Rows without a user_id are left out.
-- Among rows of the same user_id, the one with most filled fields wins, then the greatest by the columns in contract order.
-- Only rows whose key may be repeated are ranked here: see src/engine/repeated_rows.
-- View.
with
    counted as (
        select
            *,
            case when external_id is null then 0 else 1 end
            + case when first_name is null then 0 else 1 end
            + case when last_name is null then 0 else 1 end
            + case when email is null then 0 else 1 end
            + case when mobile is null then 0 else 1 end
            + case when organization_name is null then 0 else 1 end
            + case when district_name is null then 0 else 1 end
            + case when school_name is null then 0 else 1 end
            + case when block_name is null then 0 else 1 end
            + case when tenant_id is null then 0 else 1 end as filled_fields
        from users
        where user_id is not null
    ),
    ranked as (
        select
            *,
            row_number() over (
                partition by user_id
                order by
                    filled_fields desc,
                    external_id desc nulls last,
                    first_name desc nulls last,
                    last_name desc nulls last,
                    email desc nulls last,
                    mobile desc nulls last,
                    organization_name desc nulls last,
                    district_name desc nulls last,
                    school_name desc nulls last,
                    block_name desc nulls last,
                    tenant_id desc nulls last
            ) as place
        from counted
    )
select
    user_id, external_id, first_name, last_name, email, mobile,
    organization_name, district_name, school_name, block_name, tenant_id
from ranked
where place = 1
