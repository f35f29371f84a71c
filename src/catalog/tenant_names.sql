-- What tenants are called.
--
-- One row: one tenant that the table `tenants` has a name of. Of several names, the first by its letters.
select tenant_id as id, min(tenant_name) as name
from tenants
where tenant_id is not null and tenant_name is not null
group by tenant_id
