"""Great Expectations: expectations of a table, among them quantiles."""
import importlib.metadata
import logging
import os
import sys
import warnings

warnings.simplefilter("ignore")
logging.disable(logging.CRITICAL)
import great_expectations as gx  # noqa: E402

env = os.environ
print("version great_expectations", importlib.metadata.version("great_expectations"))
context = gx.get_context(mode="ephemeral")
context.variables.progress_bars = {"globally": False}
address = f"postgresql+psycopg2://{env['PGUSER']}:{env['PGPASSWORD']}@{env['PGHOST']}:{env['PGPORT']}/{env['PGDATABASE']}"
source = context.data_sources.add_postgres("endpoint", connection_string=address, create_temp_table=False)
expect = gx.expectations
checks = {
    "users": [
        expect.ExpectColumnValuesToNotBeNull(column="user_id"),
        expect.ExpectColumnValuesToBeUnique(column="user_id"),
        expect.ExpectTableRowCountToEqual(value=300),
        expect.ExpectColumnValueLengthsToBeBetween(column="user_id", min_value=1, max_value=40),
        expect.ExpectColumnValuesToMatchRegex(column="tenant_id", regex="^[0-9]+$"),
        expect.ExpectColumnDistinctValuesToContainSet(column="tenant_id", value_set=["01262286985764420587"]),
    ],
    "course_progress": [
        expect.ExpectColumnValuesToBeBetween(column="progress_percent", min_value=0, max_value=100),
        expect.ExpectColumnMeanToBeBetween(column="progress_percent", min_value=1, max_value=99),
        expect.ExpectColumnMedianToBeBetween(column="progress_percent", min_value=1, max_value=100),
        expect.ExpectColumnStdevToBeBetween(column="progress_percent", min_value=1, max_value=100),
        expect.ExpectColumnQuantileValuesToBeBetween(
            column="progress_percent", quantile_ranges={"quantiles": [0.25, 0.5, 0.75], "value_ranges": [[0, 100]] * 3}
        ),
    ],
}
failed = 0
for table, expectations in checks.items():
    batch = source.add_table_asset(table, table_name=table).add_batch_definition_whole_table("all").get_batch()
    for expectation in expectations:
        result = batch.validate(expectation)
        name = f"{table}: {type(expectation).__name__}"
        if result.success:
            print(f"ok {name}")
        else:
            failed += 1
            raised = " ".join(str(result.exception_info).split())
            print(f"FAILED {name}: {raised[:300]}")
sys.exit(1 if failed else 0)
