# ruby-pg: parameters, pages, a stream, COPY.
require "pg"

db = PG.connect
puts "version ruby-pg #{PG::VERSION}"
failed = 0
check = lambda do |name, &code|
  right = code.call
  puts(right ? "ok #{name}" : "FAILED #{name}: another answer")
  failed += 1 unless right
rescue StandardError => error
  puts "FAILED #{name}: #{error.message.gsub(/\s+/, ' ')}"
  failed += 1
end

check.call("parameters") { db.exec_params("select count(*) from users where tenant_id <> $1", ["none"]).getvalue(0, 0) == "300" }
check.call("pages") { db.exec_params("select user_id from users order by 1 limit $1 offset $2", [5, 10]).ntuples == 5 }
check.call("prepared") do
  db.prepare("of", "select count(*) from users where tenant_id = any($1::text[])")
  db.exec_prepared("of", ["{01262286985764420587,none}"]).getvalue(0, 0).to_i > 10
end
check.call("single rows") do
  db.send_query("select user_id from enrolments")
  db.set_single_row_mode
  rows = 0
  db.get_result.stream_each { rows += 1 }
  rows == 1500
end
check.call("copy") do
  lines = 0
  db.copy_data("copy users to stdout (format csv)") { lines += 1 while db.get_copy_data }
  lines == 300
end
exit(failed.zero? ? 0 : 1)
