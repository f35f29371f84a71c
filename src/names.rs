//! Makes names of files and of a workbook's sheets from arbitrary texts: readable in every script, safe on every
//! system, and different for different texts.

use std::collections::{HashMap, HashSet};

use sha2::{Digest, Sha256};
use unicode_normalization::UnicodeNormalization;

use crate::hex::hex;

/// The longest name of a part in bytes, without its extension and the digest that distinguishes equal names.
const STEM_BYTES: usize = 100;
/// Excel's limit of a sheet's name, in UTF-16 units.
const SHEET_UNITS: usize = 31;
/// The mark before the digits of a digest, which no label contains.
const BEFORE_DIGEST: char = '~';
/// The numbers of hexadecimal digits that distinguish equal names: none, then few, then as many as there is room for.
const DIGITS: [usize; 3] = [0, 8, 28];
/// The prefix of a label that cannot be a name by itself.
const PART: &str = "part-";
/// The name of an empty text.
pub const BLANK: &str = "_blank";
/// The name of the list of files, which none of the files may have.
pub const INDEX: &str = "index";

/// A text to make a name from, with an id that is unique among all of them.
#[derive(Debug, Clone, Copy)]
pub struct Named<'a> {
    /// The text; `None` where it is missing.
    pub label: Option<&'a str>,
    /// The id of the thing to be named.
    pub id: &'a str,
}

/// A file name without extension for each. All are different, even if case, or composed and decomposed letters, are not
/// distinguished. None is [`INDEX`], and only a missing label has [`BLANK`]. A name depends on the labels and ids
/// alone, not on their order.
pub fn file_stems(all: &[Named<'_>]) -> Vec<String> {
    distinct(all, |label, digest| {
        let label = safe_label(label, STEM_BYTES);
        if label.is_empty() {
            return format!("part{digest}");
        }
        if is_reserved(&label) {
            return format!("{PART}{label}{digest}");
        }
        format!("{label}{digest}")
    })
}

/// A sheet name for each that Excel accepts, all different as those of [`file_stems`].
pub fn sheet_names(all: &[Named<'_>]) -> Vec<String> {
    distinct(all, |label, digest| {
        let label = sheet_label(label, SHEET_UNITS - digest.len());
        // Excel reserves this name.
        if label.eq_ignore_ascii_case("history") {
            return format!("{PART}{label}{digest}");
        }
        if label.is_empty() {
            return format!("part{digest}");
        }
        format!("{label}{digest}")
    })
}

/// Names made by `name_of` from a label and, where needed, a digest. Names that equal another one get a digest.
fn distinct(all: &[Named<'_>], name_of: impl Fn(&str, &str) -> String) -> Vec<String> {
    let digest = |named: &Named<'_>, digits: usize| match digits {
        0 => String::new(),
        digits => format!("{BEFORE_DIGEST}{}", &hex(&Sha256::digest(named.id))[..digits]),
    };
    let mut names: Vec<Option<String>> = vec![None; all.len()];
    for digits in DIGITS {
        for (name, named) in names.iter_mut().zip(all) {
            if name.is_none() {
                *name = Some(match named.label {
                    Some(label) => name_of(label, &digest(named, digits)),
                    None => BLANK.to_owned(),
                });
            }
        }
        let keys: Vec<Option<String>> = names.iter().map(|name| name.as_deref().map(folded)).collect();
        let mut uses: HashMap<&str, usize> = HashMap::new();
        for key in keys.iter().flatten() {
            *uses.entry(key).or_default() += 1;
        }
        for ((name, named), key) in names.iter_mut().zip(all).zip(&keys) {
            let is_taken = key
                .as_deref()
                .is_some_and(|key| uses.get(key).is_some_and(|&uses| uses > 1) || key == INDEX || key == BLANK);
            if is_taken && named.label.is_some() {
                *name = None;
            }
        }
        if names.iter().all(Option::is_some) {
            break;
        }
    }
    numbered(names)
}

/// The names, with a number in the place of missing ones; one is missing only if two ids are equal.
fn numbered(names: Vec<Option<String>>) -> Vec<String> {
    let mut taken: HashSet<String> = names.iter().flatten().map(|name| folded(name)).collect();
    let mut next = 0_u64;
    let mut number = || loop {
        next += 1;
        let name = format!("part{BEFORE_DIGEST}{next}");
        if taken.insert(folded(&name)) {
            return name;
        }
    };
    names.into_iter().map(|name| name.unwrap_or_else(&mut number)).collect()
}

/// The form of a name in which names are equal that some file system does not distinguish.
fn folded(name: &str) -> String {
    let decomposed: String = name.nfkd().collect();
    // To upper and then to lower case, because some letters have a counterpart in one direction only.
    decomposed.to_uppercase().to_lowercase().nfkd().collect()
}

/// The part of a text that is allowed in a sheet's name, in at most `units` UTF-16 units.
fn sheet_label(text: &str, units: usize) -> String {
    let mut label = String::new();
    let mut left = units;
    for char in text.chars().filter(|&char| !is_invisible(char) || char.is_whitespace()) {
        let safe = match char {
            '[' | ']' | ':' | '*' | '?' | '/' | '\\' | BEFORE_DIGEST => '-',
            char if char.is_whitespace() => ' ',
            // Noncharacters, which XML does not allow.
            char if u32::from(char) & 0xfffe == 0xfffe => '-',
            char => char,
        };
        if safe == ' ' && label.ends_with(' ') {
            continue;
        }
        if safe.len_utf16() > left {
            break;
        }
        left -= safe.len_utf16();
        label.push(safe);
    }
    label
        .trim_matches(|char: char| char == '\'' || char.is_whitespace())
        .to_owned()
}

/// The part of a text that is allowed in a file name, in at most `room` bytes; it neither starts nor ends with a dot, a
/// hyphen or a joiner.
pub fn safe_label(text: &str, room: usize) -> String {
    let mut label = String::new();
    for char in text.chars().filter(|&char| !is_invisible(char) || char.is_whitespace()) {
        let safe = if is_allowed(char) { char } else { '-' };
        if safe == '-' && label.ends_with('-') {
            continue;
        }
        if label.len() + safe.len_utf8() > room {
            break;
        }
        label.push(safe);
    }
    label
        .trim_matches(|char| matches!(char, '.' | '-' | '\u{200c}' | '\u{200d}'))
        .to_owned()
}

/// Letters, digits and marks of every script, and the few signs that no shell, file system or header gives a meaning.
fn is_allowed(char: char) -> bool {
    match char {
        '.' | '_' | '-' | '+' | '(' | ')' | ',' => true,
        // The division slash and the fraction slash look like a path separator, and so do the full-width forms.
        '\u{2044}' | '\u{2215}' | '\u{29f8}' | '\u{ff0f}' | '\u{ff3c}' | '\u{ff1a}' => false,
        // Private use and noncharacters mean nothing elsewhere.
        '\u{e000}'..='\u{f8ff}' | '\u{fdd0}'..='\u{fdef}' | '\u{f0000}'.. => false,
        char if char.is_ascii() => char.is_ascii_alphanumeric(),
        char if char.is_whitespace() => false,
        // General punctuation is quotes, dashes and spaces; only the joiners of Indian scripts are wanted.
        '\u{2000}'..='\u{206f}' => matches!(char, '\u{200c}' | '\u{200d}'),
        char => u32::from(char) & 0xfffe != 0xfffe,
    }
}

/// Names that Windows reserves for devices, with any extension.
pub fn is_reserved(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or(name).to_ascii_uppercase();
    let is_numbered = |device: &str| {
        stem.strip_prefix(device).is_some_and(|number| {
            number.chars().count() == 1 && number.chars().all(|char| "0123456789¹²³".contains(char))
        })
    };
    matches!(stem.as_str(), "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$")
        || is_numbered("COM")
        || is_numbered("LPT")
}

/// Characters that show nothing and steer how others are shown or read: controls, direction marks and overrides, byte-order
/// marks, separators of lines, tags. The joiners of Indian scripts (U+200C, U+200D) are not among them: words need them.
pub fn is_invisible(char: char) -> bool {
    char.is_control()
        || matches!(
            char,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'
                | '\u{200e}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff0}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all<'a>(labels: &'a [&'a str]) -> Vec<Named<'a>> {
        let named = |label: &&'a str| Named {
            label: (!label.is_empty()).then_some(*label),
            id: label,
        };
        labels.iter().map(named).collect()
    }

    #[test]
    fn names_are_readable_and_told_apart() {
        let labels = [
            "मैसूरु उत्तर",
            "Block 1",
            "block 1",
            "",
            "_Blank",
            "Index",
            "con",
            "../..",
            "Block/2",
            "க்ஷ",
        ];
        insta::assert_snapshot!(file_stems(&all(&labels)).join("\n"), @r"
        मैसूरु-उत्तर
        Block-1~8eb412d8
        block-1~cabdbdfa
        _blank
        _Blank~16bd8c84
        Index~39c3be11
        part-con
        part
        Block-2
        க்ஷ
        ");
        insta::assert_snapshot!(sheet_names(&all(&labels)).join("\n"), @r"
        मैसूरु उत्तर
        Block 1~8eb412d8
        block 1~cabdbdfa
        _blank
        _Blank~16bd8c84
        Index~39c3be11
        con
        ..-..
        Block-2
        க்ஷ
        ");
    }

    #[test]
    fn composed_and_decomposed_letters_are_the_same_to_some_systems() {
        let names = file_stems(&all(&[
            "caf\u{e9}",
            "cafe\u{301}",
            "Straße",
            "STRASSE",
            "\u{212a}elvin",
            "kelvin",
        ]));
        let keys: HashSet<String> = names.iter().map(|name| folded(name)).collect();
        assert_eq!(keys.len(), names.len(), "{names:?}");
    }

    #[test]
    fn a_name_does_not_depend_on_the_order() {
        let forwards = file_stems(&all(&["A b", "a-b", "c"]));
        let mut backwards = file_stems(&all(&["c", "a-b", "A b"]));
        backwards.reverse();
        assert_eq!(forwards, backwards);
    }

    /// Texts whose names are likely to collide.
    fn alike() -> impl Strategy<Value = String> {
        prop_oneof![
            "[aAbB _.~/-]{0,4}",
            "[eE\u{301}\u{e9}\u{c9}कि\u{200d}\u{ff5e}~]{0,4}",
            any::<String>(),
            "[ab]{95,130}",
            "(?i)(_blank|index|con|history|com1)( |~|\\.)?",
        ]
    }

    proptest! {
        #[test]
        fn no_two_names_are_the_same_on_any_system(texts in prop::collection::hash_set(alike(), 0..20), with_blank in any::<bool>()) {
            let mut named: Vec<Named<'_>> = texts
                .iter()
                .filter(|text| !text.trim().is_empty())
                .map(|text| Named { label: Some(text), id: text })
                .collect();
            if with_blank {
                named.push(Named { label: None, id: "" });
            }
            for (names, is_sheet) in [(file_stems(&named), false), (sheet_names(&named), true)] {
                let keys: HashSet<String> = names.iter().map(|name| folded(name)).collect();
                prop_assert_eq!(keys.len(), names.len(), "{:?}", names);
                prop_assert!(!keys.contains(INDEX));
                for (name, named) in names.iter().zip(&named) {
                    prop_assert_eq!(folded(name) == BLANK, named.label.is_none());
                    prop_assert!(!name.is_empty() && !name.contains(is_invisible));
                    if is_sheet {
                        prop_assert!(name.encode_utf16().count() <= SHEET_UNITS, "{:?}", name);
                        prop_assert!(!name.contains(['[', ']', ':', '*', '?', '/', '\\']));
                        prop_assert!(!name.starts_with('\'') && !name.ends_with('\''));
                        prop_assert!(!name.eq_ignore_ascii_case("history"));
                    } else {
                        prop_assert!(name.len() <= PART.len() + STEM_BYTES + 1 + DIGITS[2]);
                        prop_assert!(!is_reserved(name) && !name.starts_with('.') && !name.ends_with('.'));
                        prop_assert!(!name.contains(|char: char| char.is_whitespace() || "/\\:*?\"'<>|;%`$&".contains(char)));
                    }
                }
            }
        }
    }
}
