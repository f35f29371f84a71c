-- One row a variable of clients, as it is at the start.
select
    name,
    setting,
    cast(null as text) as unit,
    'Client Connection Defaults' as category,
    cast(null as text) as short_desc,
    cast(null as text) as extra_desc,
    'user' as context,
    'string' as vartype,
    'default' as source,
    cast(null as text) as min_val,
    cast(null as text) as max_val,
    cast(null as text[]) as enumvals,
    setting as boot_val,
    setting as reset_val,
    cast(null as text) as sourcefile,
    cast(null as int) as sourceline,
    false as pending_restart
from described.settings
