// What DBeaver, Metabase and every other JDBC tool asks through PostgreSQL's JDBC driver: schemas, tables, columns,
// keys, indexes and types, and a prepared statement that is fetched in parts.
// usage: java -cp /usr/share/java/postgresql.jar tests/clients/Metadata.java
// The connection comes from PGHOST, PGPORT, PGUSER, PGPASSWORD and PGDATABASE.

import java.sql.Connection;
import java.sql.Date;
import java.sql.DatabaseMetaData;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Types;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Properties;
import java.util.TreeMap;

public class Metadata {
    private static int failures = 0;

    public static void main(String[] arguments) throws Exception {
        Map<String, String> env = System.getenv();
        String url = "jdbc:postgresql://" + env.get("PGHOST") + ":" + env.get("PGPORT") + "/" + env.get("PGDATABASE");
        Properties properties = new Properties();
        properties.setProperty("user", env.get("PGUSER"));
        properties.setProperty("password", env.get("PGPASSWORD"));
        properties.setProperty("ApplicationName", "metadata test");
        try (Connection connection = DriverManager.getConnection(url, properties)) {
            check("schemas", () -> schemas(connection.getMetaData()));
            check("tables and views", () -> tables(connection.getMetaData()));
            check("columns", () -> columns(connection.getMetaData()));
            check("keys and indexes", () -> keys(connection.getMetaData()));
            check("types", () -> types(connection.getMetaData()));
            check("functions and privileges", () -> others(connection.getMetaData()));
            check("columns of a result", () -> resultColumns(connection));
            check("parameters", () -> parameters(connection));
            check("the same statement many times", () -> manyTimes(connection));
            check("fetched in parts", () -> parts(connection));
            check("read only", () -> readOnly(connection));
            check("query timeout", () -> queryTimeout(connection));
        }
        System.exit(failures == 0 ? 0 : 1);
    }

    private interface Check {
        void run() throws Exception;
    }

    private static void check(String name, Check check) {
        try {
            check.run();
            System.out.println("ok " + name);
        } catch (Exception error) {
            failures++;
            String state = error instanceof SQLException ? ((SQLException) error).getSQLState() + " " : "";
            System.out.println("FAILED " + name + ": " + state + error.getMessage());
        }
    }

    private static void equal(Object actual, Object expected, String what) {
        if (!Objects.equals(actual, expected)) {
            throw new IllegalStateException(what + ": expected " + expected + ", got " + actual);
        }
    }

    private static List<String> strings(ResultSet rows, String column) throws SQLException {
        List<String> values = new ArrayList<>();
        try (rows) {
            while (rows.next()) {
                values.add(rows.getString(column));
            }
        }
        return values;
    }

    private static void schemas(DatabaseMetaData metadata) throws SQLException {
        if (!strings(metadata.getSchemas(), "TABLE_SCHEM").contains("public")) {
            throw new IllegalStateException("no schema public");
        }
        equal(strings(metadata.getCatalogs(), "TABLE_CAT").contains(System.getenv("PGDATABASE")), true, "catalogs");
    }

    private static void tables(DatabaseMetaData metadata) throws SQLException {
        Map<String, String> kinds = new TreeMap<>();
        String[] wanted = {"TABLE", "PARTITIONED TABLE", "VIEW", "FOREIGN TABLE", "MATERIALIZED VIEW"};
        try (ResultSet rows = metadata.getTables(null, "public", "%", wanted)) {
            while (rows.next()) {
                kinds.put(rows.getString("TABLE_NAME"), rows.getString("TABLE_TYPE"));
            }
        }
        for (String table : List.of("users", "enrolments", "course_progress", "batches")) {
            equal(kinds.get(table), "TABLE", table);
        }
        for (String view : List.of("download_ratio_by_course", "course_progress_report", "distinct_users")) {
            equal(kinds.get(view), "VIEW", view);
        }
    }

    private static void columns(DatabaseMetaData metadata) throws SQLException {
        List<String> columns = new ArrayList<>();
        try (ResultSet rows = metadata.getColumns(null, "public", "batches", "%")) {
            while (rows.next()) {
                equal(rows.getInt("ORDINAL_POSITION"), columns.size() + 1, "position");
                columns.add(rows.getString("COLUMN_NAME") + " " + rows.getString("TYPE_NAME"));
            }
        }
        equal(columns, List.of("batch_id text", "course_id text", "batch_name text", "tenant_id text", "created_by text",
            "mentors _text", "start_date date", "end_date date"), "columns of batches");
        List<Integer> kinds = new ArrayList<>();
        try (ResultSet rows = metadata.getColumns(null, "public", "course_progress", "%")) {
            while (rows.next()) {
                kinds.add(rows.getInt("DATA_TYPE"));
            }
        }
        equal(kinds, List.of(Types.VARCHAR, Types.VARCHAR, Types.VARCHAR, Types.DOUBLE, Types.TIMESTAMP),
            "types of course_progress");
    }

    private static void keys(DatabaseMetaData metadata) throws SQLException {
        equal(strings(metadata.getPrimaryKeys(null, "public", "users"), "COLUMN_NAME"), List.of(), "primary key");
        equal(strings(metadata.getImportedKeys(null, "public", "users"), "FKCOLUMN_NAME"), List.of(), "foreign keys");
        equal(strings(metadata.getExportedKeys(null, "public", "users"), "FKCOLUMN_NAME"), List.of(), "exported keys");
        equal(strings(metadata.getIndexInfo(null, "public", "users", false, true), "INDEX_NAME"), List.of(), "indexes");
    }

    private static void types(DatabaseMetaData metadata) throws SQLException {
        List<String> names = strings(metadata.getTypeInfo(), "TYPE_NAME");
        for (String name : List.of("text", "int8", "float8", "bool", "date", "timestamp", "timestamptz", "numeric")) {
            equal(names.contains(name), true, "a type " + name);
        }
    }

    private static void others(DatabaseMetaData metadata) throws SQLException {
        strings(metadata.getFunctions(null, "public", "%"), "FUNCTION_NAME");
        strings(metadata.getTablePrivileges(null, "public", "users"), "PRIVILEGE");
        equal(metadata.getDatabaseProductName(), "PostgreSQL", "product");
    }

    private static void resultColumns(Connection connection) throws SQLException {
        try (var statement = connection.prepareStatement("select mentors, start_date, batch_id from batches where 1 = 0")) {
            var described = statement.getMetaData();
            equal(described.getColumnCount(), 3, "columns");
            equal(described.getColumnTypeName(1), "_text", "type of a list");
            equal(described.getColumnTypeName(2), "date", "type of a date");
            equal(described.isNullable(3) >= 0, true, "nullable");
        }
    }

    private static void parameters(Connection connection) throws SQLException {
        String sql = "select count(*) from batches where start_date < ? and batch_id <> ?";
        try (var statement = connection.prepareStatement(sql)) {
            statement.setDate(1, Date.valueOf("2100-01-01"));
            statement.setString(2, "none");
            try (ResultSet rows = statement.executeQuery()) {
                rows.next();
                equal(rows.getLong(1), 12L, "batches");
            }
        }
        try (var statement = connection.prepareStatement("select 'a' || ?, 1 + ?, ? is null")) {
            statement.setString(1, "b");
            statement.setInt(2, 41);
            statement.setNull(3, Types.VARCHAR);
            try (ResultSet rows = statement.executeQuery()) {
                rows.next();
                equal(rows.getString(1), "ab", "text");
                equal(rows.getLong(2), 42L, "number");
                equal(rows.getBoolean(3), true, "null");
            }
        }
        try (var statement = connection.prepareStatement("select array['x', 'y'], date '2026-11-22', 1.5::float8")) {
            try (ResultSet rows = statement.executeQuery()) {
                rows.next();
                equal(Arrays.asList((Object[]) rows.getArray(1).getArray()), List.of("x", "y"), "list");
                equal(rows.getDate(2), Date.valueOf("2026-11-22"), "date");
                equal(rows.getDouble(3), 1.5, "float");
            }
        }
    }

    // From the fifth time the driver uses a named statement and binary results.
    private static void manyTimes(Connection connection) throws SQLException {
        try (var statement = connection.prepareStatement("select count(*), max(start_date) from batches where batch_id <> ?")) {
            for (int time = 0; time < 12; time++) {
                statement.setString(1, "none " + time);
                try (ResultSet rows = statement.executeQuery()) {
                    rows.next();
                    equal(rows.getLong(1), 12L, "batches, time " + time);
                    equal(rows.getDate(2) != null, true, "a date, time " + time);
                }
            }
        }
    }

    private static void parts(Connection connection) throws SQLException {
        connection.setAutoCommit(false);
        try (var statement = connection.prepareStatement("select user_id from users where user_id <> ? order by user_id")) {
            statement.setFetchSize(7);
            statement.setString(1, "");
            long count = 0;
            String before = "";
            try (ResultSet rows = statement.executeQuery()) {
                while (rows.next()) {
                    String user = rows.getString(1);
                    equal(before.compareTo(user) < 0, true, "order at row " + count);
                    before = user;
                    count++;
                }
            }
            equal(count, 300L, "users");
            // Closed before its end; the connection must be good for the next.
            try (ResultSet rows = statement.executeQuery()) {
                rows.next();
            }
        }
        connection.commit();
        connection.setAutoCommit(true);
    }

    private static void readOnly(Connection connection) throws SQLException {
        connection.setReadOnly(true);
        connection.setReadOnly(false);
        equal(connection.isValid(5), true, "valid");
        equal(connection.getSchema(), "public", "schema");
    }

    private static void queryTimeout(Connection connection) throws SQLException {
        try (var statement = connection.createStatement()) {
            statement.setQueryTimeout(1);
            String slow = "select count(*) from generate_series(1, 300000) a(x), generate_series(1, 300000) b(y) where x::bigint * y = x + 3 * y + 1";
            try (ResultSet rows = statement.executeQuery(slow)) {
                throw new IllegalStateException("a query that takes minutes came back");
            } catch (SQLException error) {
                equal(error.getSQLState(), "57014", "SQLSTATE of a timeout");
            }
        }
        try (var statement = connection.createStatement(); ResultSet rows = statement.executeQuery("select 1")) {
            rows.next();
            equal(rows.getInt(1), 1, "the connection after a timeout");
        }
    }
}
