//! A growable list of rows in blocks: it grows without moving rows, and wastes little memory.

/// Rows of the first block, and of the largest. In between, a new block has room for as many rows as all blocks before
/// it.
const BLOCK_ROWS: (usize, usize) = (128, 4_096);

/// A list of rows in blocks.
#[derive(Debug, Clone)]
pub struct RowList<R> {
    blocks: Vec<Vec<R>>,
    rows: usize,
}

impl<R> RowList<R> {
    /// Appends a row.
    pub fn push(&mut self, row: R) {
        let is_full = self.blocks.last().is_none_or(|block| block.len() == block.capacity());
        if is_full {
            let (least, most) = BLOCK_ROWS;
            self.blocks.push(Vec::with_capacity(self.rows.clamp(least, most)));
        }
        if let Some(block) = self.blocks.last_mut() {
            block.push(row);
            self.rows += 1;
        }
    }

    /// Appends all rows of another list.
    pub fn append(&mut self, other: Self) {
        self.blocks.extend(other.blocks);
        self.rows += other.rows;
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.rows
    }
}

impl<R> Default for RowList<R> {
    fn default() -> Self {
        Self {
            blocks: Vec::new(),
            rows: 0,
        }
    }
}

impl<R> IntoIterator for RowList<R> {
    type Item = R;
    type IntoIter = std::iter::Flatten<std::vec::IntoIter<Vec<R>>>;

    fn into_iter(self) -> Self::IntoIter {
        self.blocks.into_iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_all_readers_come_in_their_order() {
        let (mut rows, mut more) = (RowList::default(), RowList::default());
        let count = 5 * BLOCK_ROWS.1 + 1;
        (0..count).for_each(|row| rows.push(row));
        (count..count + 3).for_each(|row| more.push(row));
        rows.append(more);
        assert_eq!(rows.len(), count + 3);
        let room: usize = rows.blocks.iter().map(Vec::capacity).sum();
        assert!(room < count + BLOCK_ROWS.0 + BLOCK_ROWS.1, "room for {room} rows");
        assert!(rows.into_iter().eq(0..count + 3));
    }
}
