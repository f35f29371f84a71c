//! Words the sample is made of: states with their districts, names in ten scripts, schools, courses.
//!
//! They hold what breaks reports in real life: commas, quotes, apostrophes, leading spaces, and names
//! that a spreadsheet would run as a formula. All people are invented.

/// Names and a kind of school, as written in one script.
pub(super) struct Script {
    pub first: &'static [&'static str],
    pub last: &'static [&'static str],
    pub school: &'static str,
}

/// A state or union territory: one tenant of the platform.
pub(super) struct State {
    pub name: &'static str,
    pub code: &'static str,
    pub script: &'static Script,
    pub districts: &'static [&'static str],
}

pub(super) static LATIN: Script = Script {
    first: &[
        "Asha",
        "Ravi",
        "Lakshmi",
        "Suresh",
        "Fatima",
        "Gurpreet",
        "Zubin",
        "Meera",
        "Arjun",
        "Kavya",
        "Imran",
        "Joseph",
        "Priya",
        "Sunil",
        "Anjali",
        "José",
        "Renée",
        "D'Souza Maria",
        "O'Neil",
        "Meena, K",
        "\"Babu\"",
        "Md. Salim",
        "A. P. J.",
        "Ananya-Rose",
        "  Kiran ",
    ],
    last: &[
        "Kumar",
        "Devi",
        "Reddy",
        "Khan",
        "Singh",
        "Das",
        "Naidu",
        "Iyer",
        "Patel",
        "Sharma",
        "Nair",
        "Ghosh",
        "D'Costa",
        "Rao, B.Ed.",
        "Hegde",
        "Borah",
        "Lyngdoh",
        "Fernandes",
        "K",
        "Kumar Singh \"Raja\"",
    ],
    school: "Adarsh Vidyalaya",
};

static DEVANAGARI: Script = Script {
    first: &[
        "अनीता",
        "राजेश",
        "सुनीता",
        "महेश",
        "पूजा",
        "विक्रम",
        "सीता",
        "गणेश",
        "ज्योति",
        "हरीश",
    ],
    last: &["शर्मा", "वर्मा", "यादव", "गुप्ता", "पाटील", "मिश्रा", "चौधरी", "जोशी"],
    school: "राजकीय उच्च विद्यालय",
};

static TAMIL: Script = Script {
    first: &["வேலு", "கவிதா", "முருகன்", "செல்வி", "அருண்", "மீனா", "கார்த்திக்", "தமிழரசி"],
    last: &["சுப்பிரமணியன்", "ராஜன்", "பாண்டியன்", "குமார்", "நடராஜன்", "செல்வம்"],
    school: "அரசு மேல்நிலைப் பள்ளி",
};

static TELUGU: Script = Script {
    first: &["లక్ష్మి", "వెంకటేష్", "సరస్వతి", "రమేష్", "పద్మ", "శ్రీనివాస్", "అనూష"],
    last: &["రావు", "రెడ్డి", "నాయుడు", "శాస్త్రి", "చౌదరి"],
    school: "జిల్లా పరిషత్ ఉన్నత పాఠశాల",
};

static KANNADA: Script = Script {
    first: &["ಮಂಜುನಾಥ", "ಸುಮಾ", "ಬಸವರಾಜ", "ಗೀತಾ", "ಶಿವಕುಮಾರ್", "ಲತಾ", "ನಾಗರಾಜ"],
    last: &["ಗೌಡ", "ಹೆಗಡೆ", "ಪಾಟೀಲ", "ಶೆಟ್ಟಿ", "ಕುಲಕರ್ಣಿ"],
    school: "ಸರ್ಕಾರಿ ಪ್ರೌಢಶಾಲೆ",
};

static BENGALI: Script = Script {
    first: &["সুভাষ", "মিতা", "রবীন্দ্র", "শর্মিলা", "অর্ণব", "পূর্ণিমা", "তপন"],
    last: &["ঘোষ", "চট্টোপাধ্যায়", "দাস", "সরকার", "বন্দ্যোপাধ্যায়"],
    school: "উচ্চ মাধ্যমিক বিদ্যালয়",
};

static MALAYALAM: Script = Script {
    first: &["അനിൽ", "ശ്രീജ", "രാധാകൃഷ്ണൻ", "ബിന്ദു", "സുരേഷ്", "ലേഖ", "വിനോദ്"],
    last: &["നായർ", "മേനോൻ", "പിള്ള", "കുറുപ്പ്", "വർഗീസ്"],
    school: "ഗവ. ഹയർ സെക്കൻഡറി സ്കൂൾ",
};

static GURMUKHI: Script = Script {
    first: &["ਗੁਰਪ੍ਰੀਤ", "ਹਰਜੀਤ", "ਸਿਮਰਨ", "ਮਨਦੀਪ", "ਜਸਵਿੰਦਰ", "ਬਲਵਿੰਦਰ"],
    last: &["ਸਿੰਘ", "ਕੌਰ", "ਗਿੱਲ", "ਸੰਧੂ", "ਢਿੱਲੋਂ"],
    school: "ਸਰਕਾਰੀ ਹਾਈ ਸਕੂਲ",
};

static GUJARATI: Script = Script {
    first: &["જિગ્નેશ", "હેતલ", "ભાવેશ", "કિંજલ", "મહેન્દ્ર", "રેખા"],
    last: &["પટેલ", "શાહ", "મહેતા", "ત્રિવેદી", "દેસાઈ"],
    school: "સરકારી માધ્યમિક શાળા",
};

static URDU: Script = Script {
    first: &["فاطمہ", "عمران", "زینب", "محمد سلیم", "عائشہ", "یوسف"],
    last: &["خان", "قریشی", "انصاری", "بیگم", "میر"],
    school: "گورنمنٹ ہائی اسکول",
};

pub(super) static SCRIPTS: [&Script; 10] = [
    &LATIN,
    &DEVANAGARI,
    &TAMIL,
    &TELUGU,
    &KANNADA,
    &BENGALI,
    &MALAYALAM,
    &GURMUKHI,
    &GUJARATI,
    &URDU,
];

/// First names that a spreadsheet would take for a formula, or a report for nothing.
pub(super) static FORMULA_NAMES: [&str; 8] = [
    "=HYPERLINK(\"http://example.org\",\"Asha\")",
    "@handle",
    "-",
    "+Meena",
    "=1+1",
    "=cmd|' /C calc'!A0",
    "\tTab",
    "-2+3",
];

/// `{n}` is the school's number, `{d}` its district, `{s}` a school in the state's script.
pub(super) static SCHOOLS: [&str; 9] = [
    "GOVT HIGH SCHOOL NO {n}",
    "Govt. Boys' Higher Secondary School, {d}",
    "Kanya Vidyalaya No. {n}, {d}",
    "\"Adarsh\" Vidyalaya, {d}",
    "St. Mary's School {n}",
    "Panchayat Union Primary School, Ward {n}, {d}",
    "{s} {n}",
    "{s}, {d}",
    "{s} - {n}",
];

pub(super) static COURSES: [&str; 12] = [
    "Foundational Literacy and Numeracy",
    "Teaching Fractions, Decimals and Percentages",
    "Child Rights & Safety",
    "Learning by \"Doing\": Toy-Based Pedagogy",
    "Inclusive Education",
    "शिक्षण में कला का समावेश",
    "கற்றல் விளைவுகள்",
    "ವಿಜ್ಞಾನ ಕಲಿಕೆ",
    "Teachers' Wellbeing",
    "ICT in Classrooms, Part 1",
    "School Leadership",
    "Understanding Assessment (100% online)",
];

const fn state(
    name: &'static str,
    code: &'static str,
    script: &'static Script,
    districts: &'static [&'static str],
) -> State {
    State {
        name,
        code,
        script,
        districts,
    }
}

/// The 28 states and 8 union territories; a small sample takes the first few.
pub(super) static STATES: [State; 36] = [
    state(
        "Karnataka",
        "KA",
        &KANNADA,
        &["Bengaluru Urban", "Mysuru", "Belagavi", "Kalaburagi", "Udupi"],
    ),
    state(
        "Tamil Nadu",
        "TN",
        &TAMIL,
        &["Chennai", "Madurai", "Coimbatore", "Tiruchirappalli", "The Nilgiris"],
    ),
    state(
        "Uttar Pradesh",
        "UP",
        &DEVANAGARI,
        &["Lucknow", "Varanasi", "Agra", "Prayagraj", "Gorakhpur", "Jhansi"],
    ),
    state(
        "West Bengal",
        "WB",
        &BENGALI,
        &["Kolkata", "North 24 Parganas", "Darjeeling", "Purba Bardhaman"],
    ),
    state(
        "Telangana",
        "TG",
        &TELUGU,
        &["Hyderabad", "Warangal", "Nizamabad", "Karimnagar"],
    ),
    state(
        "Kerala",
        "KL",
        &MALAYALAM,
        &["Thiruvananthapuram", "Ernakulam", "Kozhikode", "Wayanad"],
    ),
    state(
        "Punjab",
        "PB",
        &GURMUKHI,
        &["Amritsar", "Ludhiana", "Patiala", "S.A.S. Nagar (Mohali)"],
    ),
    state("Gujarat", "GJ", &GUJARATI, &["Ahmedabad", "Surat", "Rajkot", "Kachchh"]),
    state(
        "Jammu and Kashmir",
        "JK",
        &URDU,
        &["Srinagar", "Jammu", "Baramulla", "Anantnag"],
    ),
    state(
        "Maharashtra",
        "MH",
        &DEVANAGARI,
        &["Pune", "Nagpur", "Nashik", "Mumbai Suburban", "Kolhapur"],
    ),
    state("Bihar", "BR", &DEVANAGARI, &["Patna", "Gaya", "Muzaffarpur", "Purnia"]),
    state(
        "Andhra Pradesh",
        "AP",
        &TELUGU,
        &["Visakhapatnam", "Guntur", "Chittoor", "Sri Potti Sriramulu Nellore"],
    ),
    state(
        "Rajasthan",
        "RJ",
        &DEVANAGARI,
        &["Jaipur", "Jodhpur", "Udaipur", "Bikaner"],
    ),
    state(
        "Madhya Pradesh",
        "MP",
        &DEVANAGARI,
        &["Bhopal", "Indore", "Gwalior", "Jabalpur"],
    ),
    state("Odisha", "OD", &LATIN, &["Khordha", "Cuttack", "Ganjam", "Koraput"]),
    state(
        "Assam",
        "AS",
        &BENGALI,
        &["Kamrup Metropolitan", "Dibrugarh", "Cachar", "Jorhat"],
    ),
    state("Haryana", "HR", &DEVANAGARI, &["Gurugram", "Hisar", "Karnal"]),
    state("Jharkhand", "JH", &DEVANAGARI, &["Ranchi", "Dhanbad", "East Singhbhum"]),
    state("Chhattisgarh", "CG", &DEVANAGARI, &["Raipur", "Bilaspur", "Bastar"]),
    state("Uttarakhand", "UK", &DEVANAGARI, &["Dehradun", "Nainital", "Almora"]),
    state(
        "Himachal Pradesh",
        "HP",
        &DEVANAGARI,
        &["Shimla", "Kangra", "Lahaul and Spiti"],
    ),
    state("Goa", "GA", &LATIN, &["North Goa", "South Goa"]),
    state("Tripura", "TR", &BENGALI, &["West Tripura", "Dhalai"]),
    state("Meghalaya", "ML", &LATIN, &["East Khasi Hills", "West Garo Hills"]),
    state("Manipur", "MN", &BENGALI, &["Imphal East", "Churachandpur"]),
    state("Nagaland", "NL", &LATIN, &["Kohima", "Dimapur"]),
    state("Mizoram", "MZ", &LATIN, &["Aizawl", "Lunglei"]),
    state("Arunachal Pradesh", "AR", &LATIN, &["Papum Pare", "Tawang"]),
    state("Sikkim", "SK", &LATIN, &["Gangtok", "Namchi"]),
    state(
        "Delhi",
        "DL",
        &DEVANAGARI,
        &["New Delhi", "South West Delhi", "Shahdara"],
    ),
    state("Chandigarh", "CH", &GURMUKHI, &["Chandigarh"]),
    state("Puducherry", "PY", &TAMIL, &["Puducherry", "Karaikal"]),
    state("Ladakh", "LA", &URDU, &["Leh", "Kargil"]),
    state("Lakshadweep", "LD", &MALAYALAM, &["Lakshadweep"]),
    state(
        "Andaman and Nicobar Islands",
        "AN",
        &LATIN,
        &["South Andaman", "Nicobar"],
    ),
    state(
        "Dadra and Nagar Haveli and Daman and Diu",
        "DH",
        &GUJARATI,
        &["Daman", "Diu", "Dadra and Nagar Haveli"],
    ),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn states_are_distinct_and_complete() {
        let codes: BTreeSet<&str> = STATES.iter().map(|state| state.code).collect();
        assert_eq!(codes.len(), STATES.len());
        assert!(STATES.iter().all(|state| !state.districts.is_empty()));
    }

    #[test]
    fn names_hold_what_csv_must_quote() {
        let names: Vec<&str> = SCRIPTS.iter().flat_map(|script| script.first.iter().copied()).collect();
        for mark in ["'", ",", "\""] {
            assert!(names.iter().any(|name| name.contains(mark)), "no name with {mark}");
        }
    }
}
