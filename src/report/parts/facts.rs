//! The figures of a part that the list of parts shows.

/// One part's figures.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PartFacts {
    /// None for rows without a value.
    pub value: Option<Box<str>>,
    pub rows: u64,
    /// Rows with a Completion Date.
    pub completed: u64,
    progress_sum: u64,
    progress_rows: u64,
}

impl PartFacts {
    /// A part without rows.
    pub fn of(value: Option<&str>) -> Self {
        Self {
            value: value.map(Box::from),
            ..Self::default()
        }
    }

    /// Counts a row.
    pub fn count(&mut self, percent: Option<i32>, is_completed: bool) {
        self.rows += 1;
        self.completed += u64::from(is_completed);
        if let Some(percent) = percent.and_then(|percent| u64::try_from(percent).ok()) {
            self.progress_sum += percent;
            self.progress_rows += 1;
        }
    }

    /// The average Course Progress of the rows that have one, in tenths of a percent, halves rounded up.
    pub fn average_tenths(&self) -> Option<u64> {
        let rows = self.progress_rows;
        (rows > 0).then(|| (self.progress_sum * 20 + rows) / (rows * 2))
    }

    /// The average as text.
    pub fn average(&self) -> Option<String> {
        let tenths = self.average_tenths()?;
        Some(format!("{}.{}%", tenths / 10, tenths % 10))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_average_is_that_of_rows_with_progress() {
        let average = |percents: &[Option<i32>]| {
            let mut facts = PartFacts::of(Some("a"));
            for &percent in percents {
                facts.count(percent, percent == Some(100));
            }
            (facts.rows, facts.completed, facts.average())
        };
        assert_eq!(average(&[]), (0, 0, None));
        assert_eq!(average(&[None]), (1, 0, None));
        assert_eq!(average(&[Some(0), None, Some(100)]), (3, 1, Some("50.0%".to_owned())));
        assert_eq!(average(&[Some(1), Some(0), Some(0)]).2.as_deref(), Some("0.3%"));
        assert_eq!(
            average(&[Some(99), Some(100), Some(100), Some(100)]).2.as_deref(),
            Some("99.8%")
        );
        assert_eq!(average(&[Some(100)]).2.as_deref(), Some("100.0%"));
    }
}
