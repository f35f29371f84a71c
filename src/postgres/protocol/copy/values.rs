//! The values of an encoded row: each is its length in four bytes (-1 for NULL), then its bytes.

/// The values of a row in order; NULL is `None`.
pub fn values(row: &[u8]) -> impl Iterator<Item = Option<&[u8]>> {
    let mut rest = row;
    std::iter::from_fn(move || {
        let (length, after) = rest.split_first_chunk::<4>()?;
        match usize::try_from(i32::from_be_bytes(*length)) {
            Ok(length) => {
                let (value, after) = after.split_at_checked(length)?;
                rest = after;
                Some(Some(value))
            }
            Err(_) => {
                rest = after;
                Some(None)
            }
        }
    })
}

/// A row as the encoder of SELECT makes it.
#[cfg(test)]
pub fn row_of(values: &[Option<&str>]) -> Vec<u8> {
    let mut row = Vec::new();
    for value in values {
        let length = value.map_or(-1, |value| i32::try_from(value.len()).expect("a short value"));
        row.extend(length.to_be_bytes());
        row.extend(value.unwrap_or_default().as_bytes());
    }
    row
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_and_empty_values_are_told_apart() {
        let row = row_of(&[Some("a"), None, Some(""), Some("ज़िला")]);
        let texts: Vec<Option<&str>> = values(&row)
            .map(|value| value.map(|value| std::str::from_utf8(value).expect("UTF-8")))
            .collect();
        assert_eq!(texts, [Some("a"), None, Some(""), Some("ज़िला")]);
        assert_eq!(values(&[]).count(), 0);
    }
}
