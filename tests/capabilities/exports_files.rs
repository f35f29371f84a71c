//! What files of exports say of themselves, and which of it is trusted: counts, statistics, indexes, dates of 96 bits; and
//! how a file that cannot be read is named.

use std::fs::{self, File};
use std::path::Path;

use datafusion::parquet::basic::Compression;
use datafusion::parquet::file::metadata::{
    ColumnChunkMetaData, ParquetMetaData, ParquetMetaDataReader, ParquetMetaDataWriter,
};
use datafusion::parquet::file::properties::WriterProperties;
use datafusion::parquet::file::statistics::Statistics;

use crate::exports::write_spark_enrolment;
use crate::support::{
    ENROLMENTS, TestExports, USERS, enrolments, files_below, select, write_parquet, write_parquet_with,
};

/// The footer of a file.
fn footer(path: &Path) -> ParquetMetaData {
    let file = File::open(path).expect("a file");
    ParquetMetaDataReader::new().parse_and_finish(&file).expect("a footer")
}

/// Puts another footer in place of a file's own.
fn replace_footer(path: &Path, footer: &ParquetMetaData) {
    let mut bytes = fs::read(path).expect("a file");
    let length_at = bytes.len() - 8;
    let length: [u8; 4] = bytes[length_at..length_at + 4].try_into().expect("four bytes");
    bytes.truncate(length_at - u32::from_le_bytes(length) as usize);
    ParquetMetaDataWriter::new(&mut bytes, footer)
        .finish()
        .expect("written");
    fs::write(path, bytes).expect("written");
}

/// The footer with each column changed.
fn with_columns(
    footer: &ParquetMetaData,
    change: impl Fn(&ColumnChunkMetaData) -> ColumnChunkMetaData,
) -> ParquetMetaData {
    let groups = footer.row_groups().iter().map(|group| {
        let columns = group.columns().iter().map(&change).collect();
        group
            .clone()
            .into_builder()
            .set_column_metadata(columns)
            .build()
            .expect("a row group")
    });
    footer.clone().into_builder().set_row_groups(groups.collect()).build()
}

fn assert_each_command_says(exports: &TestExports, words: &[&str]) {
    let out = exports.path().join("out").display().to_string();
    let commands: [(&str, &[&str]); 3] = [
        ("check", &[]),
        ("report", &["--batch", "b1"]),
        ("nightly", &["--out", &out]),
    ];
    for (command, arguments) in commands {
        let complaint = exports.complaint(1, command, arguments);
        for word in words {
            assert!(complaint.contains(word), "{command}: '{word}' is not in {complaint}");
        }
    }
}

mod statistics {
    use super::*;

    /// Enrolments whose smallest and largest ids stand in the deprecated fields, in the order of signed bytes, as
    /// parquet-mr before 1.10 wrote them: every letter beyond ASCII is below all others.
    fn of_old_writers() -> TestExports {
        let rows = "('अ1', 'c1', 'b1', '2026-10-01T00:00:00', true), ('u1', 'c1', 'बैच', '2026-10-01T00:00:00', true),
                    ('zz', 'c1', 'b1', '2026-10-01T00:00:00', true)";
        let exports = TestExports::small().table("enrolments", &enrolments(rows));
        let path = exports.file("enrolments");
        let signed = with_columns(&footer(&path), |column| {
            let limits = match column.column_path().string().as_str() {
                "user_id" => ("अ1", "zz"),
                "batch_id" => ("बैच", "b1"),
                _ => return column.clone(),
            };
            let (least, greatest) = (Some(limits.0.into()), Some(limits.1.into()));
            let statistics = Statistics::byte_array(least, greatest, None, Some(0), true);
            column
                .clone()
                .into_builder()
                .set_statistics(statistics)
                .build()
                .expect("a column")
        });
        replace_footer(&path, &signed);
        exports
    }

    #[test]
    fn of_texts_in_signed_order_are_not_used() {
        let exports = of_old_writers();
        assert!(exports.report("b1", &[]).contains(",अ1,"));
        assert!(exports.report("बैच", &[]).contains(",u1,"));
        let count = |condition: &str| {
            let sql = format!("select count(*) as n from enrolments where {condition}");
            exports.output("sql", &["-c", &sql, "--format", "csv"])
        };
        assert_eq!(count("user_id = 'अ1'"), "n\n1\n");
        assert_eq!(count("user_id >= 'u'"), "n\n3\n");
        assert_eq!(count("batch_id in ('बैच', 'b1')"), "n\n3\n");
    }
}

mod page_index {
    use super::*;

    /// Spoils the page index of a file, which lies between its pages and its footer.
    fn spoil(path: &Path) {
        let offsets: Vec<(i64, i32)> = footer(path)
            .row_groups()
            .iter()
            .flat_map(|group| group.columns())
            .filter_map(|column| column.column_index_offset().zip(column.column_index_length()))
            .collect();
        assert!(!offsets.is_empty(), "the file has a page index");
        let mut bytes = fs::read(path).expect("a file");
        for (offset, length) in offsets {
            let start = usize::try_from(offset).expect("an offset");
            bytes[start..start + usize::try_from(length).expect("a length")].fill(0xff);
        }
        fs::write(path, bytes).expect("written");
    }

    #[test]
    fn one_that_cannot_be_parsed_is_left_out() {
        let exports = TestExports::small();
        for table in ["users", "enrolments", "course_progress", "batches"] {
            spoil(&exports.file(table));
        }
        assert_eq!(exports.report("b1", &[]), TestExports::small_report());
        exports.nightly(&[]);
    }

    #[test]
    fn that_of_a_large_file_is_left_out_too() {
        let many = "select 'u' || value as user_id, 'c1' as course_id, 'batch-' || (value / 10) as batch_id,
            arrow_cast('2026-10-01T00:00:00', 'Timestamp(Microsecond, Some(\"UTC\"))') as enrolled_at, true as active,
            md5(cast(value as varchar)) as more from generate_series(1, 60000)";
        let exports = TestExports::small();
        let path = exports.file("enrolments");
        let properties = WriterProperties::builder()
            .set_compression(Compression::UNCOMPRESSED)
            .set_data_page_row_count_limit(1000);
        write_parquet_with(&path, many, properties.build());
        assert!(fs::metadata(&path).expect("a file").len() > 1024 * 1024);
        let whole = exports.report("batch-3000", &[]);
        assert_eq!(whole.lines().count(), 11, "{whole}");
        spoil(&path);
        assert_eq!(exports.report("batch-3000", &[]), whole);
    }
}

mod timestamps_of_96_bits {
    use super::*;

    #[test]
    fn far_years_are_those_years() {
        for (julian_day, date) in [
            (5_373_484, "9999-12-31"),
            (1_721_426, "0001-01-01"),
            (2_461_315, "2026-10-01"),
        ] {
            let exports = TestExports::small();
            write_spark_enrolment(&exports.file("enrolments"), julian_day, 0);
            let report = exports.report("b1", &["--timezone", "UTC"]);
            assert!(report.contains(&format!(",{date},")), "{date}: {report}");
            let (_out, day) = exports.nightly(&["--timezone", "UTC"]);
            let written = fs::read_to_string(day.join("csv/t1/b1.csv")).expect("a report");
            assert!(written.contains(&format!(",{date},")), "{date}: {written}");
        }
    }
}

mod damaged_files {
    use super::*;

    /// A report has no column for the tenant of users, but a nightly run's mart does: both refuse the file.
    #[test]
    fn the_table_the_file_and_the_column_are_named() {
        for name in ["first_name", "tenant_id"] {
            let exports = TestExports::small().part("users", 1, &format!("{USERS} where false"));
            overwrite_column(&exports.file("users"), name);
            assert_each_command_says(
                &exports,
                &[
                    "table users",
                    "users/date=2026-11-22/part-00000.parquet",
                    &format!("column {name}"),
                ],
            );
        }
    }

    #[test]
    fn a_footer_that_names_bytes_beyond_the_file_is_refused() {
        let exports = TestExports::small();
        let path = exports.file("users");
        let beyond = with_columns(&footer(&path), |column| {
            if column.column_path().string() != "first_name" {
                return column.clone();
            }
            let column = column.clone().into_builder().set_dictionary_page_offset(None);
            column.set_data_page_offset(10_000_000).build().expect("a column")
        });
        replace_footer(&path, &beyond);
        let words = ["table users", "part-00000.parquet", "column first_name"];
        assert_each_command_says(&exports, &words);
    }

    /// Overwrites the pages of a column's first chunk.
    fn overwrite_column(path: &Path, name: &str) {
        let found = footer(path);
        let mut columns = found.row_group(0).columns().iter();
        let column = columns
            .find(|column| column.column_path().string() == name)
            .expect("a column");
        let (start, length) = column.byte_range();
        let (start, length) = (
            usize::try_from(start).expect("a start"),
            usize::try_from(length).expect("a length"),
        );
        let mut bytes = fs::read(path).expect("a file");
        bytes[start..start + length].fill(0xff);
        fs::write(path, bytes).expect("written");
    }
}

mod scans {
    use super::*;

    #[test]
    fn files_that_write_their_columns_alike_are_one_scan() {
        let explain = |exports: &TestExports| {
            let plan = exports.output("sql", &["-c", "explain select user_id, active from enrolments"]);
            plan.matches("ExportedRowsExec: table=enrolments, columns=[user_id, active]")
                .count()
        };
        let alike = TestExports::small().part("enrolments", 1, ENROLMENTS);
        assert_eq!(explain(&alike), 1);
        let as_numbers = select("* replace (arrow_cast(active, 'UInt8') as active)", ENROLMENTS);
        assert_eq!(explain(&TestExports::small().part("enrolments", 1, &as_numbers)), 2);
    }
}

mod not_a_number {
    use super::*;

    /// A mapping's raw table with a float that is not a number in its last row, in `files` files.
    fn of(files: usize) -> (TestExports, String) {
        let rows = |number: usize| {
            let last = number + 1 == files;
            format!(
                "select 'c1' as id, case when value = 4 and {last} then cast('NaN' as double) else 1.0 end as level
                from generate_series(1, 4)"
            )
        };
        let mut exports = TestExports::small().table("levels", &rows(0));
        for number in 1..files {
            exports = exports.part("levels", number, &rows(number));
        }
        let config = exports.config("[other_tables]\nlevels = 'levels'");
        (exports, config)
    }

    #[test]
    fn it_is_above_all_numbers_however_files_are_read() {
        for files in [1, 100] {
            let (exports, config) = of(files);
            let sql = "select count(*) as n from levels where level > 100";
            let found = exports.output("sql", &["--config", &config, "-c", sql, "--format", "csv"]);
            assert_eq!(found, "n\n1\n", "{files} files");
        }
    }
}

mod small_files {
    use super::*;

    /// The small exports with 200 enrolments of `u1`, one in each batch and each in a file of its own.
    fn of_many_files() -> TestExports {
        let mut exports = TestExports::small();
        for number in 0..200 {
            exports = exports.part("enrolments", number, &enrolments(&enrolment(number)));
        }
        exports
    }

    fn enrolment(number: usize) -> String {
        format!("('u1', 'c1', 'batch-{number:03}', '2026-10-01T00:00:00', true)")
    }

    /// The same enrolments in one file of usual row groups.
    fn of_one_file() -> TestExports {
        let rows: Vec<String> = (0..200).map(enrolment).collect();
        TestExports::small().table("enrolments", &enrolments(&rows.join(", ")))
    }

    fn explained(exports: &TestExports) -> String {
        exports.output(
            "sql",
            &[
                "-c",
                "explain select user_id, active from enrolments where batch_id = 'b1'",
            ],
        )
    }

    fn csv_of_nightly(exports: &TestExports) -> Vec<(String, Vec<u8>)> {
        let (_out, day) = exports.nightly(&[]);
        files_below(&day.join("csv"))
    }

    #[test]
    fn many_files_are_read_once_and_give_the_same_reports() {
        let (many, one) = (of_many_files(), of_one_file());
        assert!(explained(&many).contains("partition_sizes="), "{}", explained(&many));
        assert!(explained(&one).contains("file_groups="), "{}", explained(&one));
        assert_eq!(many.report("batch-123", &[]), one.report("batch-123", &[]));
        assert_eq!(csv_of_nightly(&many), csv_of_nightly(&one));
        let sql = "select batch_id, enrolled_at, active from enrolments where batch_id > 'batch-190' order by 1";
        let rows = |exports: &TestExports| exports.output("sql", &["-c", sql, "--format", "csv"]);
        assert_eq!(rows(&many), rows(&one));
    }

    #[test]
    fn many_row_groups_are_read_once_too() {
        let (many, one) = (of_one_file(), of_one_file());
        let rows: Vec<String> = (0..200).map(enrolment).collect();
        let properties = WriterProperties::builder().set_max_row_group_row_count(Some(1)).build();
        write_parquet_with(&many.file("enrolments"), &enrolments(&rows.join(", ")), properties);
        assert!(footer(&many.file("enrolments")).num_row_groups() == 200);
        assert!(explained(&many).contains("partition_sizes="), "{}", explained(&many));
        assert_eq!(csv_of_nightly(&many), csv_of_nightly(&one));
    }

    #[test]
    fn files_that_write_their_columns_otherwise_are_among_them() {
        let as_numbers = |number| {
            select(
                "* replace (arrow_cast(active, 'UInt8') as active)",
                &enrolments(&enrolment(number)),
            )
        };
        let mut exports = of_many_files();
        for number in [0, 7, 199] {
            exports = exports.part("enrolments", number, &as_numbers(number));
        }
        let lacking = day_file(&exports, "state=KA/part-0.parquet");
        write_parquet(&lacking, &enrolments(&enrolment(500)));
        assert!(explained(&exports).contains("partition_sizes="));
        let one = TestExports::small().table("enrolments", &{
            let rows: Vec<String> = (0..200).chain([500]).map(enrolment).collect();
            enrolments(&rows.join(", "))
        });
        assert_eq!(csv_of_nightly(&exports), csv_of_nightly(&one));
    }

    fn day_file(exports: &TestExports, path: &str) -> std::path::PathBuf {
        let file = exports.file("enrolments").with_file_name(path);
        fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
        file
    }

    #[test]
    fn a_value_that_does_not_convert_is_named_with_its_file() {
        let broken = select("* replace ('perhaps' as active)", &enrolments(&enrolment(77)));
        let exports = of_many_files().part("enrolments", 77, &broken);
        let out = exports.path().join("out").display().to_string();
        for (command, arguments) in [
            ("check", &[][..]),
            ("nightly", &["--out", &out]),
            ("report", &["--batch", "batch-077"]),
        ] {
            let complaint = exports.complaint(1, command, arguments);
            for word in ["table enrolments", "part-00077.parquet", "column active", "perhaps"] {
                assert!(complaint.contains(word), "{command}: '{word}' is not in {complaint}");
            }
        }
        // What no query reads, fails none.
        let rows = exports.output(
            "sql",
            &["-c", "select count(batch_id) as n from enrolments", "--format", "csv"],
        );
        assert_eq!(rows, "n\n200\n");
    }

    #[test]
    fn dictionaries_of_many_files_are_their_values() {
        let rows = |number: usize| {
            format!(
                "select arrow_cast('v' || (value + {number} * 3), 'Dictionary(Int8, Utf8)') as kind from generate_series(1, 3)"
            )
        };
        let mut exports = TestExports::small().table("kinds", &rows(0));
        for number in 1..100 {
            exports = exports.part("kinds", number, &rows(number));
        }
        let config = exports.config("[other_tables]\nkinds = 'kinds'");
        let sql = "select count(distinct kind) as n from kinds";
        for more in [&[][..], &["--memory-limit", "100KB"], &["--threads", "1"]] {
            let arguments = [&["--config", config.as_str(), "-c", sql, "--format", "csv"], more].concat();
            assert_eq!(exports.output("sql", &arguments), "n\n300\n", "{more:?}");
        }
    }

    #[test]
    fn a_small_limit_of_memory_leaves_them_in_their_files() {
        let exports = of_many_files();
        let plan = exports.output(
            "sql",
            &[
                "--memory-limit",
                "100KB",
                "-c",
                "explain select user_id from enrolments",
            ],
        );
        assert!(plan.contains("file_groups="), "{plan}");
    }
}
