//! Rows of one kind in pieces of one size.
//!
//! They grow without being moved, and all but the last piece are full: how much memory so many rows take is known before.

/// Rows of a full piece.
pub const PIECE_ROWS: usize = 4_096;

/// Some rows.
#[derive(Debug, Clone)]
pub struct Pieces<R>(Vec<Vec<R>>);

impl<R> Pieces<R> {
    /// Appends a row.
    pub fn push(&mut self, row: R) {
        match self.0.last_mut() {
            Some(piece) if piece.len() < PIECE_ROWS => piece.push(row),
            _ => {
                let mut piece = Vec::with_capacity(PIECE_ROWS);
                piece.push(row);
                self.0.push(piece);
            }
        }
    }

    /// Appends the rows of another reader.
    pub fn append(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.0.iter().map(Vec::len).sum()
    }
}

impl<R> Default for Pieces<R> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<R> IntoIterator for Pieces<R> {
    type Item = R;
    type IntoIter = std::iter::Flatten<std::vec::IntoIter<Vec<R>>>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_all_readers_come_in_their_order() {
        let (mut rows, mut more) = (Pieces::default(), Pieces::default());
        let count = 2 * PIECE_ROWS + 1;
        (0..count).for_each(|row| rows.push(row));
        (count..count + 3).for_each(|row| more.push(row));
        rows.append(more);
        assert_eq!(rows.len(), count + 3);
        assert!(rows.into_iter().eq(0..count + 3));
    }
}
