"""pyiceberg: the enrolments are an Iceberg table whose day was overwritten, beside the files of pyarrow for other tables."""
import shutil
import sys

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.transforms import IdentityTransform
from pyiceberg.types import BooleanType, NestedField, StringType, TimestamptzType

from rows import DAY, TABLES
from write_delta import rows_of

out = sys.argv[1]
writer = f"{out}/pyiceberg-overwritten"
for table in TABLES:
    if table != "enrolments":
        shutil.copytree(f"{out}/pyarrow/{table}", f"{writer}/{table}")

# The metadata holds the table's location: a relative one would not be an address.
catalog = SqlCatalog("made", uri="sqlite:///:memory:", warehouse=f"file://{writer}")
catalog.create_namespace("exports")
types = {"enrolled_at": TimestamptzType(), "active": BooleanType()}
names = ["user_id", "course_id", "batch_id", "enrolled_at", "active", "date"]
schema = Schema(*(NestedField(number, name, types.get(name, StringType()), required=False) for number, name in enumerate(names, 1)))
by_date = PartitionSpec(PartitionField(source_id=6, field_id=1000, transform=IdentityTransform(), name="date"))
enrolments = catalog.create_table("exports.enrolments", schema, location=f"file://{writer}/enrolments", partition_spec=by_date)
whole = rows_of("enrolments")
all_active = whole.set_column(whole.column_names.index("active"), "active", pa.array([True] * whole.num_rows))
enrolments.append(all_active)
enrolments.overwrite(whole, overwrite_filter=f"date == '{DAY}'")
assert pc.sum(pc.cast(enrolments.scan().to_arrow()["active"], pa.int64())).as_py() == sum(filter(None, whole["active"].to_pylist()))
