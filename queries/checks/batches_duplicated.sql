-- should: a batch stands in batches once; the row with most filled fields counts
select concat('batch ', batch_id) as example
from batches
where batch_id is not null
group by batch_id
having count(*) > 1
