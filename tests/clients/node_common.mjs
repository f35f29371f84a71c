// What the clients of Node.js share: checks that all run, one line each, and exit code 1 where one failed. Connections come from
// PGHOST, PGPORT, PGUSER, PGPASSWORD and PGDATABASE.

/** The connection as most libraries take it. */
export const connection = {
  host: process.env.PGHOST,
  port: Number(process.env.PGPORT),
  user: process.env.PGUSER,
  password: process.env.PGPASSWORD,
  database: process.env.PGDATABASE,
};

/** The same as a URL. */
export const url = `postgres://${connection.user}:${encodeURIComponent(connection.password)}@${connection.host}:${connection.port}/${connection.database}`;

/** Runs the checks whose names contain the first argument, or all; does not return. */
export async function run(checks) {
  const wanted = process.argv[2] ?? "";
  let failed = 0;
  // A library that ends the process in a callback of its own has failed, too.
  process.on("uncaughtException", (error) => {
    console.log(`FAILED outside a check: ${told(error)}`);
    process.exit(1);
  });
  for (const [name, check] of Object.entries(checks)) {
    if (!name.includes(wanted)) continue;
    try {
      await check();
      console.log(`ok ${name}`);
    } catch (error) {
      failed += 1;
      console.log(`FAILED ${name}: ${told(error)}`);
    }
  }
  process.exit(failed === 0 ? 0 : 1);
}

function told(error) {
  const causes = [];
  for (let cause = error; cause; cause = cause.cause) causes.push(`${cause.code ?? ""} ${cause.message}`);
  return causes.join(" <- ").replaceAll(/\s+/g, " ").slice(0, 600);
}
