-- Enrolments that no report can show, because they do not say whose or where.
--
-- One row: one batch (NULL where unknown) and reason, with the number of rows rejected.
select
    case when user_id is null then 'blank user_id' else 'blank batch_id' end as reason,
    batch_id,
    count(*) as rejected_rows
from enrolments
where user_id is null or batch_id is null
group by 1, 2
order by reason, batch_id
