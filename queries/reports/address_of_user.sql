-- The mail address that the `users` export has of one user.
--
-- One row: the user, where the export knows them. Parameters: $user_id.
select email
from distinct_users
where user_id = $user_id
