//! Joins byte ranges of a file on a local disk, where one read of both costs less than two.
//!
//! A read costs a system call and a buffer, however short it is; a byte between two ranges costs its copy. So ranges
//! are joined where the bytes between them are few, or a small share of the wanted bytes.

use std::ops::Range;

use bytes::Bytes;

/// Bytes between two ranges that cost no more than another read: a page of the system's file cache.
const PAGE_BYTES: u64 = 4 * 1024;
/// A joined range may have one unwanted byte for this number of wanted bytes.
const WANTED_PER_UNWANTED: u64 = 4;

/// A joined range that may still grow.
struct Joining {
    range: Range<u64>,
    /// Bytes of the range that are in none of the wanted ranges.
    unwanted: u64,
}

impl Joining {
    fn new(range: Range<u64>) -> Self {
        Self { range, unwanted: 0 }
    }

    /// Adds a range that does not begin before this one, where reading both at once costs less; false where it does
    /// not.
    fn takes_in(&mut self, next: &Range<u64>) -> bool {
        let gap = next.start.saturating_sub(self.range.end);
        let end = self.range.end.max(next.end);
        let unwanted = self.unwanted + gap;
        let wanted = end - self.range.start - unwanted;
        let pays = gap <= PAGE_BYTES || unwanted <= wanted / WANTED_PER_UNWANTED;
        if pays {
            (self.range.end, self.unwanted) = (end, unwanted);
        }
        pays
    }
}

/// The ranges to be read for `ranges`, none of which may end before its start: ordered, without common bytes, and each
/// of `ranges` within one of them.
pub fn joined(ranges: &[Range<u64>]) -> Vec<Range<u64>> {
    let mut ordered = ranges.to_vec();
    ordered.sort_unstable_by_key(|range| (range.start, range.end));
    let mut joined: Vec<Joining> = Vec::new();
    for range in ordered {
        let is_taken = joined.last_mut().is_some_and(|last| last.takes_in(&range));
        if !is_taken {
            joined.push(Joining::new(range));
        }
    }
    joined.into_iter().map(|joining| joining.range).collect()
}

/// The bytes of each of `ranges`, cut from `read`, the bytes of the `joined` ranges.
pub fn parts(ranges: &[Range<u64>], joined: &[Range<u64>], read: &[Bytes]) -> Vec<Bytes> {
    let part = |range: &Range<u64>| {
        let place = joined.partition_point(|whole| whole.start <= range.start) - 1;
        let offset = |at: u64| (at - joined[place].start) as usize;
        read[place].slice(offset(range.start)..offset(range.end))
    };
    ranges.iter().map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KB: u64 = 1024;

    /// Where the reads for some ranges begin and end.
    fn reads(ranges: &[Range<u64>]) -> Vec<(u64, u64)> {
        joined(ranges).iter().map(|range| (range.start, range.end)).collect()
    }

    #[test]
    fn ranges_that_touch_or_have_common_bytes_are_one_read() {
        assert!(reads(&[]).is_empty());
        assert_eq!(reads(&[20..30, 0..10, 10..20]), [(0, 30)]);
        assert_eq!(reads(&[5..25, 0..10, 0..10, 7..7]), [(0, 25)]);
        // All columns of a row group, one after the other.
        let columns: Vec<_> = (0..16).map(|column| column * 9_000..(column + 1) * 9_000).collect();
        assert_eq!(reads(&columns), [(0, 144_000)]);
    }

    #[test]
    fn a_page_between_two_ranges_is_read_and_no_more_for_short_ones() {
        let (page, end) = (4 * KB, 5 * KB);
        assert_eq!(reads(&[0..10, 10 + page..end]), [(0, end)]);
        assert_eq!(reads(&[0..10, 11 + page..end]), [(0, 10), (11 + page, end)]);
        // Three short columns of a file of the mart, whose other columns are not read.
        let columns = [4 * KB..6 * KB, 60 * KB..62 * KB, 130 * KB..131 * KB];
        assert_eq!(joined(&columns), columns);
    }

    #[test]
    fn a_quarter_of_the_wanted_bytes_may_be_read_besides() {
        let reads_in_kb = |ranges: &[(u64, u64)]| {
            let ranges: Vec<_> = ranges.iter().map(|(start, end)| start * KB..end * KB).collect();
            let reads = reads(&ranges).into_iter().map(|(start, end)| (start / KB, end / KB));
            reads.collect::<Vec<_>>()
        };
        assert_eq!(reads_in_kb(&[(0, 40), (60, 100)]), [(0, 100)]);
        assert_eq!(reads_in_kb(&[(0, 40), (61, 101)]), [(0, 40), (61, 101)]);
        // Unwanted bytes add up: after 20 of 80 kB, another 20 kB for a range of 20 kB are too many.
        assert_eq!(reads_in_kb(&[(0, 40), (60, 100), (120, 140)]), [(0, 100), (120, 140)]);
        // The same gap is a small part of a long range.
        assert_eq!(reads_in_kb(&[(0, 40), (60, 100), (120, 220)]), [(0, 220)]);
    }

    #[test]
    fn each_range_gets_its_own_bytes() {
        let file: Vec<u8> = (0..40 * KB).map(|at| (at % 251) as u8).collect();
        let bytes_of = |range: &Range<u64>| Bytes::copy_from_slice(&file[range.start as usize..range.end as usize]);
        let ranges = [
            30 * KB..31 * KB,
            0..100,
            200..300,
            50..250,
            0..0,
            300..300,
            31 * KB..31 * KB,
        ];
        let joined = joined(&ranges);
        assert_eq!(joined.len(), 2);
        let read: Vec<Bytes> = joined.iter().map(bytes_of).collect();
        let expected: Vec<Bytes> = ranges.iter().map(bytes_of).collect();
        assert_eq!(parts(&ranges, &joined, &read), expected);
    }
}
