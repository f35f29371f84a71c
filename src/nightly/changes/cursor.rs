//! A cursor over the people of some batches in a mart, in the order of batches and users.

use datafusion::arrow::array::Array;

use super::super::error::NightlyError;
use super::reader::{MartReader, Rows};

/// The cursor. Batches are numbered in the order of their ids.
pub struct Cursor<'a> {
    reader: MartReader<'a>,
    /// The rows that were read last. Their first run begins with the row of the cursor.
    rows: Option<Rows>,
}

impl<'a> Cursor<'a> {
    /// A cursor before the first person that `reader` reads.
    pub fn before(reader: MartReader<'a>) -> Self {
        Self { reader, rows: None }
    }

    /// Reads more rows where the cursor has passed all that were read. Returns whether there is a current person.
    pub async fn read_on(&mut self) -> Result<bool, NightlyError> {
        if self.has_person() {
            return Ok(true);
        }
        self.rows = self.reader.next().await?;
        Ok(self.has_person())
    }

    /// Whether there is a current person without reading more rows.
    pub fn has_person(&self) -> bool {
        self.rows.as_ref().is_some_and(|rows| !rows.runs.is_empty())
    }

    /// The batch number and the user id of the current person.
    pub fn key(&self) -> Option<(usize, &str)> {
        let rows = self.rows.as_ref()?;
        let (batch, run) = rows.runs.front()?;
        Some((*batch, rows.user_ids.value(run.start)))
    }

    /// Whether the current person has a completion date.
    pub fn has_completed(&self) -> bool {
        let rows = self.rows.as_ref();
        let here = rows.and_then(|rows| Some((rows, rows.runs.front()?)));
        here.is_some_and(|(rows, (_, run))| rows.completion_dates.is_valid(run.start))
    }

    /// Moves to the next person.
    pub fn advance(&mut self) {
        let Some(rows) = &mut self.rows else { return };
        if let Some((_, run)) = rows.runs.front_mut() {
            run.start += 1;
            if run.start == run.end {
                rows.runs.pop_front();
            }
        }
    }
}
