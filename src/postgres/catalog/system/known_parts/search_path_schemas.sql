-- Grafana's way to ask for the schemas of search_path, one a row.
SELECT
    CASE WHEN trim(s[i]) = '"$user"' THEN user ELSE trim(s[i]) END
FROM
    generate_series(
        array_lower(string_to_array(current_setting('search_path'), ','), 1),
        array_upper(string_to_array(current_setting('search_path'), ','), 1)
    ) AS i,
    string_to_array(current_setting('search_path'), ',') s
