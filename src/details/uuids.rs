//! User ids that are UUIDs, as learning platforms make them: a sorted list of 16-byte numbers with an index of their
//! first bits.
//!
//! A hash table would take three times the memory, and would not give the order that reports need.

use uuid::Uuid;

/// Ids that are looked up in one pass: few enough that the memory of the first is still cached in the next step.
const LOOKED_UP: usize = 64;

/// A sorted set of UUIDs; each has a position.
pub struct SortedUuids {
    /// Ascending, none twice.
    uuids: Vec<u128>,
    /// The position where each bucket starts; a bucket ends where the next one starts.
    starts: Vec<u32>,
    /// The first 64 bits of the first UUID, the lower bound of the first bucket.
    least: u64,
    /// The shift of the first 64 bits that gives the bucket's number.
    shift: u32,
}

impl SortedUuids {
    /// Sorts UUIDs and drops repeated ones. There must be fewer than 2³².
    pub fn new(mut uuids: Vec<u128>) -> Self {
        uuids.sort_unstable();
        uuids.dedup();
        let least = uuids.first().copied().map_or(0, first_bits);
        let range = uuids.last().copied().map_or(0, first_bits) - least;
        // About as many buckets as UUIDs, so that a bucket of random UUIDs holds one.
        let range_bits = u64::BITS - range.leading_zeros();
        let shift = range_bits.saturating_sub(uuids.len().next_power_of_two().ilog2());
        let mut starts = Vec::with_capacity((range >> shift) as usize + 2);
        for (place, &uuid) in (0u32..).zip(&uuids) {
            let bucket = ((first_bits(uuid) - least) >> shift) as usize;
            if starts.len() <= bucket {
                starts.resize(bucket + 1, place);
            }
        }
        starts.push(uuids.len() as u32);
        Self {
            uuids,
            starts,
            least,
            shift,
        }
    }

    /// The number of UUIDs.
    pub fn len(&self) -> usize {
        self.uuids.len()
    }

    /// The UUIDs, ascending.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = u128> {
        self.uuids.iter().copied()
    }

    /// The UUID at a position.
    pub fn at(&self, place: u32) -> u128 {
        self.uuids[place as usize]
    }

    /// Bytes of memory in use.
    pub fn allocation_size(&self) -> usize {
        self.uuids.capacity() * size_of::<u128>() + self.starts.capacity() * size_of::<u32>()
    }

    /// The position of each of `wanted` that is in the set. All buckets are touched before any is compared, so that the
    /// processor waits for many memory accesses at the same time.
    pub fn find(&self, wanted: &[Option<u128>]) -> Vec<Option<u32>> {
        let mut found = Vec::with_capacity(wanted.len());
        for wanted in wanted.chunks(LOOKED_UP) {
            let mut ranges = [(0, 0); LOOKED_UP];
            for (range, wanted) in ranges.iter_mut().zip(wanted) {
                *range = wanted.map_or((0, 0), |uuid| self.bucket(uuid));
            }
            let touched = ranges.iter().filter_map(|&(start, _)| self.uuids.get(start));
            std::hint::black_box(touched.fold(0, |touched, uuid| touched ^ uuid));
            found.extend(wanted.iter().zip(ranges).map(|(wanted, (start, end))| {
                let place = self.uuids[start..end].binary_search(wanted.as_ref()?).ok()?;
                Some((start + place) as u32)
            }));
        }
        found
    }

    /// How many UUIDs come before `text` in the order of texts.
    pub fn count_before(&self, text: &str) -> usize {
        let mut buffer = Uuid::encode_buffer();
        self.uuids.partition_point(|&uuid| write_uuid(uuid, &mut buffer) < text)
    }

    /// The range of positions where a UUID can be.
    fn bucket(&self, uuid: u128) -> (usize, usize) {
        let Some(distance) = first_bits(uuid).checked_sub(self.least) else {
            return (0, 0);
        };
        let bucket = (distance >> self.shift) as usize;
        match self.starts.get(bucket..).unwrap_or_default() {
            [start, end, ..] => (*start as usize, *end as usize),
            _ => (0, 0),
        }
    }
}

fn first_bits(uuid: u128) -> u64 {
    (uuid >> u64::BITS) as u64
}

/// The bytes of an id that is a UUID in canonical form: lower case, with hyphens. Distinct ids have distinct bytes, and
/// the bytes sort as the ids do.
pub fn parse_uuid(id: &str) -> Option<u128> {
    let text: &[u8; 36] = id.as_bytes().try_into().ok()?;
    let hyphens = [text[8], text[13], text[18], text[23]];
    if hyphens != [b'-'; 4] {
        return None;
    }
    let (mut value, mut seen) = (0u128, 0u8);
    for digits in [&text[..8], &text[9..13], &text[14..18], &text[19..23], &text[24..]] {
        for &byte in digits {
            let digit = HEXADECIMAL[usize::from(byte)];
            seen |= digit;
            value = value << 4 | u128::from(digit);
        }
    }
    let is_hexadecimal = seen & NOT_HEXADECIMAL == 0;
    is_hexadecimal.then_some(value)
}

/// Writes a UUID in canonical form.
pub fn write_uuid(uuid: u128, buffer: &mut [u8; 45]) -> &str {
    Uuid::from_u128(uuid).hyphenated().encode_lower(buffer)
}

/// The value in [`HEXADECIMAL`] of a byte that is no such digit.
pub const NOT_HEXADECIMAL: u8 = 0x80;

/// The value of each lower-case hexadecimal digit.
pub const HEXADECIMAL: [u8; 256] = {
    let mut values = [NOT_HEXADECIMAL; 256];
    let mut value = 0;
    while value < 16 {
        values[b"0123456789abcdef"[value as usize] as usize] = value;
        value += 1;
    }
    values
};

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_ids_in_the_usual_form_are_uuids() {
        let id = "0123abcd-89ef-4567-8000-00000000000f";
        assert_eq!(parse_uuid(id), Some(0x0123_abcd_89ef_4567_8000_0000_0000_000f));
        for other in [
            id.to_uppercase(),
            id.replace('-', "0"),
            id[1..].to_owned(),
            id.replace('f', "g"),
            format!("{id} "),
        ] {
            assert_eq!(parse_uuid(&other), None, "{other}");
        }
    }

    #[test]
    fn none_is_kept_twice() {
        let sorted = SortedUuids::new(vec![3, 1, 3]);
        assert_eq!(
            (sorted.len(), sorted.find(&[Some(1), Some(3)])),
            (2, vec![Some(0), Some(1)])
        );
        let none = SortedUuids::new(Vec::new());
        assert_eq!((none.len(), none.find(&[Some(0), None])), (0, vec![None, None]));
    }

    /// UUIDs that are spread over everything, that begin alike, and that are next to each other.
    fn some_uuids() -> impl Strategy<Value = Vec<u128>> {
        let one = prop_oneof![
            any::<u128>(),
            (0..4u128, any::<u64>()).prop_map(|(first, last)| first << 64 | u128::from(last)),
            Just(u128::MAX),
            0..300u128,
        ];
        prop::collection::btree_set(one, 0..300).prop_map(|uuids| uuids.into_iter().collect())
    }

    proptest! {
        #[test]
        fn every_uuid_is_found_at_its_place_and_no_other(uuids in some_uuids(), others in some_uuids()) {
            let backwards = uuids.iter().rev().copied().collect();
            let sorted = SortedUuids::new(backwards);
            let wanted: Vec<Option<u128>> = uuids.iter().chain(&others).copied().map(Some).chain([None]).collect();
            let expected: Vec<Option<u32>> = wanted
                .iter()
                .map(|wanted| uuids.binary_search(wanted.as_ref()?).ok().map(|place| place as u32))
                .collect();
            prop_assert_eq!(sorted.find(&wanted), expected);
        }

        #[test]
        fn uuids_are_in_the_order_of_their_texts(uuids in some_uuids(), other in "[0-9a-f-]{0,40}") {
            let mut buffer = Uuid::encode_buffer();
            let texts: Vec<String> = uuids.iter().map(|&uuid| write_uuid(uuid, &mut buffer).to_owned()).collect();
            prop_assert!(texts.is_sorted());
            for (text, &uuid) in texts.iter().zip(&uuids) {
                prop_assert_eq!(parse_uuid(text), Some(uuid));
            }
            let sorted = SortedUuids::new(uuids);
            prop_assert_eq!(sorted.count_before(&other), texts.partition_point(|text| *text < other));
        }
    }
}
