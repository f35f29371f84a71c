"""Spark: DataFrameWriter.partitionBy('date') under a session in UTC. spark-int96 has Spark's default timestamps and the days
of batches as such ones; spark has microseconds; spark-hive is written by Hive's SerDe, whose files have no ending."""
import sys

from pyspark.sql import SparkSession
from pyspark.sql.types import (ArrayType, BooleanType, DateType, DoubleType, StringType, StructField, StructType,
                               TimestampType)

from rows import DAY, DAYS, TABLES, TIMES, rows

TYPES = {"active": BooleanType(), "progress_percent": DoubleType(), "mentors": ArrayType(StringType())}
TYPES |= {name: TimestampType() for name in TIMES} | {name: DateType() for name in DAYS}


def session(scratch):
    return (SparkSession.builder.master("local[1]").config("spark.sql.session.timeZone", "UTC")
            .config("spark.driver.extraJavaOptions", f"-Dderby.system.home={scratch} -Duser.timezone=UTC")
            .config("spark.sql.warehouse.dir", f"{scratch}/warehouse")
            .config("spark.sql.hive.convertMetastoreParquet", "false")
            .config("spark.hadoop.hive.exec.dynamic.partition.mode", "nonstrict")
            .config("spark.ui.enabled", "false").enableHiveSupport().getOrCreate())


def frame_of(spark, table):
    found = rows(table)
    schema = StructType([StructField(name, TYPES.get(name, StringType())) for name in found[0]])
    return spark.createDataFrame([tuple(row.values()) for row in found], schema).coalesce(1)


def write_files(spark, out, writer, timestamps, days):
    spark.conf.set("spark.sql.parquet.outputTimestampType", timestamps)
    for table in TABLES:
        frame = frame_of(spark, table)
        for name in DAYS.intersection(frame.columns):
            frame = frame.withColumn(name, frame[name].cast(days))
        frame.selectExpr("*", f"'{DAY}' as date").write.partitionBy("date").parquet(f"{out}/{writer}/{table}")


def write_hive(spark, out):
    for table in TABLES:
        frame = frame_of(spark, table)
        columns = ", ".join(f"{field.name} {field.dataType.simpleString()}" for field in frame.schema)
        spark.sql(f"create table {table} ({columns}) partitioned by (`date` string) stored as parquet location 'file://{out}/spark-hive/{table}'")
        frame.createOrReplaceTempView("made")
        spark.sql(f"insert into {table} partition (`date` = '{DAY}') select * from made")


out, scratch = sys.argv[1:3]
spark = session(scratch)
write_files(spark, out, "spark", "TIMESTAMP_MICROS", "date")
write_files(spark, out, "spark-int96", "INT96", "timestamp")
write_hive(spark, out)
spark.stop()
