//! Fingerprints of keys: eight bytes for any number of texts, the same for the same texts.

use std::hash::{BuildHasher, Hasher};

use datafusion::arrow::array::{Array, AsArray, RecordBatch, StringViewArray};
use datafusion::common::{Result, exec_err};
use foldhash::fast::FixedState;

/// Ends each text of a key, so that where one ends counts. No text holds this byte.
const END: u8 = 0xff;

/// The fingerprint of each row's key, the texts in the columns `key`; `None` where one of them is missing.
pub fn fingerprints(rows: &RecordBatch, key: &[usize]) -> Result<Vec<Option<u64>>> {
    let texts = key.iter().map(|&column| {
        let column = rows.column(column);
        match column.as_string_view_opt() {
            Some(texts) => Ok(texts),
            None => exec_err!("a key is text, not {}", column.data_type()),
        }
    });
    let texts = texts.collect::<Result<Vec<_>>>()?;
    let hasher = FixedState::default();
    Ok((0..rows.num_rows())
        .map(|row| fingerprint(&texts, row, &hasher))
        .collect())
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

    use datafusion::arrow::array::ArrayRef;

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
}
