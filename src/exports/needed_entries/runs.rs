//! The hybrid of run lengths and packed bits in which Parquet has levels and the ids of dictionaries.
//!
//! What is not as the format says gives `None`, and so do bytes with too few numbers.

/// The most bits of a number.
const MOST_BITS: u8 = 32;

/// Some numbers in a row.
enum Run<'a> {
    /// A number, and how often it is repeated.
    Repeated(u32, usize),
    /// Numbers of the same width, packed, and how many there are.
    Packed(&'a [u8], usize),
}

/// Appends the first `count` numbers of `width` bits as `to` makes them. All must be below `limit`.
pub fn append_numbers<T: Copy>(
    bytes: &[u8],
    width: u8,
    count: usize,
    limit: u32,
    to: impl Fn(u32) -> T,
    found: &mut Vec<T>,
) -> Option<()> {
    each_run(bytes, width, count, |run| {
        let largest = match run {
            Run::Repeated(number, times) => {
                found.resize(found.len() + times, to(number));
                number
            }
            Run::Packed(packed, length) => {
                let mask = (1u64 << width) - 1;
                let mut largest = 0u32;
                found.extend((0..length).map(|place| {
                    let number = number_at(packed, place * usize::from(width), mask);
                    largest = largest.max(number);
                    to(number)
                }));
                largest
            }
        };
        (largest < limit).then_some(())
    })
}

/// Appends the places of zeros among the first `count` numbers of one bit; the first number has the place `first`.
pub fn append_places_of_zeros(bytes: &[u8], count: usize, first: u32, found: &mut Vec<u32>) -> Option<()> {
    let mut place = first;
    each_run(bytes, 1, count, |run| {
        let length = match run {
            Run::Repeated(number, times) => {
                let length = u32::try_from(times).ok()?;
                match number {
                    0 => found.extend(place..place.checked_add(length)?),
                    1 => {}
                    _ => return None,
                }
                length
            }
            Run::Packed(packed, length) => {
                append_zeros_of_bits(packed, length, place, found);
                u32::try_from(length).ok()?
            }
        };
        place = place.checked_add(length)?;
        Some(())
    })
}

fn append_zeros_of_bits(packed: &[u8], length: usize, first: u32, found: &mut Vec<u32>) {
    const BITS: usize = u64::BITS as usize;
    for (start, chunk) in (0..length).step_by(BITS).zip(packed.chunks(size_of::<u64>())) {
        let mut word = [0xff; size_of::<u64>()];
        word[..chunk.len()].copy_from_slice(chunk);
        let mut zeros = !u64::from_le_bytes(word);
        if length - start < BITS {
            zeros &= (1u64 << (length - start)) - 1;
        }
        while zeros != 0 {
            // Places are below 2^32, as `append_places_of_zeros` checks by the length.
            found.push(first.wrapping_add(start as u32 + zeros.trailing_zeros()));
            zeros &= zeros - 1;
        }
    }
}

/// Gives `take` the runs of the first `count` numbers of `width` bits, until it fails.
fn each_run(bytes: &[u8], width: u8, count: usize, mut take: impl FnMut(Run<'_>) -> Option<()>) -> Option<()> {
    if width > MOST_BITS {
        return None;
    }
    let (mut rest, mut left) = (bytes, count);
    while left > 0 {
        let (header, after) = variable_length(rest)?;
        let length = usize::try_from(header >> 1).ok()?;
        let numbers = match header & 1 {
            0 => {
                let (value, after) = after.split_at_checked(usize::from(width).div_ceil(8))?;
                rest = after;
                let value = value.iter().rev().fold(0u32, |all, byte| (all << 8) | u32::from(*byte));
                let times = length.min(left);
                take(Run::Repeated(value, times))?;
                times
            }
            _ => {
                let numbers = length.checked_mul(8)?.min(left);
                // The last group may lack what is only padding.
                let size = length.checked_mul(usize::from(width))?.min(after.len());
                let (packed, after) = after.split_at(size);
                rest = after;
                if packed.len() < (numbers * usize::from(width)).div_ceil(8) {
                    return None;
                }
                take(Run::Packed(packed, numbers))?;
                numbers
            }
        };
        if numbers == 0 {
            return None;
        }
        left -= numbers;
    }
    Some(())
}

/// A number of variable length, seven bits a byte, and the bytes after it.
fn variable_length(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0u64;
    let mut rest = bytes;
    for shift in (0..=28).step_by(7) {
        let (byte, after) = rest.split_first()?;
        rest = after;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some((value, rest));
        }
    }
    None
}

/// The number that begins at a bit; `mask` has the bits of its width.
fn number_at(packed: &[u8], bit: usize, mask: u64) -> u32 {
    let bytes = packed.get(bit / 8..).unwrap_or_default();
    let word = match bytes.first_chunk() {
        Some(word) => u64::from_le_bytes(*word),
        None => bytes.iter().rev().fold(0u64, |all, byte| (all << 8) | u64::from(*byte)),
    };
    // At most 32 bits are left.
    ((word >> (bit % 8)) & mask) as u32
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// Numbers as a writer may have them: each part either repeats one number or is packed in groups of eight.
    fn encoded(parts: &[(bool, Vec<u32>)], width: u8) -> (Vec<u8>, Vec<u32>) {
        let (mut bytes, mut numbers) = (Vec::new(), Vec::new());
        for (is_repeated, part) in parts {
            if *is_repeated {
                bytes.push(u8::try_from(part.len() << 1).expect("short"));
                bytes.extend(&part[0].to_le_bytes()[..usize::from(width).div_ceil(8)]);
                numbers.extend(std::iter::repeat_n(part[0], part.len()));
                continue;
            }
            let groups = part.len() / 8;
            bytes.push(u8::try_from((groups << 1) | 1).expect("short"));
            let mut packed = vec![0_u8; groups * usize::from(width)];
            for (place, number) in part[..groups * 8].iter().enumerate() {
                for bit in (0..usize::from(width)).filter(|bit| (number >> bit) & 1 == 1) {
                    let at = place * usize::from(width) + bit;
                    packed[at / 8] |= 1 << (at % 8);
                }
            }
            bytes.extend(packed);
            numbers.extend(&part[..groups * 8]);
        }
        (bytes, numbers)
    }

    fn parts_of(width: u8) -> impl Strategy<Value = Vec<(bool, Vec<u32>)>> {
        let number = 0..=u32::try_from((1_u64 << width) - 1).expect("a number");
        vec((any::<bool>(), vec(number, 8..60)), 0..6)
    }

    proptest! {
        #[test]
        fn numbers_are_read_as_they_were_written(
            (width, parts) in (1_u8..=32).prop_flat_map(|width| (Just(width), parts_of(width))),
            missing in 0_usize..9,
        ) {
            let (bytes, numbers) = encoded(&parts, width);
            let count = numbers.len().saturating_sub(missing);
            let mut found = Vec::new();
            let largest = numbers[..count].iter().max().copied().unwrap_or_default();
            let limit = largest.saturating_add(1);
            let read = append_numbers(&bytes, width, count, limit, |number| number, &mut found);
            // The largest number of 32 bits has no limit above it.
            prop_assert_eq!(read.is_some(), largest < limit || count == 0);
            if read.is_some() {
                prop_assert_eq!(&found, &numbers[..count]);
            }
            let more = append_numbers(&bytes, width, numbers.len() + 1, u32::MAX, |number| number, &mut found);
            prop_assert!(more.is_none());
        }

        #[test]
        fn places_of_zeros_are_those_of_the_numbers(parts in parts_of(1), missing in 0_usize..70) {
            let (bytes, numbers) = encoded(&parts, 1);
            let count = numbers.len().saturating_sub(missing);
            let mut found = Vec::new();
            prop_assert!(append_places_of_zeros(&bytes, count, 7, &mut found).is_some());
            let zeros = (7..).zip(&numbers[..count]).filter(|(_, number)| **number == 0);
            let zeros: Vec<u32> = zeros.map(|(place, _)| place).collect();
            prop_assert_eq!(found, zeros);
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in vec(any::<u8>(), 0..80), width in 0_u8..40, count in 0_usize..999) {
            let mut found = Vec::new();
            if append_numbers(&bytes, width, count, u32::MAX, |number| number, &mut found).is_some() {
                prop_assert_eq!(found.len(), count);
            }
            append_places_of_zeros(&bytes, count, 0, &mut Vec::new());
        }
    }

    #[test]
    fn numbers_at_their_limit_and_runs_of_nothing_are_refused() {
        // Three times the number 2, of two bits.
        let bytes = [3 << 1, 2];
        let read = |limit| append_numbers(&bytes, 2, 3, limit, |number| number, &mut Vec::new());
        assert!(read(3).is_some() && read(2).is_none());
        assert!(append_numbers(&[0, 0], 2, 1, 9, |number| number, &mut Vec::new()).is_none());
    }
}
