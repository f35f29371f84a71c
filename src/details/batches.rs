//! The directory of batches: maps every batch id to a number and a part, and holds the columns that reports show of it.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::arrow::array::{Array, AsArray, RecordBatch, StringViewArray};
use foldhash::fast::FixedState;

use super::error::DetailsError;
use super::part_bounds::Bounds;
use super::scope::IdRange;
use super::tenants::{ChosenBatches, TenantCondition};
use crate::engine::EngineError;

/// One batch that has a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportBatch {
    /// The batch's id.
    pub batch_id: String,
    /// `None` where the snapshot does not have it.
    pub course_id: Option<String>,
    /// `None` where the snapshot does not have it.
    pub tenant_id: Option<String>,
}

/// Batches by number. Those of the table `batches` come first, ordered by id; batches that only enrolments name come
/// after.
pub struct Batches {
    listed: Arc<Listed>,
    bounds: Arc<Bounds>,
    unlisted: Mutex<HashMap<String, Unlisted>>,
    /// The batches whose rows are read; all where there is no condition on them.
    chosen: Option<Arc<ChosenBatches>>,
}

/// The batches of the table `batches`, by number.
struct Listed {
    batches: Vec<ReportBatch>,
    numbers: HashMap<String, u32, FixedState>,
    parts: Vec<usize>,
}

/// A batch that only enrolments name.
#[derive(Debug, Clone)]
struct Unlisted {
    number: u32,
    part: usize,
    /// The smallest course id among its enrolments.
    course_id: Option<String>,
}

/// The number and the part of a batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NumberedBatch {
    pub number: u32,
    pub part: usize,
}

/// Every batch, with its rank in the order of ids.
pub struct RankedBatches {
    rank_of: Vec<u32>,
    /// Parts by rank.
    parts: Vec<usize>,
    bounds: Arc<Bounds>,
    pub ids: StringViewArray,
    pub course_ids: StringViewArray,
    pub tenant_ids: StringViewArray,
}

impl Batches {
    /// A directory of `listed`, which are ordered by id, in parts with these bounds.
    pub fn within(listed: Vec<ReportBatch>, bounds: Arc<Bounds>) -> Self {
        let numbers = (0u32..)
            .zip(&listed)
            .map(|(number, batch)| (batch.batch_id.clone(), number))
            .collect();
        let parts = listed.iter().map(|batch| bounds.part_of(&batch.batch_id)).collect();
        Self {
            listed: Arc::new(Listed {
                batches: listed,
                numbers,
                parts,
            }),
            bounds,
            unlisted: Mutex::default(),
            chosen: None,
        }
    }

    /// The same directory without the batches that enrolments added.
    pub fn as_listed(&self) -> Self {
        Self {
            listed: Arc::clone(&self.listed),
            bounds: Arc::clone(&self.bounds),
            unlisted: Mutex::default(),
            chosen: self.chosen.clone(),
        }
    }

    /// The same directory, for reading only rows of batches whose tenant meets a condition. All batches stay in it: rows
    /// of one that is left out must not be taken for those of one that is not listed.
    ///
    /// # Errors
    /// Where the condition fails for the tenant of a batch.
    pub fn of_tenants(self, condition: Option<&TenantCondition>) -> Result<Self, DetailsError> {
        let chosen = condition.map(|condition| condition.choose(&self.listed.batches));
        let chosen = chosen
            .transpose()
            .map_err(EngineError::running("the condition on tenants"))?;
        Ok(Self {
            chosen: chosen.map(Arc::new),
            ..self
        })
    }

    /// Whether rows of this listed batch are read; of one that is not listed for `None`.
    pub fn has_rows_of(&self, listed: Option<NumberedBatch>) -> bool {
        let number = listed.map(|batch| batch.number);
        self.chosen.as_ref().is_none_or(|chosen| chosen.has(number))
    }

    /// The bounds of its parts and sections.
    pub fn bounds(&self) -> &Bounds {
        &self.bounds
    }

    /// The number of parts.
    pub fn part_count(&self) -> usize {
        self.bounds.part_count()
    }

    /// The range of batch ids that fall into these parts, whether or not the batches are listed.
    pub fn ids_of(&self, parts: Range<usize>) -> IdRange {
        let last_of = |part: usize| self.bounds.last_ids().get(part).cloned();
        IdRange {
            after: parts.start.checked_sub(1).and_then(last_of),
            up_to: parts.end.checked_sub(1).and_then(last_of),
        }
    }

    /// The part of a batch id, whether or not the batch is listed.
    pub fn part_of(&self, id: &str) -> usize {
        self.bounds.part_of(id)
    }

    /// The number and part of a known batch.
    pub fn find(&self, id: &str) -> Option<NumberedBatch> {
        self.find_listed(id).or_else(|| {
            let unlisted = self.unlisted.lock().unwrap_or_else(PoisonError::into_inner);
            unlisted.get(id).map(|batch| NumberedBatch {
                number: batch.number,
                part: batch.part,
            })
        })
    }

    /// The number and part of the batch that an enrolment names; an unknown batch is added, with the course that it
    /// names.
    pub fn find_or_add(&self, id: &str, course_id: Option<&str>) -> Result<NumberedBatch, DetailsError> {
        if let Some(place) = self.find_listed(id) {
            return Ok(place);
        }
        let mut unlisted = self.unlisted.lock().unwrap_or_else(PoisonError::into_inner);
        let listed = self.listed.batches.len();
        let next = u32::try_from(listed + unlisted.len()).map_err(|_| DetailsError::TooManyIds("batches"))?;
        let batch = unlisted.entry(id.to_owned()).or_insert_with(|| Unlisted {
            number: next,
            part: self.part_of(id),
            course_id: None,
        });
        if let Some(course) = course_id
            && batch.course_id.as_deref().is_none_or(|smallest| course < smallest)
        {
            batch.course_id = Some(course.to_owned());
        }
        Ok(NumberedBatch {
            number: batch.number,
            part: batch.part,
        })
    }

    /// The number and part of a batch that the table `batches` has.
    pub fn find_listed(&self, id: &str) -> Option<NumberedBatch> {
        let &number = self.listed.numbers.get(id)?;
        Some(NumberedBatch {
            number,
            part: self.listed.parts[number as usize],
        })
    }

    /// Ranks all batches by id, once all enrolments are read, and lists them in that order.
    pub fn ranked(self) -> (RankedBatches, Vec<ReportBatch>) {
        let listed = (0u32..).zip(self.listed.batches.iter().zip(&self.listed.parts));
        let mut all: Vec<(ReportBatch, NumberedBatch)> = listed
            .map(|(number, (batch, &part))| (batch.clone(), NumberedBatch { number, part }))
            .collect();
        let unlisted = self.unlisted.into_inner().unwrap_or_else(PoisonError::into_inner);
        all.extend(unlisted.into_iter().map(|(batch_id, batch)| {
            let place = NumberedBatch {
                number: batch.number,
                part: batch.part,
            };
            let batch = ReportBatch {
                batch_id,
                course_id: batch.course_id,
                tenant_id: None,
            };
            (batch, place)
        }));
        all.sort_unstable_by(|a, b| a.0.batch_id.cmp(&b.0.batch_id));
        let mut rank_of = vec![0; all.len()];
        for (rank, (_, place)) in (0u32..).zip(&all) {
            rank_of[place.number as usize] = rank;
        }
        let ranked = RankedBatches {
            rank_of,
            parts: all.iter().map(|(_, place)| place.part).collect(),
            bounds: self.bounds,
            ids: all.iter().map(|(batch, _)| Some(batch.batch_id.as_str())).collect(),
            course_ids: all.iter().map(|(batch, _)| batch.course_id.as_deref()).collect(),
            tenant_ids: all.iter().map(|(batch, _)| batch.tenant_id.as_deref()).collect(),
        };
        (ranked, all.into_iter().map(|(batch, _)| batch).collect())
    }
}

impl RankedBatches {
    /// The rank of a batch in the order of ids.
    pub fn rank_of(&self, number: u32) -> u32 {
        self.rank_of[number as usize]
    }

    /// The number of batches in a part and all parts before it; 0 for `None`.
    pub fn end_of_part(&self, part: Option<usize>) -> usize {
        part.map_or(0, |part| self.parts.partition_point(|&other| other <= part))
    }

    /// The sections of a part: the number of each, counted over all parts, and its batches by rank.
    pub fn sections_of_part(&self, part: usize) -> Vec<(usize, Range<u32>)> {
        let mut start = self.end_of_part(part.checked_sub(1));
        let part_end = self.end_of_part(Some(part));
        let sections = self.bounds.sections_of_part(part).map(|section| {
            let end = match self.bounds.last_ids_of_sections().get(section) {
                Some(last) => start + self.count_up_to(last, start..part_end),
                None => part_end,
            };
            let batches = start as u32..end as u32;
            start = end;
            (section, batches)
        });
        sections.collect()
    }

    /// How many of a range of batches, by rank, have no greater id.
    fn count_up_to(&self, id: &str, batches: Range<usize>) -> usize {
        let ids = self.ids.slice(batches.start, batches.len());
        let (mut low, mut high) = (0, ids.len());
        while low < high {
            let middle = low.midpoint(high);
            if ids.value(middle) <= id {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }
}

/// The batches in rows of `batch_id`, `course_id` and `tenant_id`, in the order of the rows.
pub fn read_batches(rows: &[RecordBatch]) -> Result<Vec<ReportBatch>, DetailsError> {
    let mut all = Vec::new();
    for batch in rows {
        let texts = |name: &'static str| {
            let texts = batch
                .column_by_name(name)
                .and_then(|column| column.as_string_view_opt());
            texts.ok_or(DetailsError::MissingColumn(name))
        };
        let (ids, courses, tenants) = (texts("batch_id")?, texts("course_id")?, texts("tenant_id")?);
        for ((id, course), tenant) in ids.iter().zip(courses).zip(tenants) {
            all.push(ReportBatch {
                batch_id: id.unwrap_or_default().to_owned(),
                course_id: course.map(str::to_owned),
                tenant_id: tenant.map(str::to_owned),
            });
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(id: &str) -> ReportBatch {
        ReportBatch {
            batch_id: id.to_owned(),
            course_id: Some("c".to_owned()),
            tenant_id: None,
        }
    }

    /// Batches with enough rows for each to be a section of its own.
    fn in_parts(listed: Vec<ReportBatch>, part_count: usize) -> Batches {
        let bounds = Bounds::dividing(&listed, 1_000_000, part_count);
        Batches::within(listed, Arc::new(bounds))
    }

    #[test]
    fn parts_are_ranges_of_ids_also_of_unlisted_batches() {
        let batches = in_parts(vec![batch("b"), batch("d"), batch("f"), batch("h")], 2);
        for id in ["a", "c", "e", "g", "i"] {
            batches.find_or_add(id, Some("y")).expect("a place");
            batches.find_or_add(id, Some("x")).expect("a place");
        }
        for part in 0..2 {
            let ids = batches.ids_of(part..part + 1);
            for id in ["a", "b", "c", "d", "e", "f", "g", "h", "i"] {
                let is_within = ids.after.as_deref().is_none_or(|after| id > after)
                    && ids.up_to.as_deref().is_none_or(|up_to| id <= up_to);
                assert_eq!(is_within, batches.part_of(id) == part, "{id} in part {part}");
            }
        }
        let (ranked, all) = batches.ranked();
        let ids: Vec<&str> = all.iter().map(|batch| batch.batch_id.as_str()).collect();
        assert_eq!(ids, ["a", "b", "c", "d", "e", "f", "g", "h", "i"]);
        assert_eq!(all[0].course_id.as_deref(), Some("x"));
        assert!(ranked.parts.is_sorted(), "{:?}", ranked.parts);
        assert_eq!(ranked.end_of_part(Some(1)), 9);
        assert_eq!(ranked.sections_of_part(0), [(0, 0..2), (1, 2..4)]);
        assert_eq!(ranked.sections_of_part(1), [(2, 4..6), (3, 6..9)]);
    }

    #[test]
    fn a_directory_of_some_parts_has_the_parts_of_the_whole() {
        let ids = ["a", "b", "c", "d", "e"];
        let whole = in_parts(ids.map(batch).to_vec(), 3);
        let some = Batches::within(vec![batch("b"), batch("e")], Arc::new(whole.bounds().clone()));
        for id in ids {
            assert_eq!(some.part_of(id), whole.part_of(id), "{id}");
        }
        assert_eq!(
            some.find("e").map(|place| place.part),
            whole.find("e").map(|place| place.part)
        );
    }

    #[test]
    fn without_batches_there_is_one_part() {
        let batches = in_parts(Vec::new(), 4);
        assert_eq!((batches.part_count(), batches.part_of("a")), (1, 0));
    }
}
