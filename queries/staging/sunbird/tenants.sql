-- What tenants of Sunbird are called, from organisations.sql.
--
-- One row: one tenant. tenant_name is the name of its organisation.
select id as tenant_id, name as tenant_name
from organisations
where is_tenant
