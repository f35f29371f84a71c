//! What mails say, from the templates in `src/delivery/templates`: one folder a mail, with its subject, text and HTML.
//!
//! The HTML is escaped by the template engine; names and words from elsewhere are on one line before they get there.

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, UndefinedBehavior, Value, context};

use super::attachment::{Attachment, Packing};
use super::plain::one_line;
use super::{Link, MailContext};
use crate::delivery::request::{FailureCause, ReportFile, Request};

/// Characters of a batch's or course's name.
const NAME_CHARS: usize = 120;
/// Characters of the words that say why a request failed.
const WORDS_CHARS: usize = 400;
const DAY_FORMAT: &str = "%-d %B %Y";
const TIME_FORMAT: &str = "%-d %B %Y, %H:%M %Z";

/// What one mail says.
#[derive(Debug)]
pub(super) struct MailText {
    pub subject: String,
    pub plain: String,
    pub html: String,
}

/// The templates, and the zone that times are shown in.
pub(super) struct Templates {
    environment: Environment<'static>,
    timezone: Tz,
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

impl Templates {
    /// The templates, checked.
    pub fn new(timezone: Tz) -> Result<Self, minijinja::Error> {
        let mut environment = Environment::new();
        // A tag on a line of its own leaves no line behind.
        environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        for (name, source) in TEMPLATES {
            environment.add_template(name, source)?;
        }
        Ok(Self { environment, timezone })
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
        let values = context! {
            rows => file.rows,
            unknown_users => file.unknown_users,
            handed_over,
            attachment => attachment.map(|attachment| attachment.name.clone()),
            size => bytesize::ByteSize::b(file.bytes).display().si().to_string(),
            ..self.common(request, file.snapshot_date.day(), context)
        };
        self.mail("report", &values)
    }

    /// The mail that says that a report was not delivered, why, and what to do.
    pub fn failure(&self, request: &Request, context: MailContext<'_>) -> Result<MailText, minijinja::Error> {
        let failure = request.failure.as_ref();
        let cause = failure.map_or(FailureCause::ReportFailed, |failure| failure.cause);
        // For these, the reason says it all.
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
        let values = context! {
            cause => cause.word(),
            words,
            ..self.common(request, day.day(), context)
        };
        let values = context! {
            reason => self.line("failure/reason.txt.j2", &values)?,
            advice => self.line("failure/advice.txt.j2", &values)?,
            ..values
        };
        self.mail("failure", &values)
    }

    /// What every mail tells.
    fn common(&self, request: &Request, day: NaiveDate, context: MailContext<'_>) -> Value {
        let batch_id = one_line(request.batch_id.as_str(), NAME_CHARS);
        let batch_name = context.batch.and_then(|batch| batch.batch_name.as_deref());
        let batch = match batch_name.map(|name| one_line(name, NAME_CHARS)) {
            Some(name) if !name.is_empty() => format!("{name} ({batch_id})"),
            _ => batch_id,
        };
        let course = context.batch.and_then(|batch| batch.course_id.as_deref());
        let course = course.or(request.course_id.as_deref());
        context! {
            batch,
            course => course.map(|course| one_line(course, NAME_CHARS)),
            data_as_of => day.format(DAY_FORMAT).to_string(),
            requested_at => self.time(request.requested_at),
            request_id => request.id.to_string(),
            link_url => context.link.map(|Link { url, .. }| url.clone()),
            link_ends => context.link.map(|link| self.time(link.ends_at)),
        }
    }

    fn time(&self, time: DateTime<Utc>) -> String {
        time.with_timezone(&self.timezone).format(TIME_FORMAT).to_string()
    }

    fn mail(&self, folder: &str, values: &Value) -> Result<MailText, minijinja::Error> {
        Ok(MailText {
            subject: self.line(&format!("{folder}/subject.txt.j2"), values)?,
            plain: self.render(&format!("{folder}/body.txt.j2"), values)?,
            html: self.render(&format!("{folder}/body.html.j2"), values)?,
        })
    }

    fn line(&self, name: &str, values: &Value) -> Result<String, minijinja::Error> {
        Ok(self.render(name, values)?.trim().to_owned())
    }

    fn render(&self, name: &str, values: &Value) -> Result<String, minijinja::Error> {
        self.environment.get_template(name)?.render(values)
    }
}
