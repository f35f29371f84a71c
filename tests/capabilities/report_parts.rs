//! `pragati report` in parts: a file for each block, district, school or organisation, and several batches at once.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Cursor, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use calamine::{Data, Reader, Xlsx};
use chrono::{NaiveDate, TimeDelta};
use tempfile::TempDir;
use zip::ZipArchive;

use crate::report_filters::many_learners;
use crate::support::{BATCHES, TestExports, enrolments, files_below, pragati, query_parquet, sheet_header, wrapped};

const SPLITS: [(&str, &str); 4] = [
    ("block", "Block Name"),
    ("district", "District Name"),
    ("school", "School Name"),
    ("organisation", "Organization Name"),
];

/// A report written to a path in a folder of its own.
fn write_to(exports: &TestExports, name: &str, options: &[&str]) -> (TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let place = folder.path().join(name);
    let all = [&["--quiet", "-o", place.to_str().expect("UTF-8")][..], options].concat();
    exports.output("report", &all);
    (folder, place)
}

/// The same report made from a nightly output, beside the one from the exports: both files must have the same bytes.
fn assert_same_from(reports: &TempDir, made: &Path, options: &[&str]) {
    let extension = made.extension().expect("an extension");
    let published = made.with_file_name("published").with_extension(extension);
    let mut command = pragati();
    command
        .args(["report", "--reports"])
        .arg(reports.path())
        .arg("-o")
        .arg(&published)
        .args(options);
    command.assert().success();
    assert_eq!(
        fs::read(made).expect("a file"),
        fs::read(&published).expect("a file"),
        "{options:?}"
    );
}

fn unpacked(archive: &Path) -> BTreeMap<String, Vec<u8>> {
    let bytes = fs::read(archive).expect("an archive");
    let mut archive = ZipArchive::new(Cursor::new(bytes)).expect("an archive");
    let mut files = BTreeMap::new();
    for place in 0..archive.len() {
        let mut file = archive.by_index(place).expect("a file");
        let mut content = Vec::new();
        file.read_to_end(&mut content).expect("its content");
        files.insert(file.name().expect("a name").to_string(), content);
    }
    files
}

fn folder(place: &Path) -> BTreeMap<String, Vec<u8>> {
    files_below(place).into_iter().collect()
}

/// The header and the records of a CSV.
fn parsed(csv: &[u8]) -> (Vec<String>, Vec<Vec<String>>) {
    let text = std::str::from_utf8(csv).expect("UTF-8").trim_start_matches('\u{feff}');
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header = reader.headers().expect("a header").iter().map(str::to_owned).collect();
    let records = reader.records().map(|record| record.expect("a record"));
    let records = records.map(|record| record.iter().map(str::to_owned).collect());
    (header, records.collect())
}

/// A sheet's header and rows as the report's CSV has them.
fn sheet_rows(workbook: &mut Xlsx<Cursor<Vec<u8>>>, name: &str) -> (Vec<String>, Vec<Vec<String>>) {
    let sheet = workbook.worksheet_range(name).expect("a sheet");
    let header = sheet_header(&sheet);
    let text = |header: &String, cell: &Data| match cell {
        Data::Empty => String::new(),
        // Days since the end of 1899.
        Data::DateTime(day) => {
            let first = NaiveDate::from_ymd_opt(1899, 12, 30).expect("a day");
            (first + TimeDelta::days(day.as_f64() as i64)).to_string()
        }
        Data::Float(percent) if header == "Course Progress" => format!("{percent}%"),
        cell => cell.to_string(),
    };
    let rows = sheet.rows().skip(1);
    let rows = rows.map(|row| {
        header
            .iter()
            .zip(row)
            .map(|(header, cell)| text(header, cell))
            .collect()
    });
    (header.clone(), rows.collect())
}

/// Checks that the parts are those of the whole report, row for row, and that the list says what is in them.
fn check_parts(exports: &TestExports, column: &str, files: &BTreeMap<String, Vec<u8>>, extra: &[&str]) {
    let (_folder, whole) = write_to(exports, "whole.csv", &[&["--batch", "b1"][..], extra].concat());
    let (header, whole) = parsed(&fs::read(whole).expect("a report"));
    let place = header.iter().position(|name| name == column).expect("the column");
    let (index_header, index) = parsed(&files["index.csv"]);
    assert_eq!(index_header, ["File", "Value", "Rows", "Completed", "Average Progress"]);
    assert_eq!(index.len() + 1, files.len());
    let mut listed = 0;
    for line in &index {
        let (file, value) = (&line[0], &line[1]);
        let (part_header, rows) = parsed(&files[file]);
        assert_eq!(part_header, header, "{file}");
        let expected: Vec<_> = whole.iter().filter(|row| row[place] == *value).cloned().collect();
        assert_eq!(rows, expected, "{file}");
        assert_eq!(file == "_blank.csv", value.is_empty());
        let percents: Vec<f64> = rows
            .iter()
            .filter_map(|row| row[10].trim_end_matches('%').parse().ok())
            .collect();
        let completed = rows.iter().filter(|row| !row[11].is_empty()).count();
        let average = match percents.len() {
            0 => String::new(),
            count => format!("{:.1}%", percents.iter().sum::<f64>() / count as f64 + 1e-9),
        };
        assert_eq!(
            line[2..],
            [rows.len().to_string(), completed.to_string(), average],
            "{file}"
        );
        listed += rows.len();
    }
    assert_eq!(listed, whole.len());
}

#[test]
fn the_parts_are_the_whole_report_row_for_row() {
    let exports = many_learners(11);
    for (split, column) in SPLITS {
        let options = ["--batch", "b1", "--split-by", split];
        let (_keep, place) = write_to(&exports, "parts", &options);
        let files = folder(&place);
        assert!(files.len() > 4, "{:?}", files.keys());
        check_parts(&exports, column, &files, &[]);
        let (_keep, archive) = write_to(&exports, "parts.zip", &options);
        assert_eq!(unpacked(&archive), files, "{split}");
    }
    let filtered = ["--completed", "no", "--no-formula-escape", "--no-bom"];
    let (_keep, place) = write_to(
        &exports,
        "parts",
        &[&["--batch", "b1", "--split-by", "block"][..], &filtered].concat(),
    );
    check_parts(&exports, "Block Name", &folder(&place), &filtered);
}

#[test]
fn parts_from_a_nightly_output_are_the_same() {
    let exports = many_learners(11);
    let (reports, _day) = exports.nightly(&[]);
    let options = ["--batch", "b1", "--split-by", "block", "--progress", "0..99"];
    let (_keep, made) = write_to(&exports, "parts.zip", &options);
    assert_same_from(&reports, &made, &options);
}

#[test]
fn a_workbook_has_a_sheet_for_each_part() {
    let exports = many_learners(11);
    let options = [
        "--batch",
        "b1",
        "--split-by",
        "block",
        "--format",
        "xlsx",
        "--no-formula-escape",
    ];
    let csv = ["--batch", "b1", "--split-by", "block", "--no-formula-escape"];
    let (_keep, files) = write_to(&exports, "parts", &csv);
    let files = folder(&files);
    let (_, index) = parsed(&files["index.csv"]);
    let (_keep, workbook) = write_to(&exports, "parts.xlsx", &options);
    let bytes = fs::read(workbook).expect("a workbook");
    let mut workbook: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).expect("a workbook");
    let names = workbook.sheet_names();
    assert_eq!((names[0].as_str(), names.len()), ("Index", index.len() + 1));
    let (header, lines) = sheet_rows(&mut workbook, "Index");
    assert_eq!(header, ["Sheet", "Value", "Rows", "Completed", "Average Progress"]);
    for ((name, line), listed) in names[1..].iter().zip(&lines).zip(&index) {
        assert_eq!((&line[0], &line[1..4]), (name, &listed[1..4]));
        assert_eq!(sheet_rows(&mut workbook, name), parsed(&files[&listed[0]]), "{name}");
    }
    // A workbook each, where a folder or an archive is named.
    let (_keep, folder_of_files) = write_to(&exports, "parts", &options);
    let workbooks = folder(&folder_of_files);
    for listed in &index {
        let bytes = workbooks[&listed[0].replace(".csv", ".xlsx")].clone();
        let mut workbook: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).expect("a workbook");
        assert_eq!(
            sheet_rows(&mut workbook, "Course Progress Report"),
            parsed(&files[&listed[0]])
        );
    }
}

#[test]
fn names_of_files_are_readable_and_never_the_same() {
    let exports = many_learners(11);
    let (_keep, place) = write_to(&exports, "parts", &["--batch", "b1", "--split-by", "block"]);
    let (_, index) = parsed(&folder(&place)["index.csv"]);
    // Three are the same where case does not count; the digits are those of their SHA-256.
    let expected = BTreeMap::from([
        ("Block 1", "Block-1~8eb412d8.csv"),
        ("block 1", "block-1~cabdbdfa.csv"),
        (" Block 1", "Block-1~fe862e18.csv"),
        ("मैसूरु", "मैसूरु.csv"),
        ("O'Brien, \"x\"", "O-Brien,-x.csv"),
        ("'=1+1", "1+1.csv"),
        ("a\nb", "a-b.csv"),
        ("", "_blank.csv"),
    ]);
    let named: BTreeMap<&str, &str> = index.iter().map(|line| (line[1].as_str(), line[0].as_str())).collect();
    assert_eq!(named, expected);
    assert_eq!(index.last().map(|line| line[0].as_str()), Some("_blank.csv"));
    let mode = |path: &Path| fs::metadata(path).expect("a file").permissions().mode() & 0o777;
    assert_eq!(mode(&place), 0o700);
    for line in &index {
        assert_eq!(mode(&place.join(&line[0])), 0o600);
    }
}

#[test]
fn the_same_rows_give_the_same_archive() {
    let exports = many_learners(11);
    let archive = |threads: &str| {
        let options = ["--batch", "b1", "--split-by", "school", "--threads", threads];
        let (_keep, place) = write_to(&exports, "parts.zip", &options);
        fs::read(place).expect("an archive")
    };
    assert_eq!(archive("1"), archive("4"));
}

#[test]
fn parquet_parts_have_typed_columns() {
    let exports = TestExports::small();
    let options = ["--batch", "b1", "--split-by", "block", "--format", "parquet"];
    let (_keep, place) = write_to(&exports, "parts", &options);
    insta::assert_snapshot!(query_parquet(&place.join("Block-1.parquet"), "select user_id, block_name, enrollment_date, course_progress from files"), @r"
    +---------+------------+-----------------+-----------------+
    | user_id | block_name | enrollment_date | course_progress |
    +---------+------------+-----------------+-----------------+
    | u1      | Block 1    | 2026-10-01      | 40              |
    +---------+------------+-----------------+-----------------+
    ");
    assert_eq!(
        query_parquet(&place.join("_blank.parquet"), "select user_id from files")
            .matches("u2")
            .count(),
        1
    );
}

#[test]
fn several_batches_are_an_archive_or_one_file() {
    let exports = TestExports::small().table(
        "enrolments",
        &enrolments(
            "('u2', 'c1', 'b1', '2026-10-01T00:00:00', true),
            ('u1', 'c1', 'b1', '2026-10-01T00:00:00', true),
            ('u1', 'c1', 'b3', '2026-10-02T00:00:00', true),
            ('u1', 'c2', 'b4', '2026-10-02T00:00:00', true)",
        ),
    );
    // One is only named by enrolments, and nobody is enrolled in one.
    let (_keep, one_file) = write_to(&exports, "all.csv", &["--course", "c1"]);
    let (header, rows) = parsed(&fs::read(one_file).expect("a file"));
    assert_eq!(header[..3], ["Batch", "External ID", "User ID"]);
    assert_eq!(header.len(), 13);
    let ids: Vec<(&str, &str)> = rows.iter().map(|row| (row[0].as_str(), row[2].as_str())).collect();
    assert_eq!(ids, [("b1", "u1"), ("b1", "u2"), ("b3", "u1")]);
    let (_keep, archive) = write_to(&exports, "all.zip", &["--course", "c1"]);
    let files = unpacked(&archive);
    insta::assert_snapshot!(String::from_utf8(files["index.csv"].clone()).expect("UTF-8").trim_start_matches('\u{feff}'), @r"
    File,Value,Rows,Completed,Average Progress
    Batch-1.csv,b1,2,1,70.0%
    Batch-2.csv,b2,0,0,
    b3.csv,b3,1,0,0.0%
    ");
    for (file, batch) in [("Batch-1.csv", "b1"), ("Batch-2.csv", "b2"), ("b3.csv", "b3")] {
        let (_keep, alone) = write_to(&exports, "one.csv", &["--batch", batch]);
        assert_eq!(files[file], fs::read(alone).expect("a report"), "{file}");
    }
    // A list is the same; a batch that is named twice is there once.
    let list = ["--batch", "b3", "--batch", "b1", "--batch", "b3"];
    let (_keep, listed) = write_to(&exports, "all.csv", &list);
    let (_, rows) = parsed(&fs::read(listed).expect("a file"));
    assert_eq!(
        rows.iter().map(|row| row[0].as_str()).collect::<Vec<_>>(),
        ["b1", "b1", "b3"]
    );
    // Split by a column, each part has rows of all batches.
    let (_keep, parts) = write_to(&exports, "parts", &["--course", "c1", "--split-by", "block"]);
    let (header, rows) = parsed(&folder(&parts)["Block-1.csv"]);
    assert_eq!(header[0], "Batch");
    assert_eq!(rows.iter().map(|row| row[0].as_str()).collect::<Vec<_>>(), ["b1", "b3"]);
}

#[test]
fn several_batches_of_a_nightly_output_are_the_same() {
    let exports = many_learners(3);
    let (reports, _day) = exports.nightly(&[]);
    for options in [
        &["--course", "c1"][..],
        &["--batch", "b2", "--batch", "b1"],
        &["--course", "c1", "--block", ""],
    ] {
        let (_keep, made) = write_to(&exports, "all.csv", options);
        assert_same_from(&reports, &made, options);
    }
}

#[test]
fn a_split_without_rows_is_a_list_alone() {
    let exports = TestExports::small();
    let (_keep, place) = write_to(&exports, "parts", &["--batch", "b2", "--split-by", "block"]);
    let files = folder(&place);
    assert_eq!(files.keys().collect::<Vec<_>>(), ["index.csv"]);
    assert_eq!(parsed(&files["index.csv"]).1.len(), 0);
}

#[test]
fn too_many_parts_are_refused() {
    let users = "select cast(value as varchar) as user_id, null::varchar as external_id, null::varchar as first_name,
            null::varchar as last_name, null::varchar as email, null::varchar as mobile, null::varchar as organization_name,
            case when value < 501 then concat('d', value) end as district_name, null::varchar as school_name,
            concat('b', value) as block_name, null::varchar as tenant_id
        from generate_series(0, 2000)";
    let enrolled = "select cast(value as varchar) as user_id, 'c1' as course_id, 'b1' as batch_id,
            arrow_cast('2026-10-01T00:00:00', 'Timestamp(Millisecond, Some(\"UTC\"))') as enrolled_at, true as active
        from generate_series(0, 2000)";
    let exports = TestExports::small()
        .table("users", users)
        .table("enrolments", enrolled)
        .table("batches", BATCHES);
    let place = tempfile::tempdir().expect("a folder");
    let complaint = |name: &str, options: &[&str]| {
        let file = place.path().join(name);
        let all = [&["--batch", "b1", "-o", file.to_str().expect("UTF-8")][..], options].concat();
        wrapped(&exports.complaint(1, "report", &all))
    };
    insta::assert_snapshot!(complaint("blocks", &["--split-by", "block"]), @r"
    error: there are more than 2000 different values of Block Name, and each would be a file; filter the
    report first, or split it by another column
    ");
    insta::assert_snapshot!(complaint("districts.xlsx", &["--split-by", "district", "--format", "xlsx"]), @r"
    error: a workbook holds 500 sheets at most and there are 502 parts; write a file each into a folder
    or a ZIP archive, or filter the report first
    ");
    // Nothing is left behind.
    assert_eq!(fs::read_dir(place.path()).expect("entries").count(), 0);
}

#[test]
fn a_place_that_parts_do_not_fit_into_is_wrong_usage() {
    let exports = TestExports::small();
    let complaint = |options: &[&str]| {
        let all = [&["--batch", "b1", "--split-by", "block"][..], options].concat();
        wrapped(&exports.complaint(2, "report", &all))
    };
    insta::assert_snapshot!(complaint(&[]), @r"
    error: --split-by writes several files, which standard output cannot hold; name a folder, a file
    that ends with .zip, or with --format xlsx one that ends with .xlsx, with -o
    ");
    insta::assert_snapshot!(complaint(&["-o", "report.csv"]), @r"
    error: --split-by writes several files, which report.csv cannot hold; name a folder, a file that
    ends with .zip, or with --format xlsx one that ends with .xlsx, with -o
    ");
    insta::assert_snapshot!(complaint(&["-o", "report.xlsx"]), @r"
    error: --split-by writes several files, which report.xlsx cannot hold; name a folder, a file that
    ends with .zip, or with --format xlsx one that ends with .xlsx, with -o
    ");
    let taken = exports.path().join("users");
    insta::assert_snapshot!(complaint(&["-o", taken.to_str().expect("UTF-8")]), @r"
    error: EXPORTS/users is there already and not an empty folder; name another folder with -o, or
    remove it
    ");
}

#[test]
fn an_unknown_course_is_an_error() {
    let exports = TestExports::small();
    insta::assert_snapshot!(wrapped(&exports.complaint(1, "report", &["--course", "c9"])), @r"
    error: course 'c9' has no batch in table batches or in table enrolments of the snapshot of
    2026-11-22; check the id or choose another --date
    ");
    insta::assert_snapshot!(wrapped(&exports.complaint(1, "report", &["--batch", "b1", "--batch", "b9"])), @r"
    error: batch 'b9' is neither in table batches nor in table enrolments of the snapshot of 2026-11-22;
    check the id or choose another --date
    ");
}
