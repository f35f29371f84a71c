-- Batches without duplicates.
--
-- One row: one batch of the `batches` table. Rows without a batch_id are left out.
-- Among rows of the same batch_id, the one with most filled fields wins, then the greatest by the columns in contract order.
-- View.
with
    counted as (
        select
            *,
            case when course_id is null then 0 else 1 end
            + case when batch_name is null then 0 else 1 end
            + case when tenant_id is null then 0 else 1 end
            + case when created_by is null then 0 else 1 end
            + case when mentors is null then 0 else 1 end
            + case when start_date is null then 0 else 1 end
            + case when end_date is null then 0 else 1 end as filled_fields
        from batches
        where batch_id is not null
    ),
    ranked as (
        select
            *,
            row_number() over (
                partition by batch_id
                order by
                    filled_fields desc,
                    course_id desc nulls last,
                    batch_name desc nulls last,
                    tenant_id desc nulls last,
                    created_by desc nulls last,
                    start_date desc nulls last,
                    end_date desc nulls last,
                    array_to_string(mentors, ',') desc nulls last
            ) as place
        from counted
    )
select batch_id, course_id, batch_name, tenant_id, created_by, mentors, start_date, end_date
from ranked
where place = 1
