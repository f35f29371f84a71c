-- Npgsql, a connection goes back to the pool (src/Npgsql/Internal/NpgsqlConnector.cs)
DISCARD ALL
