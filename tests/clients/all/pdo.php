<?php
// PDO and the pgsql functions of PHP: parameters, pages, COPY.
$env = getenv();
$dsn = "pgsql:host={$env['PGHOST']};port={$env['PGPORT']};dbname={$env['PGDATABASE']}";
$db = new PDO($dsn, $env['PGUSER'], $env['PGPASSWORD'], [PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION]);
echo "version PHP " . PHP_VERSION . "\n";
$failed = 0;
function check(string $name, callable $code): void
{
    global $failed;
    try {
        $right = $code();
        $why = "another answer";
    } catch (Throwable $error) {
        $right = false;
        $why = preg_replace('/\s+/', ' ', $error->getMessage());
    }
    echo $right ? "ok $name\n" : "FAILED $name: $why\n";
    $failed += $right ? 0 : 1;
}
check("parameters", function () use ($db) {
    $statement = $db->prepare("select count(*) from users where tenant_id <> ?");
    $statement->execute(["none"]);
    return (int) $statement->fetchColumn() === 300;
});
check("pages", function () use ($db) {
    $statement = $db->prepare("select user_id from users order by 1 limit ? offset ?");
    $statement->bindValue(1, 5, PDO::PARAM_INT);
    $statement->bindValue(2, 10, PDO::PARAM_INT);
    $statement->execute();
    return count($statement->fetchAll()) === 5;
});
check("names", fn () => (int) $db->query("select count(*) from users")->fetch(PDO::FETCH_ASSOC)["count"] === 300);
check("column meta", fn () => $db->query("select active from enrolments limit 1")->getColumnMeta(0)["native_type"] === "bool");
check("copy", fn () => count($db->pgsqlCopyToArray("users", "\t", "\\\\N", "user_id, tenant_id")) === 300);
exit($failed ? 1 : 0);
