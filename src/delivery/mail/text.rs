//! The texts of mails. The templates in `src/delivery/templates`, one folder for each mail with its subject, text and
//! HTML, are filled with the messages of a language ([`Messages`]). A site may replace templates and messages by its
//! own.
//!
//! The HTML is escaped by the template engine; names and words from elsewhere are on one line before they get there.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use fluent_bundle::{FluentArgs, FluentValue};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Kwargs;
use minijinja::{Environment, ErrorKind, UndefinedBehavior, Value, context};

use super::attachment::{Attachment, Packing};
use super::plain::one_line;
use super::{Link, MailContext};
use crate::delivery::request::{FailureCause, ReportFile, Request};
use crate::language::{Language, Messages, MessagesError};
use crate::report::{Condition, ProgressRange, SplitColumn, Wanted};
use crate::zone::Zone;

/// Characters of a batch's or course's name.
const NAME_CHARS: usize = 120;
/// The longest reason of a failed request, in characters.
const WORDS_CHARS: usize = 400;
/// The longest description of one condition of a filter, in characters.
const FILTER_CHARS: usize = 400;
/// The width of a label before its value in the text of a mail.
const LABEL_WIDTH: usize = 12;
/// The folder of a site's own messages, beside the folders of its templates.
const MESSAGES: &str = "messages";

/// The texts of one mail.
#[derive(Debug)]
pub(super) struct MailText {
    pub subject: String,
    pub plain: String,
    pub html: String,
}

/// The templates, the messages in each language, and the zone that times are shown in.
pub(super) struct Templates {
    environments: Vec<(Language, Environment<'static>)>,
    messages: Arc<Messages>,
    timezone: Zone,
    /// The language of people who have not chosen one.
    language: Language,
}

/// The templates and messages of a site, which replace the built-in ones.
#[derive(Default)]
struct Own {
    templates: Vec<(&'static str, String)>,
    messages: Vec<(Language, PathBuf, String)>,
}

macro_rules! templates {
    ($($name:literal),+ $(,)?) => {
        [$(($name, include_str!(concat!("../templates/", $name)))),+]
    };
}

/// The templates by their paths below the folder.
const TEMPLATES: [(&str, &str); 8] = templates![
    "report/subject.txt.j2",
    "report/body.txt.j2",
    "report/body.html.j2",
    "failure/subject.txt.j2",
    "failure/body.txt.j2",
    "failure/body.html.j2",
    "failure/reason.txt.j2",
    "failure/advice.txt.j2",
];

/// Templates that cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum TemplatesError {
    #[error("{} cannot be read: {source}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error(
        "{} is none of the templates, which are {}, and no messages of a language, such as messages/hi.ftl",
        .0.display(), TEMPLATES.map(|(name, _)| name).join(", ")
    )]
    Unknown(PathBuf),
    #[error(transparent)]
    Messages(#[from] MessagesError),
    #[error("{0}; see the built-in ones in src/delivery/templates for what there is")]
    Template(#[from] minijinja::Error),
}

/// The values of the mail that brings a report, by the names in its templates.
struct ReportFacts<'a> {
    rows: u64,
    unknown_users: u64,
    hidden_details: u64,
    left_out: u64,
    handed_over: &'a str,
    attachment: Option<&'a str>,
    size: String,
}

impl Templates {
    /// The templates, and messages in each language; those in `folder` replace the built-in ones. Each is rendered once
    /// as a test. People who have not chosen a language get `language`.
    ///
    /// # Errors
    /// A file of the folder is neither a template nor a file of messages, cannot be read, or uses an unknown variable
    /// or message.
    pub fn new(timezone: Zone, language: Language, folder: Option<&Path>) -> Result<Self, TemplatesError> {
        let own = match folder {
            Some(folder) => own_files(folder)?,
            None => Own::default(),
        };
        let mut messages = Messages::new()?;
        for (language, path, text) in own.messages {
            messages.replace(language, path, &text)?;
        }
        let messages = Arc::new(messages);
        let mut environments = Vec::new();
        for language in Language::ALL {
            environments.push((language, environment(language, Arc::clone(&messages), &own.templates)?));
        }
        let templates = Self {
            environments,
            messages,
            timezone,
            language,
        };
        for language in Language::ALL {
            templates.in_language(language).try_all()?;
        }
        Ok(templates)
    }

    /// The mail that brings a report; without an attachment it says where the report is.
    pub fn report(
        &self,
        request: &Request,
        file: &ReportFile,
        attachment: Option<&Attachment>,
        context: MailContext<'_>,
    ) -> Result<MailText, minijinja::Error> {
        let handed_over = match attachment.map(|attachment| attachment.packing) {
            Some(Packing::Plain) => "file",
            Some(Packing::Zip) => "zip",
            Some(Packing::ProtectedZip) => "protected_zip",
            None => "link",
        };
        let facts = ReportFacts {
            rows: file.rows,
            unknown_users: file.unknown_users,
            hidden_details: context.consent.hidden_details,
            left_out: context.consent.left_out,
            handed_over,
            attachment: attachment.map(|attachment| attachment.name.as_str()),
            size: bytesize::ByteSize::b(file.bytes).display().si().to_string(),
        };
        let writer = self.for_person(request);
        writer.report_mail(&facts, writer.common(request, file.snapshot_date.day(), context)?)
    }

    /// The mail that says that a report was not delivered, why, and what to do.
    pub fn failure(&self, request: &Request, context: MailContext<'_>) -> Result<MailText, minijinja::Error> {
        let failure = request.failure.as_ref();
        let cause = failure.map_or(FailureCause::ReportFailed, |failure| failure.cause);
        // For these failures, the reason needs no further words.
        let is_explained = matches!(
            cause,
            FailureCause::MailUnconfirmed | FailureCause::NotAllowed | FailureCause::UnknownBatch
        );
        let words = failure
            .filter(|_| !is_explained)
            .map(|failure| one_line(&failure.words, WORDS_CHARS))
            .unwrap_or_default();
        let day = request
            .file
            .as_ref()
            .map_or(request.snapshot_date, |file| file.snapshot_date);
        let writer = self.for_person(request);
        let values = context! {
            cause => cause.word(),
            words,
            ..writer.common(request, day.day(), context)?
        };
        writer.failure_mail(values)
    }

    /// Writes in the language of the requester.
    fn for_person(&self, request: &Request) -> Writer<'_> {
        self.in_language(request.person.language.unwrap_or(self.language))
    }

    fn in_language(&self, language: Language) -> Writer<'_> {
        Writer {
            templates: self,
            language,
        }
    }
}

/// Writes mails in one language.
#[derive(Clone, Copy)]
struct Writer<'a> {
    templates: &'a Templates,
    language: Language,
}

impl Writer<'_> {
    /// Renders every mail with values that are made up, so that a mistake is found when the service starts.
    fn try_all(self) -> Result<(), minijinja::Error> {
        let link = Some("https://reports.example.org/r/1");
        let unsubscribe = Some("https://reports.example.org/unsubscribe/1");
        for (link, asks_for_login, is_subscription, unsubscribe_url) in [
            (None, None, false, None),
            (link, Some(true), false, None),
            (link, Some(false), true, unsubscribe),
            (None, None, true, None),
        ] {
            let common = context! {
                language => self.language.code(),
                batch => "Batch 1 (b1)",
                batches => 1,
                filters => [context! { column => "Block Name", wanted => "Block 1" }],
                split_by => "District Name",
                course => "c1",
                data_as_of => "22 November 2026",
                requested_at => "23 November 2026, 01:30 IST",
                request_id => "019398a1-0000-7000-8000-000000000001",
                link_url => link,
                link_ends => link.map(|_| "23 December 2026, 11:30 IST"),
                link_asks_for_login => asks_for_login,
                is_subscription,
                unsubscribe_url,
            };
            let forms = [
                ("file", Some("a.csv")),
                ("zip", Some("a.zip")),
                ("protected_zip", Some("a.zip")),
                ("link", None),
            ];
            for (handed_over, attachment) in forms {
                let facts = ReportFacts {
                    rows: 2,
                    unknown_users: 1,
                    hidden_details: 1,
                    left_out: 1,
                    handed_over,
                    attachment,
                    size: "31.0 MB".to_owned(),
                };
                self.report_mail(&facts, common.clone())?;
            }
            for cause in FailureCause::ALL {
                self.failure_mail(context! { cause => cause.word(), words => "no such mailbox", ..common.clone() })?;
            }
        }
        Ok(())
    }

    fn report_mail(self, facts: &ReportFacts<'_>, common: Value) -> Result<MailText, minijinja::Error> {
        let values = context! {
            rows => facts.rows,
            unknown_users => facts.unknown_users,
            hidden_details => facts.hidden_details,
            left_out => facts.left_out,
            handed_over => facts.handed_over,
            attachment => facts.attachment,
            size => facts.size.clone(),
            ..common
        };
        self.mail("report", &values)
    }

    fn failure_mail(self, values: Value) -> Result<MailText, minijinja::Error> {
        let values = context! {
            reason => self.line("failure/reason.txt.j2", &values)?,
            advice => self.line("failure/advice.txt.j2", &values)?,
            ..values
        };
        self.mail("failure", &values)
    }

    /// The values of every mail.
    fn common(self, request: &Request, day: NaiveDate, context: MailContext<'_>) -> Result<Value, minijinja::Error> {
        let course = context.batch.and_then(|batch| batch.course_id.as_deref());
        let course = match request.asked.batches.is_empty() {
            true => course.or(request.course_id.as_deref()),
            // Batches of a list may be of several.
            false => request.asked.course.as_deref(),
        };
        let course = course.map(|id| self.course_words(id, context)).transpose()?;
        let link_ends = context.link.map(|link| self.moment(link.ends_at)).transpose()?;
        Ok(context! {
            language => self.language.code(),
            batch => self.batch_words(request, context)?,
            batches => request.batches().len(),
            filters => self.filters(request)?,
            split_by => request.asked.split_by.map(SplitColumn::header),
            course,
            data_as_of => self.day(day)?,
            requested_at => self.moment(request.requested_at)?,
            request_id => request.id.to_string(),
            link_url => context.link.map(|Link { url, .. }| url.clone()),
            link_ends,
            link_asks_for_login => context.link.map(|link| link.asks_for_login),
            is_subscription => context.subscription.is_some(),
            unsubscribe_url => context.subscription.and_then(|subscription| subscription.unsubscribe),
        })
    }

    /// The name of the batch, or of the batches, in the mail.
    fn batch_words(self, request: &Request, context: MailContext<'_>) -> Result<String, minijinja::Error> {
        if let Some(course) = &request.asked.course {
            let course = self.course_words(course, context)?;
            return self.say("batches-of-course", [("course", FluentValue::from(course))]);
        }
        if !request.asked.batches.is_empty() {
            let count = FluentValue::from(request.asked.batches.len());
            return self.say("several-batches", [("count", count)]);
        }
        let batch_name = context.batch.and_then(|batch| batch.batch_name.as_deref());
        self.named(request.batch_id.as_str(), batch_name)
    }

    fn course_words(self, id: &str, context: MailContext<'_>) -> Result<String, minijinja::Error> {
        self.named(id, context.names.and_then(|names| names.of_course(id)))
    }

    /// A name with its id, or the id alone.
    fn named(self, id: &str, name: Option<&str>) -> Result<String, minijinja::Error> {
        let id = one_line(id, NAME_CHARS);
        match name.map(|name| one_line(name, NAME_CHARS)) {
            Some(name) if !name.is_empty() => self.say(
                "named",
                [("name", FluentValue::from(name)), ("id", FluentValue::from(id))],
            ),
            _ => Ok(id),
        }
    }

    /// The conditions that rows had to meet. Columns are called as in the report.
    fn filters(self, request: &Request) -> Result<Vec<Value>, minijinja::Error> {
        let mut shown = Vec::new();
        for Condition { column, wanted } in request.asked.filter.conditions() {
            let (column, wanted) = match wanted {
                Wanted::Values(values) => {
                    let blank = self.say("blank-value", [])?;
                    let values = values.into_iter();
                    let named = values.map(|value| if value.is_empty() { blank.clone() } else { value });
                    (column.to_owned(), named.collect::<Vec<_>>().join(", "))
                }
                Wanted::Filled(is_filled) => {
                    let answer = if is_filled { "yes" } else { "no" };
                    (self.say("completed", [])?, self.say(answer, [])?)
                }
                Wanted::Percents(ProgressRange { from, to }) => {
                    let given = [("from", FluentValue::from(from)), ("to", FluentValue::from(to))];
                    (column.to_owned(), self.say("percent-range", given)?)
                }
                Wanted::Days { since, until } => (column.to_owned(), self.days(since, until)?),
            };
            shown.push(context! { column, wanted => one_line(&wanted, FILTER_CHARS) });
        }
        Ok(shown)
    }

    fn days(self, since: Option<NaiveDate>, until: Option<NaiveDate>) -> Result<String, minijinja::Error> {
        let day = |day: NaiveDate| FluentValue::from(day.to_string());
        match (since, until) {
            (None, None) => Ok(String::new()),
            (Some(since), None) => self.say("days-from", [("since", day(since))]),
            (None, Some(until)) => self.say("days-until", [("until", day(until))]),
            (Some(since), Some(until)) => self.say("days-between", [("since", day(since)), ("until", day(until))]),
        }
    }

    fn day(self, day: NaiveDate) -> Result<String, minijinja::Error> {
        self.date(day.day().to_string(), &day.month().to_string(), day.year().to_string())
    }

    fn date(self, day: String, month: &str, year: String) -> Result<String, minijinja::Error> {
        let month = self.say(&format!("month-{month}"), [])?;
        let given = [
            ("day", FluentValue::from(day)),
            ("month", FluentValue::from(month)),
            ("year", FluentValue::from(year)),
        ];
        self.say("day", given)
    }

    fn moment(self, time: DateTime<Utc>) -> Result<String, minijinja::Error> {
        let part = |format| self.templates.timezone.format(time, format);
        let date = self.date(part("%-d"), &part("%-m"), part("%Y"))?;
        let clock = part("%H:%M %Z");
        let given = [("date", FluentValue::from(date)), ("clock", FluentValue::from(clock))];
        self.say("moment", given)
    }

    fn say<const GIVEN: usize>(
        self,
        key: &str,
        given: [(&'static str, FluentValue<'static>); GIVEN],
    ) -> Result<String, minijinja::Error> {
        let given: FluentArgs<'_> = given.into_iter().collect();
        self.templates.messages.say(self.language, key, &given).map_err(unsaid)
    }

    fn mail(self, folder: &str, values: &Value) -> Result<MailText, minijinja::Error> {
        Ok(MailText {
            subject: self.line(&format!("{folder}/subject.txt.j2"), values)?,
            plain: self.render(&format!("{folder}/body.txt.j2"), values)?,
            html: self.render(&format!("{folder}/body.html.j2"), values)?,
        })
    }

    fn line(self, name: &str, values: &Value) -> Result<String, minijinja::Error> {
        Ok(self.render(name, values)?.trim().to_owned())
    }

    fn render(self, name: &str, values: &Value) -> Result<String, minijinja::Error> {
        let mut environments = self.templates.environments.iter();
        let environment = environments.find(|(language, _)| *language == self.language);
        let (_, environment) = environment.ok_or_else(|| minijinja::Error::from(ErrorKind::TemplateNotFound))?;
        environment.get_template(name)?.render(values)
    }
}

/// The templates in one language: `t("key", name=value)` is what a message says, and `label` a name before its value.
fn environment(
    language: Language,
    messages: Arc<Messages>,
    own: &[(&'static str, String)],
) -> Result<Environment<'static>, minijinja::Error> {
    let mut environment = Environment::new();
    // A tag on a line of its own leaves no line behind.
    environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.add_function(
        "t",
        move |key: String, given: Kwargs| -> Result<String, minijinja::Error> {
            let mut arguments = FluentArgs::new();
            for name in given.args() {
                let value: Value = given.get(name)?;
                let value = match (value.as_str(), value.as_i64()) {
                    (None, Some(number)) => FluentValue::from(number),
                    _ => FluentValue::from(value.to_string()),
                };
                arguments.set(name.to_owned(), value);
            }
            messages.say(language, &key, &arguments).map_err(unsaid)
        },
    );
    environment.add_filter("label", |name: String| -> String {
        let label = format!("{name}:");
        // Labels whose width is their number of characters are aligned; other scripts are not.
        let width = if label.is_ascii() { label.len() } else { LABEL_WIDTH };
        let gap = LABEL_WIDTH.saturating_sub(width).max(1);
        format!("{label}{}", " ".repeat(gap))
    });
    for (name, source) in TEMPLATES {
        environment.add_template(name, source)?;
    }
    for (name, source) in own {
        environment.add_template_owned(*name, source.clone())?;
    }
    Ok(environment)
}

fn unsaid(error: MessagesError) -> minijinja::Error {
    minijinja::Error::new(ErrorKind::InvalidOperation, error.to_string())
}

/// The templates and messages of a site: `report/subject.txt.j2`, `messages/hi.ftl`.
fn own_files(folder: &Path) -> Result<Own, TemplatesError> {
    let unreadable = |path: &Path| {
        let path = path.to_owned();
        move |source| TemplatesError::Unreadable { path, source }
    };
    let mut own = Own::default();
    for entry in fs::read_dir(folder).map_err(unreadable(folder))? {
        let entry = entry.map_err(unreadable(folder))?.path();
        if is_hidden(&entry) {
            continue;
        }
        // A file directly in the folder is not a template either.
        let files = if entry.is_dir() {
            let entries = fs::read_dir(&entry).map_err(unreadable(&entry))?;
            let paths = entries.map(|entry| entry.map(|entry| entry.path()));
            paths.collect::<io::Result<Vec<_>>>().map_err(unreadable(&entry))?
        } else {
            vec![entry]
        };
        for file in files.into_iter().filter(|file| !is_hidden(file)) {
            let known = TEMPLATES
                .iter()
                .find(|(name, _)| file.strip_prefix(folder) == Ok(Path::new(name)));
            let text = || fs::read_to_string(&file).map_err(unreadable(&file));
            match (known, language_of(folder, &file)) {
                (Some((name, _)), _) => own.templates.push((*name, text()?)),
                (None, Some(language)) => {
                    let text = text()?;
                    own.messages.push((language, file, text));
                }
                (None, None) => return Err(TemplatesError::Unknown(file)),
            }
        }
    }
    Ok(own)
}

/// The language of a file of messages.
fn language_of(folder: &Path, file: &Path) -> Option<Language> {
    let is_of = |language: &Language| file == folder.join(MESSAGES).join(format!("{language}.ftl"));
    Language::ALL.into_iter().find(is_of)
}

/// Editors and version control leave such files.
fn is_hidden(path: &Path) -> bool {
    path.file_name()
        .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::SubscriptionMail;
    use super::*;
    use crate::delivery::access::BatchFacts;
    use crate::delivery::request::{Failure, Status};
    use crate::report::ConsentCounts;

    fn request() -> Request {
        let at = |text: &str| text.parse::<DateTime<Utc>>().expect("a time");
        let mut request = Request::running();
        request.id = "019398a1-0000-7000-8000-000000000001".parse().expect("an id");
        request.person.email = Some("asha@example.org".to_owned());
        request.course_id = Some("c1".to_owned());
        request.requested_at = at("2026-11-22T20:00:00Z");
        request.deadline = at("2026-11-22T20:30:00Z");
        request.snapshot_date = "2026-11-22".parse().expect("a date");
        request
    }

    fn file(rows: u64, unknown_users: u64) -> ReportFile {
        ReportFile {
            snapshot_date: "2026-11-22".parse().expect("a date"),
            rows,
            unknown_users,
            name: "course-progress_Batch-1_2026-11-22.csv".to_owned(),
            path: "x".to_owned(),
            bytes: 31_000_000,
            sha256: String::new(),
            consent_rules: None,
        }
    }

    fn batch(name: &str) -> BatchFacts {
        BatchFacts {
            batch_id: "b1".parse().expect("an id"),
            course_id: Some("c1".to_owned()),
            batch_name: Some(name.to_owned()),
            tenant_id: None,
            created_by: None,
            mentors: BTreeSet::new(),
            rows: None,
        }
    }

    /// A mail about a batch, with nothing but its facts.
    fn context_of(batch: &BatchFacts) -> MailContext<'_> {
        MailContext {
            batch: Some(batch),
            names: None,
            link: None,
            consent: ConsentCounts::default(),
            subscription: None,
        }
    }

    fn link() -> Link {
        Link {
            url: "https://reports.example.org/r/1?a=1&b=2".to_owned(),
            ends_at: "2026-12-22T18:30:00Z".parse().expect("a time"),
            asks_for_login: true,
        }
    }

    fn attached(packing: Packing) -> Attachment {
        let name = match packing {
            Packing::Plain => "course-progress_Batch-1_2026-11-22.csv",
            Packing::Zip | Packing::ProtectedZip => "course-progress_Batch-1_2026-11-22.zip",
        };
        Attachment {
            name: name.to_owned(),
            media_type: "",
            packing,
            bytes: Vec::new(),
        }
    }

    fn templates() -> Templates {
        Templates::new(Zone::default(), Language::English, None).expect("good templates")
    }

    /// The templates with a file of the site's own.
    fn with_own(file: &str, source: &str) -> Result<Templates, TemplatesError> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(file);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, source).expect("written");
        fs::write(folder.path().join(".gitignore"), "").expect("written");
        Templates::new(Zone::default(), Language::English, Some(folder.path()))
    }

    #[test]
    fn every_mail_in_every_language() {
        let templates = templates();
        let (facts, link) = (batch("बैच १ <b>&"), link());
        let consent = ConsentCounts {
            hidden_details: 2,
            left_out: 1,
        };
        let context = |link| MailContext {
            link,
            consent,
            ..context_of(&facts)
        };
        for language in Language::ALL {
            let mut request = request();
            request.person.language = Some(language);
            let report = |packing: Option<Packing>, link| {
                let attachment = packing.map(attached);
                let mail = templates.report(&request, &file(1234, 12), attachment.as_ref(), context(link));
                mail.expect("a mail")
            };
            insta::assert_snapshot!(
                format!("report_{language}"),
                written(&report(Some(Packing::Plain), None))
            );
            let others = [
                report(Some(Packing::Zip), None),
                report(Some(Packing::ProtectedZip), Some(&link)),
                report(None, Some(&link)),
                report(None, None),
            ];
            let others = others.map(|mail| mail.plain).join("\n\n==\n\n");
            insta::assert_snapshot!(format!("report_otherwise_{language}"), others);
            let failure = |cause, link| {
                let mut request = request.clone();
                request.status = Status::Failed;
                request.failure = Some(Failure {
                    cause,
                    words: "550 5.1.1 <no such mailbox>".to_owned(),
                });
                templates.failure(&request, context(link)).expect("a mail")
            };
            let mut said = vec![written(&failure(FailureCause::MailRefused, Some(&link)))];
            for cause in [
                FailureCause::MailRefused,
                FailureCause::MailUnavailable,
                FailureCause::MailUnconfirmed,
                FailureCause::NotAllowed,
                FailureCause::UnknownBatch,
                FailureCause::ReportFailed,
            ] {
                said.push(failure(cause, None).plain);
            }
            insta::assert_snapshot!(format!("failure_{language}"), said.join("\n\n==\n\n"));
        }
    }

    #[test]
    fn mails_are_in_the_recipient_s_language_or_the_site_s() {
        let templates = Templates::new(Zone::default(), Language::Kannada, None).expect("good templates");
        let facts = batch("Batch 1");
        let context = context_of(&facts);
        let subject = |language| {
            let mut request = request();
            request.person.language = language;
            let mail = templates.report(&request, &file(1, 0), Some(&attached(Packing::Plain)), context);
            mail.expect("a mail").subject
        };
        assert!(subject(None).starts_with("ಕೋರ್ಸ್ ಪ್ರಗತಿ ವರದಿ: Batch 1 (b1)"));
        assert!(subject(Some(Language::English)).starts_with("Course Progress Report: Batch 1 (b1)"));
        assert!(subject(Some(Language::Odia)).starts_with("ପାଠ୍ୟକ୍ରମ ପ୍ରଗତି ରିପୋର୍ଟ: Batch 1 (b1)"));
    }

    #[test]
    fn a_site_s_messages_replace_the_built_in_ones() {
        let own = with_own("messages/en.ftl", "hello = Dear mentor,\n").expect("good messages");
        let facts = batch("Batch 1");
        let context = context_of(&facts);
        let mail = own.failure(&request(), context).expect("a mail");
        assert!(
            mail.plain.starts_with("Dear mentor,\n\nthe Course Progress Report"),
            "{}",
            mail.plain
        );
        for (file, source, expected) in [
            ("messages/en.ftl", "hallo = Dear mentor,\n", "'hallo'"),
            ("messages/hi.ftl", "hello = { $name }\n", "asks for $name"),
            ("messages/fr.ftl", "hello = Bonjour,\n", "none of the templates"),
        ] {
            let message = with_own(file, source).err().expect("a mistake").to_string();
            assert!(message.contains(expected), "{message}");
        }
    }

    #[test]
    fn the_mail_of_a_subscription_says_how_it_ends() {
        let facts = batch("Batch 1");
        let url = "https://reports.example.org/unsubscribe/x";
        let context = |unsubscribe| MailContext {
            subscription: Some(SubscriptionMail {
                unsubscribe,
                is_officer: false,
            }),
            ..context_of(&facts)
        };
        let mail = |unsubscribe| {
            let attachment = attached(Packing::Plain);
            let mail = templates().report(&request(), &file(1, 0), Some(&attachment), context(unsubscribe));
            mail.expect("a mail")
        };
        let with = mail(Some(url));
        assert!(with.plain.contains(url), "{}", with.plain);
        let opening = "Hello,\n\nhere is the Course Progress Report that a subscription sends you.\n\nBatch:";
        assert!(with.plain.starts_with(opening), "{}", with.plain);
        let ending =
            "You get this mail because of a subscription. Its subscriber or your administrator can end it.\nThis mail";
        assert!(mail(None).plain.contains(ending), "{}", mail(None).plain);
        assert!(with.html.contains("unsubscribe&#x2f;x"), "{}", with.html);
        for text in [&with.plain, &with.html, &mail(None).plain] {
            assert!(text.contains("subscription") && !text.contains("you clicked"), "{text}");
        }
    }

    #[test]
    fn a_site_s_templates_replace_the_built_in_ones() {
        let own = with_own("report/subject.txt.j2", "प्रगति रिपोर्ट: {{ batch }}").expect("good templates");
        let facts = batch("Batch 1");
        let context = context_of(&facts);
        let mail = own.report(&request(), &file(1, 0), Some(&attached(Packing::Plain)), context);
        let mail = mail.expect("a mail");
        assert_eq!(mail.subject, "प्रगति रिपोर्ट: Batch 1 (b1)");
        assert!(
            mail.plain.contains("here is the Course Progress Report"),
            "{}",
            mail.plain
        );
    }

    #[test]
    fn mistakes_in_a_site_s_templates_are_found_at_the_start() {
        for (file, source, expected) in [
            ("report/subject.txt.j2", "{{ batsch }}", "report/subject.txt.j2"),
            ("report/body.txt.j2", "{% if %}", "report/body.txt.j2"),
            ("failure/advice.txt.j2", "{{ advice }}", "failure/advice.txt.j2"),
            ("report/betreff.txt.j2", "x", "none of the templates"),
            ("subject.txt.j2", "x", "none of the templates"),
        ] {
            let message = with_own(file, source).err().expect("a mistake").to_string();
            assert!(message.contains(expected) && !message.contains('\n'), "{message}");
        }
        let nowhere = Templates::new(Zone::default(), Language::English, Some(Path::new("/nowhere")))
            .err()
            .expect("a mistake");
        assert!(nowhere.to_string().contains("/nowhere"), "{nowhere}");
    }

    #[test]
    fn long_names_wrap_on_a_phone() {
        for html in [
            report(1, 0, Some(Packing::Plain), Some(&link())).html,
            failure(FailureCause::MailRefused, Some(&link())).html,
        ] {
            assert!(html.contains("width=device-width"), "{html}");
            let body = html.lines().find(|line| line.starts_with("<body")).expect("a body");
            let cells = html.lines().filter(|line| line.contains("<td dir=\"auto\""));
            for line in cells.chain([body]) {
                assert!(
                    line.contains("overflow-wrap: anywhere; word-break: break-word"),
                    "{line}"
                );
            }
        }
    }

    /// The whole mail as one text.
    fn written(mail: &MailText) -> String {
        format!("Subject: {}\n\n{}\n\n{}", mail.subject, mail.plain, mail.html)
    }

    fn report(rows: u64, unknown_users: u64, packing: Option<Packing>, link: Option<&Link>) -> MailText {
        let batch = batch("बैच १ <b>&");
        let context = MailContext {
            link,
            ..context_of(&batch)
        };
        let attachment = packing.map(attached);
        let mail = templates().report(&request(), &file(rows, unknown_users), attachment.as_ref(), context);
        mail.expect("a mail")
    }

    fn failure(cause: FailureCause, link: Option<&Link>) -> MailText {
        let mut request = request();
        request.status = Status::Failed;
        request.failure = Some(Failure {
            cause,
            words: "the mail server said: 550 5.1.1 <no such mailbox>".to_owned(),
        });
        let batch = batch("Batch 1");
        let context = MailContext {
            link,
            ..context_of(&batch)
        };
        templates().failure(&request, context).expect("a mail")
    }

    #[test]
    fn a_report_that_is_attached() {
        insta::assert_snapshot!(written(&report(1234, 12, Some(Packing::Plain), None)));
    }

    #[test]
    fn a_signed_link_warns_that_it_needs_no_login() {
        let signed = Link {
            asks_for_login: false,
            ..link()
        };
        let mails = [
            report(1, 0, None, Some(&signed)),
            report(1, 0, Some(Packing::Plain), Some(&signed)),
            failure(FailureCause::MailRefused, Some(&signed)),
        ];
        for mail in mails {
            for text in [&mail.plain, &mail.html] {
                assert!(text.contains("please do not pass it on"), "{text}");
                assert!(!text.contains("asked to log in"), "{text}");
            }
        }
    }

    #[test]
    fn a_report_under_a_password_with_a_link() {
        insta::assert_snapshot!(report(1, 1, Some(Packing::ProtectedZip), Some(&link())).plain);
    }

    #[test]
    fn a_report_that_is_too_large() {
        insta::assert_snapshot!(written(&report(1234, 0, None, Some(&link()))));
        insta::assert_snapshot!(report(1234, 0, None, None).plain);
    }

    #[test]
    fn every_step_of_the_ladder_says_how_the_report_comes() {
        for (packing, link, expected) in [
            (
                Some(Packing::Plain),
                None,
                "The report is attached: course-progress_Batch-1_2026-11-22.csv",
            ),
            (
                Some(Packing::Zip),
                None,
                "attached as a ZIP file, because it is too large by itself",
            ),
            (
                Some(Packing::ProtectedZip),
                None,
                "attached as a ZIP file under a password",
            ),
            (None, Some(link()), "too large for a mail (31.0 MB). Download it here"),
            (
                None,
                None,
                "too large for a mail (31.0 MB). Please open the course progress dashboard",
            ),
        ] {
            let mail = report(3, 0, packing, link.as_ref());
            assert!(mail.plain.contains(expected), "{}", mail.plain);
            assert!(mail.html.contains("</html>"));
        }
        assert!(
            report(0, 0, Some(Packing::Plain), None)
                .plain
                .contains("Nobody was enrolled")
        );
    }

    #[test]
    fn rows_hidden_by_consent_are_stated() {
        let written = |hidden_details, left_out| {
            let context = MailContext {
                batch: None,
                names: None,
                link: None,
                consent: ConsentCounts {
                    hidden_details,
                    left_out,
                },
                subscription: None,
            };
            let attached = attached(Packing::Plain);
            let mail = templates().report(&request(), &file(9, 0), Some(&attached), context);
            let mail = mail.expect("a mail");
            let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
            (words(&mail.plain), words(&mail.html))
        };
        for (hidden_details, left_out, expected) in [
            (
                1,
                0,
                "One row shows no name, mail address, phone number or external ID, because the learner has",
            ),
            (
                5,
                0,
                "5 rows show no name, mail address, phone number or external ID, because the learners have",
            ),
            (0, 1, "One learner of another organisation is not listed"),
            (2, 7, "7 learners of other organisations are not listed"),
        ] {
            let (plain, html) = written(hidden_details, left_out);
            assert!(plain.contains(expected), "{plain}");
            assert!(html.contains(expected), "{html}");
        }
        let (plain, html) = written(0, 0);
        for said in [plain, html] {
            assert!(!said.contains("consent") && !said.contains("listed"), "{said}");
        }
    }

    fn asked(text: &str, rows: u64, consent: ConsentCounts) -> MailText {
        let mut request = request();
        request.asked = serde_json::from_str(text).expect("what was asked for");
        let batch = batch("Batch 1");
        let context = MailContext {
            consent,
            ..context_of(&batch)
        };
        let attached = attached(Packing::Plain);
        let mail = templates().report(&request, &file(rows, 0), Some(&attached), context);
        mail.expect("a mail")
    }

    #[test]
    fn what_was_chosen_is_said() {
        let filter = r#"{"split_by": "block", "filter": {"block": ["मैसूरु <b>&", "a\nBcc: x@example.org"], "completed": false,
            "progress": "0..50", "enrolled_since": "2026-10-01"}}"#;
        insta::assert_snapshot!(written(&asked(filter, 7, ConsentCounts::default())));
    }

    #[test]
    fn a_filter_that_leaves_no_row_is_said() {
        let consent = ConsentCounts {
            hidden_details: 2,
            left_out: 0,
        };
        insta::assert_snapshot!(asked(r#"{"filter": {"school": [""]}}"#, 0, consent).plain);
    }

    #[test]
    fn several_batches_are_named_together() {
        let course = asked(
            r#"{"batches": ["b1", "b2"], "course": "do_1"}"#,
            7,
            ConsentCounts::default(),
        );
        assert_eq!(
            course.subject,
            "Course Progress Report: all batches of course do_1, data as of 22 November 2026"
        );
        assert!(
            course.plain.contains("Batches:    all batches of course do_1\n"),
            "{}",
            course.plain
        );
        let listed = asked(r#"{"batches": ["b1", "b2"]}"#, 0, ConsentCounts::default());
        assert!(listed.plain.contains("Batches:    2 batches\n"), "{}", listed.plain);
        assert!(
            listed.plain.contains("Nobody was enrolled in these batches"),
            "{}",
            listed.plain
        );
        assert!(!listed.plain.contains("Course:"), "{}", listed.plain);
    }

    #[test]
    fn failures_in_words_that_a_mentor_understands() {
        insta::assert_snapshot!(written(&failure(FailureCause::MailUnconfirmed, Some(&link()))));
        insta::assert_snapshot!(failure(FailureCause::MailRefused, Some(&link())).plain);
        insta::assert_snapshot!(failure(FailureCause::NotAllowed, None).plain);
    }

    #[test]
    fn every_failure_has_a_reason_and_an_advice() {
        let mut reasons = BTreeSet::new();
        // An operator who cancels a request tells its requester, and no further mail follows one that came back.
        let told = || {
            let untold = [FailureCause::Cancelled, FailureCause::MailBounced];
            FailureCause::ALL.iter().filter(move |cause| !untold.contains(cause))
        };
        for &cause in told() {
            for link in [None, Some(link())] {
                let mail = failure(cause, link.as_ref());
                let line = |start: &str| {
                    let line = mail.plain.lines().find_map(|line| line.strip_prefix(start));
                    line.map(str::trim).unwrap_or_default().to_owned()
                };
                assert!(line("What to do:").len() > 20, "{}", mail.plain);
                assert_eq!(mail.plain.contains("https://"), link.is_some());
                reasons.insert(line("What happened:"));
            }
        }
        assert_eq!(reasons.len(), told().count(), "{reasons:?}");
    }

    #[test]
    fn names_cannot_become_markup_or_lines() {
        let name = "x</td><script>alert(1)</script>\r\nBcc: y@example.org\u{202e}";
        let facts = batch(name);
        let context = context_of(&facts);
        let mail = templates()
            .report(&request(), &file(1, 0), Some(&attached(Packing::Plain)), context)
            .expect("a mail");
        assert!(!mail.html.contains("<script>"), "{}", mail.html);
        assert!(!mail.subject.contains(['\r', '\n', '\u{202e}']), "{:?}", mail.subject);
        assert!(!mail.plain.contains("\nBcc:"), "{}", mail.plain);
    }

    #[test]
    fn html_loads_nothing_from_elsewhere() {
        for html in [
            report(1, 0, None, Some(&link())).html,
            failure(FailureCause::MailRefused, Some(&link())).html,
        ] {
            for loads in ["<img", "<script", "<link", "<style", "url(", "src="] {
                assert!(!html.contains(loads), "{html}");
            }
        }
    }
}
