# RPostgreSQL: queries, tables as data frames.
suppressMessages(library(RPostgreSQL))
cat("version RPostgreSQL", as.character(packageVersion("RPostgreSQL")), "\n")
env <- Sys.getenv
db <- dbConnect(PostgreSQL(), host = env("PGHOST"), port = as.integer(env("PGPORT")), user = env("PGUSER"),
  password = env("PGPASSWORD"), dbname = env("PGDATABASE"))
failed <- 0
check <- function(name, code) {
  answer <- tryCatch(code, error = function(error) conditionMessage(error))
  if (isTRUE(answer)) cat("ok", name, "\n") else {
    failed <<- failed + 1
    cat("FAILED ", name, ": ", gsub("\\s+", " ", format(answer)), "\n", sep = "")
  }
}
check("queries", dbGetQuery(db, "select count(*) from users")$count == 300)
check("tables", "users" %in% dbListTables(db))
check("a whole table", nrow(dbReadTable(db, "enrolments")) == 1500)
check("columns", "tenant_id" %in% dbListFields(db, "users"))
quit(status = if (failed > 0) 1 else 0)
