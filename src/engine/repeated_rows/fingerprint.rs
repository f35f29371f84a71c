//! Fingerprints of keys: a hash of eight bytes for any number of columns; for texts with a time, numbers that are
//! nearly equal where the times are close.

use std::hash::{BuildHasher, Hasher};

use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringViewArray};
use datafusion::arrow::datatypes::{DataType, TimestampMicrosecondType};
use datafusion::common::hash_utils::{RandomState, create_hashes};
use datafusion::common::{Result, exec_err};
use foldhash::fast::FixedState;

/// Ends each text of a key, so that ("ab", "c") and ("a", "bc") differ. UTF-8 has no such byte.
const END: u8 = 0xff;
/// The lowest bits of a fingerprint with a time: the number of its time slot, counted from the middle. With slots of a
/// minute they suffice from 1843 to 2097. Times outside share the first or last slot and count as neighbours, which
/// costs time but does not change results.
const TIME_SLOT_BITS: u32 = 27;

/// Whether a column of this type can be part of a key. Floats cannot: NaN and the two zeros are equal in some
/// comparisons and not in others.
pub fn can_be_of_key(column: &DataType) -> bool {
    let is_plain = column.is_integer() || column.is_temporal() || column.is_decimal();
    let is_text = column.is_string() || matches!(column, DataType::Binary | DataType::BinaryView);
    is_plain || is_text || *column == DataType::Boolean
}

/// The fingerprint of each row's columns `key`; `None` where one of them is NULL.
pub fn fingerprints(rows: &RecordBatch, key: &[usize]) -> Result<Vec<Option<u64>>> {
    let columns: Vec<&ArrayRef> = key.iter().map(|&column| rows.column(column)).collect();
    let is_text = |column: &&ArrayRef| *column.data_type() == DataType::Utf8View;
    if !columns.iter().all(is_text) {
        let mut hashes = vec![0; rows.num_rows()];
        create_hashes(columns.iter().copied(), &RandomState::with_seed(0), &mut hashes)?;
        let has_all = |row: usize| columns.iter().all(|column| column.is_valid(row));
        let hashes = hashes.into_iter().enumerate();
        return Ok(hashes.map(|(row, hash)| has_all(row).then_some(hash)).collect());
    }
    let texts = texts_of(rows, key)?;
    let hasher = FixedState::default();
    Ok((0..rows.num_rows())
        .map(|row| fingerprint(&texts, row, &hasher))
        .collect())
}

/// Fingerprints of texts and a time in microseconds. They differ by at most one for rows with equal texts whose times
/// are at most `within_micros` apart; `None` where a value is NULL.
pub fn fingerprints_in_time(
    rows: &RecordBatch,
    key: &[usize],
    time: usize,
    within_micros: i64,
) -> Result<Vec<Option<u64>>> {
    let texts = texts_of(rows, key)?;
    let column = rows.column(time);
    let Some(times) = column.as_primitive_opt::<TimestampMicrosecondType>() else {
        return exec_err!(
            "a key's time is a timestamp in microseconds, not {}",
            column.data_type()
        );
    };
    let hasher = FixedState::default();
    let middle = 1_i64 << (TIME_SLOT_BITS - 1);
    let in_time = |row: usize| {
        let texts = fingerprint(&texts, row, &hasher)?;
        let stretch = times
            .is_valid(row)
            .then(|| times.value(row).div_euclid(within_micros))?;
        let place = middle + stretch.clamp(-middle, middle - 1);
        Some(texts << TIME_SLOT_BITS | place.cast_unsigned())
    };
    Ok((0..rows.num_rows()).map(in_time).collect())
}

fn texts_of<'a>(rows: &'a RecordBatch, key: &[usize]) -> Result<Vec<&'a StringViewArray>> {
    let texts = key.iter().map(|&column| {
        let column = rows.column(column);
        match column.as_string_view_opt() {
            Some(texts) => Ok(texts),
            None => exec_err!("a key is text, not {}", column.data_type()),
        }
    });
    texts.collect()
}

fn fingerprint(key: &[&StringViewArray], row: usize, hasher: &FixedState) -> Option<u64> {
    let mut hash = hasher.build_hasher();
    for texts in key {
        if texts.is_null(row) {
            return None;
        }
        hash.write(texts.value(row).as_bytes());
        hash.write_u8(END);
    }
    Some(hash.finish())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{Date32Array, TimestampMicrosecondArray};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn keys_are_the_same_where_all_their_texts_are() {
        let column = |texts: [Option<&str>; 4]| -> ArrayRef { Arc::new(StringViewArray::from_iter(texts)) };
        let rows = RecordBatch::try_from_iter([
            ("a", column([Some("ab"), Some("a"), Some("ab"), Some("ab")])),
            ("b", column([Some("c"), Some("bc"), Some("c"), None])),
        ])
        .expect("rows");
        let found = fingerprints(&rows, &[0, 1]).expect("texts");
        assert_eq!(found[0], found[2]);
        assert_ne!(found[0], found[1]);
        assert_eq!(found[3], None);
    }

    #[test]
    fn keys_of_other_types_are_compared_too() {
        let days = Date32Array::from(vec![Some(1), Some(2), Some(1), None]);
        let names = StringViewArray::from(vec![Some("a"), Some("a"), Some("a"), Some("a")]);
        let rows = RecordBatch::try_from_iter([
            ("day", Arc::new(days) as ArrayRef),
            ("name", Arc::new(names) as ArrayRef),
        ]);
        let rows = rows.expect("rows");
        for key in [&[0][..], &[0, 1]] {
            let found = fingerprints(&rows, key).expect("fingerprints");
            assert_eq!(found[0], found[2]);
            assert!(found[0].is_some() && found[0] != found[1]);
            assert_eq!(found[3], None);
        }
        assert!(can_be_of_key(rows.column(0).data_type()) && !can_be_of_key(&DataType::Float64));
    }

    const WITHIN: i64 = 60_000_000;

    fn in_time(times: &[Option<i64>], text: &str) -> Vec<Option<u64>> {
        let texts: StringViewArray = times.iter().map(|_| Some(text)).collect();
        let times: TimestampMicrosecondArray = times.iter().copied().collect();
        let rows = RecordBatch::try_from_iter([
            ("text", Arc::new(texts) as ArrayRef),
            ("time", Arc::new(times) as ArrayRef),
        ])
        .expect("rows");
        fingerprints_in_time(&rows, &[0], 1, WITHIN).expect("fingerprints")
    }

    #[test]
    fn without_a_time_there_is_no_fingerprint_and_other_texts_are_far_away() {
        let [one, none] = in_time(&[Some(0), None], "a")[..] else {
            panic!("two rows")
        };
        assert_eq!(none, None);
        let other = in_time(&[Some(0)], "b")[0].expect("a fingerprint");
        assert!(one.expect("a fingerprint").abs_diff(other) > 1);
    }

    proptest! {
        #[test]
        fn fingerprints_of_close_times_are_neighbours(
            time in prop_oneof![-4_000_000_000_000_000_i64..4_000_000_000_000_000, Just(-1), Just(-WITHIN)],
            apart in 0..=WITHIN,
        ) {
            let found = in_time(&[Some(time), Some(time + apart), Some(time + 3 * WITHIN)], "a");
            let [one, close, far] = found[..] else { panic!("three rows") };
            let (one, close, far) = (one.expect("one"), close.expect("close"), far.expect("far"));
            prop_assert!(one.abs_diff(close) <= 1);
            prop_assert_eq!(one >> TIME_SLOT_BITS, close >> TIME_SLOT_BITS);
            prop_assert!(one.abs_diff(far) > 1);
        }

        #[test]
        fn times_far_away_are_close_to_each_other(time in 5_000_000_000_000_000_i64..i64::MAX) {
            for sign in [1, -1] {
                let found = in_time(&[Some(sign * time), Some(sign * i64::MAX)], "a");
                prop_assert_eq!(found[0], found[1]);
            }
        }
    }
}
