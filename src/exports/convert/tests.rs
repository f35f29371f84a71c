//! Every physical type of a value converts to the same value, and an ambiguous value is refused, with its row.

use chrono::DateTime;
use datafusion::arrow::array::{
    BinaryArray, BinaryViewArray, BooleanArray, Date32Array, Date64Array, Decimal128Array, Decimal256Array,
    DictionaryArray, FixedSizeBinaryArray, Float32Array, Float64Array, Int8Array, Int32Array, Int64Array,
    LargeBinaryArray, LargeListArray, LargeStringArray, ListArray, NullArray, PrimitiveArray, StringArray,
    TimestampMicrosecondArray, TimestampMillisecondArray, TimestampNanosecondArray, TimestampSecondArray, UInt8Array,
    UInt64Array,
};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
use datafusion::arrow::datatypes::{Date32Type, Float64Type, Int8Type, Int32Type, TimestampMicrosecondType, i256};
use proptest::prelude::*;

use super::*;
use crate::exports::contract::UUID_EXTENSION;

const NAME: &str = "column";

fn column(kind: Kind) -> Column {
    Column {
        name: NAME,
        kind,
        required: true,
    }
}

fn kolkata() -> Zone {
    "Asia/Kolkata".parse().expect("a zone")
}

fn convert(kind: Kind, values: ArrayRef) -> Result<ArrayRef, Unconvertible> {
    let field = Field::new(NAME, values.data_type().clone(), true);
    let converted = canonical_array(&column(kind), &field, &values, &kolkata())?;
    assert_eq!(converted.data_type(), &kind.data_type());
    assert_eq!(converted.len(), values.len());
    Ok(converted)
}

fn converted(kind: Kind, values: impl Array + 'static) -> ArrayRef {
    convert(kind, Arc::new(values)).expect("readable")
}

fn refusal(kind: Kind, values: impl Array + 'static) -> Unconvertible {
    convert(kind, Arc::new(values)).expect_err("refused")
}

fn texts(values: impl Array + 'static) -> Vec<Option<String>> {
    let texts = converted(Kind::Text, values);
    texts
        .as_string_view()
        .iter()
        .map(|text| text.map(str::to_owned))
        .collect()
}

fn flags(values: impl Array + 'static) -> Vec<Option<bool>> {
    converted(Kind::Boolean, values).as_boolean().iter().collect()
}

fn numbers(values: impl Array + 'static) -> Vec<Option<f64>> {
    converted(Kind::Percent, values)
        .as_primitive::<Float64Type>()
        .iter()
        .collect()
}

fn times(values: impl Array + 'static) -> Vec<Option<i64>> {
    let times = converted(Kind::Timestamp, values);
    times.as_primitive::<TimestampMicrosecondType>().iter().collect()
}

fn dates(values: impl Array + 'static) -> Vec<Option<i32>> {
    converted(Kind::Date, values)
        .as_primitive::<Date32Type>()
        .iter()
        .collect()
}

fn lists(values: impl Array + 'static) -> Vec<Option<Vec<Option<String>>>> {
    let lists = converted(Kind::TextList, values);
    let items = |items: ArrayRef| {
        items
            .as_string_view()
            .iter()
            .map(|item| item.map(str::to_owned))
            .collect()
    };
    lists.as_list::<i32>().iter().map(|list| list.map(items)).collect()
}

fn some(texts: &[&str]) -> Vec<Option<String>> {
    texts.iter().map(|text| Some((*text).to_owned())).collect()
}

const SPELLED: [Option<&str>; 4] = [Some("a"), Some(" "), None, Some("अनीता of more than twelve bytes")];

#[test]
fn text_of_any_layout_is_the_same_text() {
    let expected = texts(StringViewArray::from(SPELLED.to_vec()));
    assert_eq!(expected[1], None, "blank text is missing");
    assert_eq!(texts(StringArray::from(SPELLED.to_vec())), expected);
    assert_eq!(texts(LargeStringArray::from(SPELLED.to_vec())), expected);
    let bytes: Vec<Option<&[u8]>> = SPELLED.iter().map(|text| text.map(str::as_bytes)).collect();
    assert_eq!(texts(BinaryArray::from(bytes.clone())), expected);
    assert_eq!(texts(LargeBinaryArray::from(bytes.clone())), expected);
    assert_eq!(texts(BinaryViewArray::from(bytes)), expected);
    let dictionary: DictionaryArray<Int8Type> = SPELLED.iter().copied().collect();
    assert_eq!(texts(dictionary), expected);
}

#[test]
fn text_without_blanks_is_not_copied() {
    let text: ArrayRef = Arc::new(StringViewArray::from(vec![Some("a"), None]));
    let kept = convert(Kind::Text, Arc::clone(&text)).expect("text");
    assert!(Arc::ptr_eq(&text, &kept));
    let times = TimestampMicrosecondArray::from(vec![1, 2]).with_timezone("+00:00");
    let buffer = times.values().inner().as_ptr();
    let kept = converted(Kind::Timestamp, times);
    let kept = kept.as_primitive::<TimestampMicrosecondType>();
    assert_eq!(kept.values().inner().as_ptr(), buffer);
}

#[test]
fn bytes_that_are_not_utf_8_never_become_text() {
    let cut = &"अनीता".as_bytes()[..4];
    for kind in [
        Kind::Text,
        Kind::Boolean,
        Kind::Percent,
        Kind::Timestamp,
        Kind::Date,
        Kind::TextList,
    ] {
        let bytes: Vec<Option<&[u8]>> = vec![None, Some(b" "), Some(cut)];
        for refused in [
            refusal(kind, BinaryArray::from(bytes.clone())),
            refusal(kind, LargeBinaryArray::from(bytes.clone())),
            refusal(kind, BinaryViewArray::from(bytes.clone())),
            refusal(kind, bytes.iter().copied().collect::<BinaryArray>()),
        ] {
            assert_eq!(refused.row, 2, "{kind:?}");
            assert_eq!(
                refused.reason,
                "its bytes are not UTF-8 text: byte 4 of the value is wrong"
            );
        }
    }
    let keys = PrimitiveArray::<Int32Type>::from(vec![1, 0, 1]);
    let values = |last: &[u8]| Arc::new(BinaryArray::from(vec![b"a".as_slice(), b"b", last]));
    let dictionary = DictionaryArray::new(keys.clone(), values(cut));
    assert_eq!(
        texts(dictionary),
        some(&["b", "a", "b"]),
        "no row has the value that is wrong"
    );
    let dictionary = DictionaryArray::new(PrimitiveArray::<Int32Type>::from(vec![1, 2]), values(cut));
    assert_eq!(refusal(Kind::Text, dictionary).row, 1);
    let items = Arc::new(BinaryArray::from(vec![b"a".as_slice(), b"b", cut]));
    let item = Arc::new(Field::new_list_field(DataType::Binary, true));
    let offsets = OffsetBuffer::new(ScalarBuffer::from(vec![0, 0, 1, 3]));
    let list = ListArray::new(item, offsets, items, None);
    assert_eq!(refusal(Kind::TextList, list.clone()).row, 2);
    assert_eq!(lists(list.slice(0, 2)), [Some(vec![]), Some(some(&["a"]))]);
}

#[test]
fn bytes_below_a_null_are_nobody_s_text() {
    let bytes = BinaryArray::from(vec![b"a".as_slice(), &[0xff; 20], b"c"]);
    let (offsets, values, _) = bytes.into_parts();
    let nulls = NullBuffer::from(vec![true, false, true]);
    let bytes = BinaryArray::new(offsets, values, Some(nulls));
    let views = widened(&(Arc::new(bytes) as ArrayRef), &DataType::BinaryView).expect("views");
    let read = convert(Kind::Text, views).expect("text");
    let read: Vec<_> = read.as_string_view().iter().collect();
    assert_eq!(read, [Some("a"), None, Some("c")]);
}

#[test]
fn whole_numbers_are_ids() {
    assert_eq!(texts(Int8Array::from(vec![-1, 12])), some(&["-1", "12"]));
    assert_eq!(
        texts(UInt64Array::from(vec![u64::MAX])),
        some(&["18446744073709551615"])
    );
    let decimals = |values: Vec<i128>, scale| Decimal128Array::from(values).with_precision_and_scale(38, scale);
    assert_eq!(
        texts(decimals(vec![12_300, -100], 2).expect("decimals")),
        some(&["123", "-1"])
    );
    assert_eq!(texts(decimals(vec![7], -2).expect("decimals")), some(&["700"]));
    let refused = refusal(Kind::Text, decimals(vec![100, 101], 2).expect("decimals"));
    assert_eq!(refused.row, 1);
    assert!(!refused.reason.contains("101"), "{refused}");
    let wide = |values: Vec<i128>, scale| {
        let values = values.into_iter().map(i256::from_i128).collect::<Vec<_>>();
        Decimal256Array::from(values).with_precision_and_scale(76, scale)
    };
    assert_eq!(texts(wide(vec![5_000], 3).expect("decimals")), some(&["5"]));
    assert_eq!(texts(wide(vec![5], -3).expect("decimals")), some(&["5000"]));
    assert_eq!(refusal(Kind::Text, wide(vec![5_001], 3).expect("decimals")).row, 0);
    assert_eq!(texts(wide(vec![0], 76).expect("decimals")), some(&["0"]));
    let refused = refusal(Kind::Text, Float64Array::from(vec![Some(1.0)]));
    assert_eq!(
        refused.mapping.as_deref(),
        Some("cast(cast(column as bigint) as varchar)")
    );
}

#[test]
fn sixteen_bytes_are_a_uuid_where_the_field_says_so() {
    let bytes: ArrayRef = Arc::new(
        FixedSizeBinaryArray::try_from_sparse_iter_with_size(
            [
                Some([0x0Fu8, 0, 0, 0, 0xAB, 0, 0x4C, 0, 0x80, 0, 0, 0, 0, 0, 0, 1]),
                None,
            ]
            .into_iter(),
            16,
        )
        .expect("bytes"),
    );
    let field = Field::new(NAME, bytes.data_type().clone(), true);
    let plain = canonical_array(&column(Kind::Text), &field, &bytes, &kolkata()).expect_err("bytes");
    assert_eq!(plain.mapping.as_deref(), Some("encode(column, 'hex')"));
    let uuid = field.with_metadata([("ARROW:extension:name".to_owned(), UUID_EXTENSION.to_owned())].into());
    let texts = canonical_array(&column(Kind::Text), &uuid, &bytes, &kolkata()).expect("a UUID");
    let texts: Vec<_> = texts.as_string_view().iter().collect();
    assert_eq!(texts, [Some("0f000000-ab00-4c00-8000-000000000001"), None]);
}

#[test]
fn flags_of_any_spelling() {
    let expected = [Some(true), Some(false), None];
    assert_eq!(flags(BooleanArray::from(expected.to_vec())), expected);
    assert_eq!(flags(UInt8Array::from(vec![Some(1), Some(0), None])), expected);
    assert_eq!(flags(Int64Array::from(vec![Some(1), Some(0), None])), expected);
    assert_eq!(flags(Float32Array::from(vec![Some(1.0), Some(-0.0), None])), expected);
    for (yes, no) in [
        ("true", "false"),
        ("True", "False"),
        ("TRUE", "FALSE"),
        ("1", "0"),
        (" true", "false "),
    ] {
        assert_eq!(flags(StringArray::from(vec![yes, no, " "])), expected);
    }
    assert_eq!(refusal(Kind::Boolean, Int8Array::from(vec![1, 2])).row, 1);
    assert_eq!(refusal(Kind::Boolean, Float64Array::from(vec![0.5])).row, 0);
    for other in ["yes", "t", "01", "1.0", "-1", "null"] {
        let refused = refusal(Kind::Boolean, StringArray::from(vec!["true", other]));
        assert_eq!(refused.row, 1, "{other}");
        assert!(refused.reason.contains(other), "{refused}");
    }
}

#[test]
fn percents_of_any_spelling() {
    let expected = [Some(62.5), Some(100.0), None];
    assert_eq!(
        numbers(Float32Array::from(expected.map(|n| n.map(|n| n as f32)).to_vec())),
        expected
    );
    assert_eq!(numbers(StringArray::from(vec!["62.5", " +100 ", ""])), expected);
    let decimals = Decimal128Array::from(vec![Some(6250), Some(10000), None]).with_precision_and_scale(5, 2);
    assert_eq!(numbers(decimals.expect("decimals")), expected);
    assert_eq!(numbers(Int32Array::from(vec![7])), [Some(7.0)]);
    assert!(numbers(StringArray::from(vec!["NaN"]))[0].is_some_and(f64::is_nan));
    for number in [f64::INFINITY, f64::NEG_INFINITY] {
        let refused = refusal(Kind::Percent, Float64Array::from(vec![Some(1.0), None, Some(number)]));
        let said = (refused.row, refused.reason.as_str(), refused.mapping.as_deref());
        let mapping = "case when abs(column) <= 1e308 then column end";
        let reason = format!("{number} is not a number such as 62.5");
        assert_eq!(said, (2, reason.as_str(), Some(mapping)));
        assert_eq!(refusal(Kind::Percent, Float32Array::from(vec![number as f32])).row, 0);
        let below = Some(NullBuffer::from(vec![true, false]));
        let masked = Float64Array::new(ScalarBuffer::from(vec![1.0, number]), below);
        assert_eq!(numbers(masked), [Some(1.0), None]);
    }
    assert!(numbers(Float64Array::from(vec![f64::NAN]))[0].is_some_and(f64::is_nan));
    for other in [
        "62,5", "62.5%", "inf", "-inf", "Infinity", "1e400", "-1e400", "1e", "0x10", "६२", ".",
    ] {
        assert_eq!(
            refusal(Kind::Percent, StringArray::from(vec!["1", other])).row,
            1,
            "{other}"
        );
    }
}

#[test]
fn times_of_any_unit_and_spelling_are_the_same_moment() {
    let moment = 1_795_322_700_000_000;
    let expected = [Some(moment), None];
    assert_eq!(
        times(TimestampSecondArray::from(vec![Some(moment / 1_000_000), None])),
        expected
    );
    assert_eq!(
        times(TimestampMillisecondArray::from(vec![Some(moment / 1_000), None])),
        expected
    );
    let micros = TimestampMicrosecondArray::from(expected.to_vec());
    assert_eq!(times(micros.clone()), expected);
    assert_eq!(times(micros.with_timezone("America/Vancouver")), expected);
    assert_eq!(
        times(TimestampNanosecondArray::from(vec![Some(moment * 1_000 + 999), None])),
        expected
    );
    let spelled = [
        "2026-11-22T04:45:00Z",
        "2026-11-22 10:15:00+05:30",
        "2026-11-22T04:45:00",
        " 2026-11-22 04:45 ",
    ];
    for text in spelled {
        assert_eq!(
            times(LargeStringArray::from(vec![Some(text), Some("")])),
            expected,
            "{text}"
        );
    }
    assert_eq!(
        times(TimestampNanosecondArray::from(vec![-1])),
        [Some(-1)],
        "rounded down before 1970 too"
    );
}

#[test]
fn times_that_do_not_fit_are_refused_and_not_wrapped_round() {
    let seconds = TimestampSecondArray::from(vec![0, i64::MAX / 1_000_000 + 1]);
    assert_eq!(refusal(Kind::Timestamp, seconds).row, 1);
    assert_eq!(
        refusal(Kind::Timestamp, TimestampMillisecondArray::from(vec![i64::MIN])).row,
        0
    );
    let refused = refusal(
        Kind::Timestamp,
        TimestampMicrosecondArray::from(vec![Some(0), None, Some(i64::MAX)]),
    );
    assert_eq!(
        refused.to_string(),
        "9223372036854775807 microseconds since 1970 is not in the years 1 to 9999"
    );
    assert_eq!(refused.row, 2);
    // The bytes in the slot of a NULL are not a value.
    let nulls = Some(NullBuffer::from(vec![true, false]));
    let masked = TimestampMicrosecondArray::new(ScalarBuffer::from(vec![1, i64::MAX]), nulls.clone());
    assert_eq!(times(masked), [Some(1), None]);
    for below in [2, i64::MAX, i64::MIN] {
        let masked = TimestampMillisecondArray::new(ScalarBuffer::from(vec![1, below]), nulls.clone());
        assert_eq!(times(masked), [Some(1_000), None], "{below}");
    }
    let last_day = "9999-12-31T23:59:59.999999Z";
    let micros = DateTime::parse_from_rfc3339(last_day)
        .expect("a time")
        .timestamp_micros();
    assert_eq!(times(StringArray::from(vec![last_day])), [Some(micros)]);
    assert_eq!(times(TimestampMicrosecondArray::from(vec![micros])), [Some(micros)]);
}

#[test]
fn times_outside_the_years_1_to_9999_are_refused_in_every_type() {
    let (first, last) = (-62_135_596_800_000_000, 253_402_300_799_999_999);
    let both = [Some(first), Some(last)];
    assert_eq!(times(TimestampMicrosecondArray::from(both.to_vec())), both);
    let spelled = StringArray::from(vec!["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"]);
    assert_eq!(times(spelled), both);
    for outside in [first - 1, last + 1] {
        let seconds = outside.div_euclid(1_000_000);
        for values in [
            Arc::new(TimestampMicrosecondArray::from(vec![first, outside])) as ArrayRef,
            Arc::new(TimestampMillisecondArray::from(vec![0, seconds * 1_000])),
            Arc::new(TimestampSecondArray::from(vec![0, seconds])),
        ] {
            let refused = convert(Kind::Timestamp, values).expect_err("refused");
            assert_eq!(refused.row, 1);
            assert!(refused.reason.ends_with("is not in the years 1 to 9999"), "{refused}");
        }
        let below = Some(NullBuffer::from(vec![true, false]));
        let masked = TimestampMicrosecondArray::new(ScalarBuffer::from(vec![1, outside]), below);
        assert_eq!(times(masked), [Some(1), None]);
    }
    for text in [
        "0000-12-31T23:59:59Z",
        "0001-01-01T00:00:00+05:30",
        "9999-12-31T23:59:59-05:00",
    ] {
        let refused = refusal(Kind::Timestamp, StringArray::from(vec![text]));
        assert_eq!(refused.reason, format!("'{text}' is not in the years 1 to 9999 of UTC"));
    }
}

#[test]
fn times_that_may_be_several_are_refused_with_the_sql_that_reads_them() {
    let mapping = |text: &str| {
        refusal(Kind::Timestamp, StringArray::from(vec![text]))
            .mapping
            .unwrap_or_default()
    };
    assert_eq!(mapping("1795322700"), "to_timestamp_seconds(cast(column as bigint))");
    assert_eq!(mapping("1795322700000"), "to_timestamp_millis(cast(column as bigint))");
    let noon = |day: &str| {
        format!(
            "arrow_cast(arrow_cast({day}, 'Timestamp(Microsecond, None)') + interval '12 hours', \
            'Timestamp(Microsecond, Some(\"Asia/Kolkata\"))')"
        )
    };
    assert_eq!(mapping("01/02/2026"), noon("to_date(column, '%d/%m/%Y')"));
    assert_eq!(
        mapping("01.02.2026 10:15:00"),
        "to_timestamp(column, '%d.%m.%Y %H:%M:%S')"
    );
    assert_eq!(mapping("2026-11-22"), noon("to_date(column)"));
    let day = refusal(Kind::Timestamp, Date32Array::from(vec![1]));
    assert_eq!(day.mapping, Some(noon("column")));
    assert_eq!(day.condition, "");
}

#[test]
fn the_unit_of_numbers_since_1970_is_told_by_their_digits() {
    let second = 1_764_028_800;
    for (number, unit, digits) in [
        (second, "seconds", 10),
        (second * 1_000, "millis", 13),
        (second * 1_000_000, "micros", 16),
        (second * 1_000_000_000, "nanos", 19),
    ] {
        let refused = refusal(
            Kind::Timestamp,
            Int64Array::from(vec![None, Some(number), Some(number + 1)]),
        );
        assert_eq!(
            (refused.row, refused.reason.as_str()),
            (1, "it is Int64, expected a Timestamp in UTC")
        );
        assert_eq!(refused.mapping, Some(format!("to_timestamp_{unit}(column)")));
        let next = number + 1;
        let condition = format!("; its values, {number} to {next}, have the {digits} digits of such times");
        assert_eq!(refused.condition, condition);
    }
    let floats = refusal(Kind::Timestamp, Float64Array::from(vec![1_764_028_800_000.0]));
    let expected = "to_timestamp_millis(cast(column as bigint))";
    assert_eq!(floats.mapping.as_deref(), Some(expected));
    // Numbers of 8 or 14 digits may be a date such as 20261122, or a date and a time. Where two units fit, none is
    // proposed.
    for numbers in [
        vec![20_261_122],
        vec![20_261_122_101_500],
        vec![second, second * 1_000],
        vec![0, second],
    ] {
        let refused = refusal(Kind::Timestamp, Int64Array::from(numbers));
        assert_eq!(refused.mapping.as_deref(), Some("to_timestamp_seconds(column)"));
        for words in [
            "10 digits",
            "to_timestamp_millis for 13",
            "micros for 16",
            "nanos for 19",
        ] {
            assert!(refused.condition.contains(words), "{}", refused.condition);
        }
    }
}

#[test]
fn dates_are_the_day_written_or_the_local_day_of_an_instant() {
    let day = 20_779;
    let micros = i64::from(day) * 86_400_000_000;
    let expected = [Some(day), None];
    assert_eq!(dates(Date32Array::from(expected.to_vec())), expected);
    assert_eq!(dates(Date64Array::from(vec![Some(micros / 1_000), None])), expected);
    let midnight = TimestampMicrosecondArray::from(vec![Some(micros), None]);
    assert_eq!(dates(midnight), expected);
    let before = 19_800_000_000;
    let local_midnight = TimestampMicrosecondArray::from(vec![Some(micros - before), None]).with_timezone("UTC");
    assert_eq!(dates(local_midnight), expected);
    let just_before = TimestampMicrosecondArray::from(vec![micros - before - 1]).with_timezone("UTC");
    assert_eq!(dates(just_before), [Some(day - 1)]);
    for text in [
        "2026-11-22",
        "20261122",
        "2026-11-22 00:00:00",
        "2026-11-21T18:30:00Z",
        "2026-11-22T00:00:00+05:30",
    ] {
        assert_eq!(
            dates(StringArray::from(vec![Some(text), Some(" ")])),
            expected,
            "{text}"
        );
    }
    assert_eq!(
        dates(StringArray::from(vec!["9999-12-31", "0001-01-01"])),
        [Some(2_932_896), Some(-719_162)]
    );
    let ends = [Some(2_932_896), Some(-719_162)];
    assert_eq!(dates(Date32Array::from(ends.to_vec())), ends);
    for (beyond, shown) in [
        (2_932_897, "2932897 days"),
        (-719_163, "-719163 days"),
        (i32::MAX, "infinity"),
        (i32::MIN, "-infinity"),
    ] {
        let refused = refusal(Kind::Date, Date32Array::from(vec![Some(day), None, Some(beyond)]));
        assert_eq!(refused.row, 2);
        assert!(refused.reason.starts_with(shown), "{}", refused.reason);
        assert!(
            refused
                .mapping
                .is_some_and(|mapping| mapping.starts_with("case when column between"))
        );
    }
    let refused = refusal(Kind::Date, StringArray::from(vec!["0000-12-31"]));
    assert_eq!((refused.row, refused.mapping), (0, None));
    let refused = refusal(Kind::Date, StringArray::from(vec!["2026-11-22", "01/02/2026"]));
    assert_eq!(
        (refused.row, refused.mapping.as_deref()),
        (1, Some("to_date(column, '%d/%m/%Y')"))
    );
    assert_eq!(refusal(Kind::Date, Date64Array::from(vec![i64::MAX])).row, 0);
    let compact = refusal(Kind::Date, Int32Array::from(vec![20_261_122]));
    assert_eq!(
        compact.mapping.as_deref(),
        Some("to_date(cast(column as varchar), '%Y%m%d')")
    );
}

#[test]
fn lists_of_any_layout_and_json_text() {
    let expected = [Some(some(&["a", "b"])), None, Some(vec![])];
    let rows = [Some(vec![Some("a"), Some("b")]), None, Some(vec![])];
    let mut builder = datafusion::arrow::array::LargeListBuilder::new(datafusion::arrow::array::StringBuilder::new());
    for row in &rows {
        for item in row.iter().flatten() {
            builder.values().append_option(*item);
        }
        builder.append(row.is_some());
    }
    let large: LargeListArray = builder.finish();
    assert_eq!(lists(large), expected);
    assert_eq!(
        lists(StringArray::from(vec![Some(r#"["a", "b"]"#), None, Some("[]")])),
        expected
    );
    assert_eq!(
        lists(BinaryArray::from(vec![
            Some(b"[\"a\",\"b\"]".as_slice()),
            Some(b"null"),
            Some(b"[ ]")
        ])),
        expected
    );
    assert_eq!(
        lists(StringArray::from(vec![r#"["\u0905", null, " ", 12]"#])),
        [Some(vec![Some("अ".to_owned()), None, None, Some("12".to_owned())])]
    );
    let ids = ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(7), None]), None]);
    assert_eq!(lists(ids), [Some(vec![Some("7".to_owned()), None]), None]);
    for other in [
        "a,b",
        "['a']",
        r#"{"a":1}"#,
        r#"[["a"]]"#,
        "[1.5]",
        "[true]",
        "\"a\"",
        "[",
    ] {
        let refused = refusal(Kind::TextList, StringArray::from(vec!["[]", other]));
        assert_eq!(refused.row, 1, "{other}");
        assert_eq!(refused.mapping.as_deref(), Some("string_to_array(column, ',')"));
    }
}

#[test]
fn a_column_of_nulls_is_null_whatever_its_type() {
    for kind in [
        Kind::Text,
        Kind::TextList,
        Kind::Boolean,
        Kind::Percent,
        Kind::Timestamp,
        Kind::Date,
    ] {
        let of_nulls: [ArrayRef; 4] = [
            Arc::new(NullArray::new(2)),
            Arc::new(Float64Array::from(vec![None, None])),
            Arc::new(Int32Array::from(vec![None, None])),
            Arc::new(DictionaryArray::<Int8Type>::from_iter([None::<&str>, None])),
        ];
        for nulls in of_nulls {
            let found = nulls.data_type().clone();
            let read = convert(kind, nulls).unwrap_or_else(|error| panic!("{kind:?} of {found}: {error}"));
            assert_eq!(read.null_count(), 2, "{kind:?} of {found}");
        }
        let none: ArrayRef = Arc::new(Float64Array::from(Vec::<f64>::new()));
        assert_eq!(convert(kind, none).expect("no rows").len(), 0);
    }
}

#[test]
fn a_reason_shows_no_text_of_a_text_column_and_no_line_breaks() {
    let refused = refusal(Kind::Boolean, StringArray::from(vec!["a\nb".repeat(100)]));
    assert!(
        refused.reason.len() < 150 && !refused.reason.contains('\n'),
        "{refused}"
    );
    let mut secret = b"secret".to_vec();
    secret.push(0xff);
    let refused = refusal(Kind::Text, BinaryArray::from(vec![secret.as_slice()]));
    assert!(!refused.reason.contains("secret"), "{refused}");
}

proptest! {
    #[test]
    fn a_slice_converts_as_the_whole_does(
        rows in prop::collection::vec(prop::option::of("[01]|true|\\PC{0,20}|2026-11-2[0-9]"), 0..20),
        start in 0_usize..20,
    ) {
        let start = start.min(rows.len());
        let whole: ArrayRef = Arc::new(StringArray::from(rows.clone()));
        let slice = whole.slice(start, rows.len() - start);
        let alone: ArrayRef = Arc::new(StringArray::from(rows[start..].to_vec()));
        for kind in [Kind::Text, Kind::TextList, Kind::Boolean, Kind::Percent, Kind::Timestamp, Kind::Date] {
            prop_assert_eq!(convert(kind, Arc::clone(&slice)).map(|a| a.to_data()), convert(kind, Arc::clone(&alone)).map(|a| a.to_data()));
        }
    }

    #[test]
    fn decimals_are_the_ids_that_their_digits_are(value in -10_i128.pow(30)..10_i128.pow(30), scale in 0_i8..=7) {
        let spelled = value * 10_i128.pow(u32::from(scale.unsigned_abs()));
        let decimals = Decimal128Array::from(vec![spelled]).with_precision_and_scale(38, scale).expect("decimals");
        prop_assert_eq!(texts(decimals), vec![Some(value.to_string())]);
    }

    #[test]
    fn numbers_as_text_are_the_numbers(number in -1e12_f64..1e12) {
        prop_assert_eq!(numbers(StringArray::from(vec![number.to_string()])), vec![Some(number)]);
    }

    #[test]
    fn units_agree_where_they_can_all_tell(seconds in -9_000_000_000_i64..9_000_000_000) {
        let micros = Some(seconds * 1_000_000);
        prop_assert_eq!(times(TimestampSecondArray::from(vec![seconds])), vec![micros]);
        prop_assert_eq!(times(TimestampMillisecondArray::from(vec![seconds * 1_000])), vec![micros]);
        prop_assert_eq!(times(TimestampNanosecondArray::from(vec![seconds * 1_000_000_000])), vec![micros]);
    }

    #[test]
    fn any_bytes_are_text_or_refused(rows in prop::collection::vec(prop::option::of(prop::collection::vec(any::<u8>(), 0..16)), 1..10)) {
        let first_wrong = rows.iter().position(|row| row.as_ref().is_some_and(|bytes| str::from_utf8(bytes).is_err()));
        let read = convert(Kind::Text, Arc::new(rows.iter().map(Option::as_deref).collect::<BinaryArray>()));
        prop_assert_eq!(read.err().map(|error| error.row), first_wrong);
    }
}
