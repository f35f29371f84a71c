//! What the columns of reports are called in every language. The contract's headers (`docs/design.md`, "The Course
//! Progress Report") are the English ones; a site chooses others by `report.headers`.

use super::Language;

/// The columns with a header: `Batch`, which only files of several batches have, and the twelve of a report.
const COLUMNS: usize = 13;

const ENGLISH: [&str; COLUMNS] = [
    "Batch",
    "External ID",
    "User ID",
    "User Name",
    "Email ID",
    "Mobile Number",
    "Organization Name",
    "District Name",
    "School Name",
    "Block Name",
    "Enrollment Date",
    "Course Progress",
    "Completion Date",
];
const HINDI: [&str; COLUMNS] = [
    "बैच",
    "बाहरी आईडी",
    "उपयोगकर्ता आईडी",
    "उपयोगकर्ता का नाम",
    "ईमेल आईडी",
    "मोबाइल नंबर",
    "संगठन का नाम",
    "ज़िले का नाम",
    "विद्यालय का नाम",
    "ब्लॉक का नाम",
    "नामांकन की तारीख",
    "पाठ्यक्रम प्रगति",
    "पूर्णता की तारीख",
];
const TAMIL: [&str; COLUMNS] = [
    "குழு",
    "வெளி அடையாள எண்",
    "பயனர் அடையாள எண்",
    "பயனர் பெயர்",
    "மின்னஞ்சல் முகவரி",
    "கைபேசி எண்",
    "நிறுவனத்தின் பெயர்",
    "மாவட்டத்தின் பெயர்",
    "பள்ளியின் பெயர்",
    "வட்டாரத்தின் பெயர்",
    "சேர்ந்த தேதி",
    "பாடநெறி முன்னேற்றம்",
    "நிறைவு செய்த தேதி",
];
const TELUGU: [&str; COLUMNS] = [
    "బ్యాచ్",
    "బాహ్య ఐడి",
    "యూజర్ ఐడి",
    "యూజర్ పేరు",
    "ఇమెయిల్ ఐడి",
    "మొబైల్ నంబర్",
    "సంస్థ పేరు",
    "జిల్లా పేరు",
    "పాఠశాల పేరు",
    "బ్లాక్ పేరు",
    "నమోదు తేదీ",
    "కోర్సు పురోగతి",
    "పూర్తి చేసిన తేదీ",
];
const KANNADA: [&str; COLUMNS] = [
    "ಬ್ಯಾಚ್",
    "ಬಾಹ್ಯ ಐಡಿ",
    "ಬಳಕೆದಾರರ ಐಡಿ",
    "ಬಳಕೆದಾರರ ಹೆಸರು",
    "ಇಮೇಲ್ ಐಡಿ",
    "ಮೊಬೈಲ್ ಸಂಖ್ಯೆ",
    "ಸಂಸ್ಥೆಯ ಹೆಸರು",
    "ಜಿಲ್ಲೆಯ ಹೆಸರು",
    "ಶಾಲೆಯ ಹೆಸರು",
    "ಬ್ಲಾಕ್‌ನ ಹೆಸರು",
    "ದಾಖಲಾತಿ ದಿನಾಂಕ",
    "ಕೋರ್ಸ್ ಪ್ರಗತಿ",
    "ಪೂರ್ಣಗೊಳಿಸಿದ ದಿನಾಂಕ",
];
const ODIA: [&str; COLUMNS] = [
    "ବ୍ୟାଚ୍",
    "ବାହ୍ୟ ଆଇଡି",
    "ଉପଭୋକ୍ତା ଆଇଡି",
    "ଉପଭୋକ୍ତାଙ୍କ ନାମ",
    "ଇମେଲ୍ ଆଇଡି",
    "ମୋବାଇଲ୍ ନମ୍ବର",
    "ସଂଗଠନର ନାମ",
    "ଜିଲ୍ଲାର ନାମ",
    "ବିଦ୍ୟାଳୟର ନାମ",
    "ବ୍ଲକ୍‌ର ନାମ",
    "ନାମଲେଖା ତାରିଖ",
    "ପାଠ୍ୟକ୍ରମ ପ୍ରଗତି",
    "ସମ୍ପୂର୍ଣ୍ଣ କରିବା ତାରିଖ",
];

/// The headers of reports in a language: `Batch`, which only files of several batches have, then the twelve in their
/// order.
pub const fn report_headers(language: Language) -> &'static [&'static str] {
    match language {
        Language::English => &ENGLISH,
        Language::Hindi => &HINDI,
        Language::Tamil => &TAMIL,
        Language::Telugu => &TELUGU,
        Language::Kannada => &KANNADA,
        Language::Odia => &ODIA,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_column_has_a_name_of_its_own_in_every_language() {
        for language in Language::ALL {
            let headers: BTreeSet<&str> = report_headers(language).iter().copied().collect();
            assert_eq!(headers.len(), COLUMNS, "{language}");
            let english = headers.iter().filter(|header| header.is_ascii()).count();
            assert_eq!(
                english,
                if language == Language::English { COLUMNS } else { 0 },
                "{language}"
            );
        }
    }
}
