#!/usr/bin/env python3
"""The same work in Spark: reports as files by batch, each sorted by User ID.

usage: spark-submit --master local[N] spark_peer.py EXPORTS OUT
"""

import argparse

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

ZONE = "Asia/Kolkata"


def main():
    options = parse_arguments()
    spark = SparkSession.builder.config("spark.sql.session.timeZone", ZONE).getOrCreate()
    tables = (spark.read.parquet(f"{options.exports}/{table}") for table in ["users", "enrolments", "course_progress"])
    sorted_by_batch = report(*tables).repartition("batch_id").sortWithinPartitions("batch_id", "User ID")
    sorted_by_batch.write.partitionBy("batch_id").option("emptyValue", "").csv(options.out, header=True, escape='"')
    spark.stop()


def report(users, enrolments, progress):
    progress = progress.select("batch_id", "user_id", "progress_percent", "completed_at", F.lit(True).alias("has_progress"))
    joined = (
        enrolments.filter("active")
        .select("batch_id", "user_id", "enrolled_at")
        .join(progress, ["batch_id", "user_id"], "left")
        .join(users, "user_id", "left")
    )
    name = F.concat_ws(" ", filled("first_name"), filled("last_name"))
    percent = (
        F.when(F.col("completed_at").isNotNull(), 100)
        .when(F.col("has_progress").isNull(), 0)
        .otherwise(F.greatest(F.least("progress_percent", F.lit(100)), F.lit(0)))
    )
    return joined.select(
        "batch_id",
        F.col("external_id").alias("External ID"),
        F.col("user_id").alias("User ID"),
        F.when(name != "", name).alias("User Name"),
        F.col("email").alias("Email ID"),
        F.col("mobile").alias("Mobile Number"),
        F.col("organization_name").alias("Organization Name"),
        F.col("district_name").alias("District Name"),
        F.col("school_name").alias("School Name"),
        F.col("block_name").alias("Block Name"),
        F.date_format("enrolled_at", "yyyy-MM-dd").alias("Enrollment Date"),
        F.concat(percent.cast("string"), F.lit("%")).alias("Course Progress"),
        F.date_format("completed_at", "yyyy-MM-dd").alias("Completion Date"),
    )


def filled(column):
    stripped = F.trim(column)
    return F.when(stripped != "", stripped)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("exports", metavar="EXPORTS")
    parser.add_argument("out", metavar="OUT", help="folder to write")
    return parser.parse_args()


if __name__ == "__main__":
    main()
