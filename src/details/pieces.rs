//! A growable list of rows in chunks: it grows without moving rows, and wastes little memory.

/// Rows of the first chunk, and of the largest. In between, a new chunk has room for as many rows as all chunks before
/// it.
const PIECE_ROWS: (usize, usize) = (128, 4_096);

/// A list of rows in chunks.
#[derive(Debug, Clone)]
pub struct Pieces<R> {
    pieces: Vec<Vec<R>>,
    rows: usize,
}

impl<R> Pieces<R> {
    /// Appends a row.
    pub fn push(&mut self, row: R) {
        let is_full = self.pieces.last().is_none_or(|piece| piece.len() == piece.capacity());
        if is_full {
            let (least, most) = PIECE_ROWS;
            self.pieces.push(Vec::with_capacity(self.rows.clamp(least, most)));
        }
        if let Some(piece) = self.pieces.last_mut() {
            piece.push(row);
            self.rows += 1;
        }
    }

    /// Appends all rows of another list.
    pub fn append(&mut self, other: Self) {
        self.pieces.extend(other.pieces);
        self.rows += other.rows;
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.rows
    }
}

impl<R> Default for Pieces<R> {
    fn default() -> Self {
        Self {
            pieces: Vec::new(),
            rows: 0,
        }
    }
}

impl<R> IntoIterator for Pieces<R> {
    type Item = R;
    type IntoIter = std::iter::Flatten<std::vec::IntoIter<Vec<R>>>;

    fn into_iter(self) -> Self::IntoIter {
        self.pieces.into_iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_all_readers_come_in_their_order() {
        let (mut rows, mut more) = (Pieces::default(), Pieces::default());
        let count = 5 * PIECE_ROWS.1 + 1;
        (0..count).for_each(|row| rows.push(row));
        (count..count + 3).for_each(|row| more.push(row));
        rows.append(more);
        assert_eq!(rows.len(), count + 3);
        let room: usize = rows.pieces.iter().map(Vec::capacity).sum();
        assert!(room < count + PIECE_ROWS.0 + PIECE_ROWS.1, "room for {room} rows");
        assert!(rows.into_iter().eq(0..count + 3));
    }
}
