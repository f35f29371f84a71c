//! `pragati requests`: lists and shows the delivery service's requests, and changes them by hand.

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::bail;
use chrono::{DateTime, Utc};
use clap::{Args, Subcommand, ValueEnum};
use pragati::config::Config;
use pragati::delivery::options::RequestOptions;
use pragati::delivery::request::{Deliver, FailureCause, NoticeState, Request, RequestId, Status};
use pragati::delivery::store::{Cancelled, Database, Page, Retried, Store};
use pragati::ids::{SnapshotDate, UserId};
use pragati::report::ReportFormat;
use serde::Serialize;

use super::log;
use super::options::MessageOptions;
use super::table_or_json::{TableOrJson, printable, shown_time, unknown_time};

const EXAMPLES: &str = "\
Examples:
  pragati requests list --status failed
  pragati requests list --limit 1000 --format json
  pragati requests show 019ab2c4-7d52-7c11-8a39-6f0d5e1b2a90
  pragati requests retry 019ab2c4-7d52-7c11-8a39-6f0d5e1b2a90     try a failed request again
  pragati requests cancel 019ab2c4-7d52-7c11-8a39-6f0d5e1b2a90    end one that is queued or running
  pragati requests revoke-link 019ab2c4-7d52-7c11-8a39-6f0d5e1b2a90   its signed link works no more
  pragati requests sign-out 4cd4c690-eab6-4e70-855a-907c7ff3d9c1      end a person's sessions in browsers

The database is the one of `pragati serve`: database.url in the configuration, else the file in --data.";

/// List the delivery service's requests, look at one, try it again or end it; end links and sessions.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, arg_required_else_help = true)]
pub struct RequestsArguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List requests, the newest first; mail addresses are left out
    List(ListArguments),
    /// Show all that is known of one request, with the requester's mail address
    Show(ShowArguments),
    /// Put a failed request back into the queue, with a new deadline
    Retry(OneArguments),
    /// End a request that is queued or running; no mail is sent about it
    Cancel(OneArguments),
    /// Revoke the signed link in the mails of a request (serve.links); its requester can still log in for the file
    RevokeLink(OneArguments),
    /// End all sessions that a person began by signing in with a browser
    SignOut(SignOutArguments),
}

#[derive(Debug, Args)]
struct ListArguments {
    /// Only those of one status
    #[arg(long, value_enum)]
    status: Option<StatusArgument>,
    /// Requests to list at most
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: u32,
    /// Only those older than this one, for the next page
    #[arg(long, value_name = "ID")]
    before: Option<RequestId>,
    /// Format of the output
    #[arg(long, value_enum, default_value_t = TableOrJson::Table)]
    format: TableOrJson,
    #[command(flatten)]
    place: PlaceOptions,
}

#[derive(Debug, Args)]
struct ShowArguments {
    /// Id of the request
    id: RequestId,
    /// Format of the output
    #[arg(long, value_enum, default_value_t = TableOrJson::Table)]
    format: TableOrJson,
    #[command(flatten)]
    place: PlaceOptions,
}

#[derive(Debug, Args)]
struct OneArguments {
    /// Id of the request
    id: RequestId,
    #[command(flatten)]
    place: PlaceOptions,
}

#[derive(Debug, Args)]
struct SignOutArguments {
    /// The person's user id
    user: UserId,
    #[command(flatten)]
    place: PlaceOptions,
}

/// The options that locate the database.
#[derive(Debug, Args)]
pub struct PlaceOptions {
    /// Data folder of the service [default: serve.data of the configuration]
    #[arg(long, value_name = "DIR", help_heading = "Common options")]
    data: Option<PathBuf>,
    /// Configuration file [default: pragati.toml, where there is one]
    #[arg(long, value_name = "FILE", env = "PRAGATI_CONFIG", help_heading = "Common options")]
    config: Option<PathBuf>,
    #[command(flatten)]
    talk: MessageOptions,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum StatusArgument {
    Queued,
    Running,
    Sent,
    Bounced,
    Ready,
    Failed,
}

impl From<StatusArgument> for Status {
    fn from(status: StatusArgument) -> Self {
        match status {
            StatusArgument::Queued => Self::Queued,
            StatusArgument::Running => Self::Running,
            StatusArgument::Sent => Self::Sent,
            StatusArgument::Bounced => Self::Bounced,
            StatusArgument::Ready => Self::Ready,
            StatusArgument::Failed => Self::Failed,
        }
    }
}

impl PlaceOptions {
    /// Loads the settings and opens the database, which must exist.
    pub async fn open(&self) -> anyhow::Result<(Config, Store)> {
        self.talk.start_log();
        let config = Config::load(self.config.as_deref())?;
        let data = self.data.as_ref().unwrap_or(&config.serve.data);
        let database = Database::chosen(config.database.url()?, data);
        let store = Store::open_existing(&database).await?;
        Ok((config, store))
    }

    /// Writes a message to standard error, unless messages are turned off.
    pub fn say(&self, what: &str) {
        if !self.talk.is_quiet() {
            log::say(what);
        }
    }
}

pub async fn run(arguments: RequestsArguments) -> anyhow::Result<()> {
    match arguments.action {
        Action::List(arguments) => list(arguments).await,
        Action::Show(arguments) => show(arguments).await,
        Action::Retry(arguments) => retry(arguments).await,
        Action::Cancel(arguments) => cancel(arguments).await,
        Action::RevokeLink(arguments) => revoke_link(arguments).await,
        Action::SignOut(arguments) => sign_out(arguments).await,
    }
}

async fn list(arguments: ListArguments) -> anyhow::Result<()> {
    let (_, store) = arguments.place.open().await?;
    let page = Page {
        before: arguments.before,
        limit: arguments.limit,
    };
    let found = store.requests(arguments.status.map(Status::from), page).await?;
    store.close().await;
    let rows: Vec<Row> = found.iter().map(Row::from).collect();
    Ok(arguments.format.print(&rows, |out, rows| print_rows(out, rows))?)
}

async fn show(arguments: ShowArguments) -> anyhow::Result<()> {
    let (_, store) = arguments.place.open().await?;
    let found = store.find(arguments.id).await?;
    store.close().await;
    let Some(request) = found else {
        bail!("{}", no_such_request(arguments.id));
    };
    Ok(arguments.format.print(&Details::from(&request), print_details)?)
}

async fn retry(arguments: OneArguments) -> anyhow::Result<()> {
    let (config, store) = arguments.place.open().await?;
    let id = arguments.id;
    let now = Utc::now();
    let deadline = now + config.serve.deadline();
    let retried = store.retry(id, now, deadline).await?;
    store.close().await;
    match retried {
        Retried::Queued => {}
        Retried::NoSuchRequest => bail!("{}", no_such_request(id)),
        Retried::NotFailed(status) => bail!("request {id} did not fail: it is {status}"),
        Retried::MayHaveArrived => bail!(
            "request {id} is not tried again: its mail may have arrived, and nobody gets one twice; the requester can ask anew"
        ),
        Retried::TooOld => bail!(
            "request {id} is more than a week old, and its requester's login with it; they can ask for the report anew"
        ),
        Retried::NoticeUnderWay => bail!("the failure notice of request {id} is being sent; try again in a minute"),
        Retried::UnderWay(other) => {
            bail!("the same person asked for the same report again: see request {other}, which is under way")
        }
    }
    let until = shown_time(deadline);
    arguments
        .place
        .say(&format!("request {id} is in the queue; its deadline is {until}"));
    Ok(())
}

async fn cancel(arguments: OneArguments) -> anyhow::Result<()> {
    let (_, store) = arguments.place.open().await?;
    let id = arguments.id;
    let cancelled = store.cancel(id, Utc::now()).await?;
    store.close().await;
    match cancelled {
        Cancelled::Done => {}
        Cancelled::NoSuchRequest => bail!("{}", no_such_request(id)),
        Cancelled::Ended(status) => bail!("request {id} has ended already: it is {status}"),
        Cancelled::BeingHandedOver => {
            bail!("the mail of request {id} is being handed over and cannot be called back; see how it ends")
        }
    }
    arguments.place.say(&format!("request {id} is cancelled"));
    Ok(())
}

async fn revoke_link(arguments: OneArguments) -> anyhow::Result<()> {
    let (_, store) = arguments.place.open().await?;
    let id = arguments.id;
    let is_revoked = store.revoke_link(id, Utc::now()).await?;
    store.close().await;
    if !is_revoked {
        bail!("{}", no_such_request(id));
    }
    arguments
        .place
        .say(&format!("the signed link of request {id} is revoked"));
    Ok(())
}

async fn sign_out(arguments: SignOutArguments) -> anyhow::Result<()> {
    let (_, store) = arguments.place.open().await?;
    let ended = store.end_sessions_of(&arguments.user, Utc::now()).await?;
    store.close().await;
    let sessions = if ended == 1 { "session" } else { "sessions" };
    arguments.place.say(&format!("{ended} {sessions} ended"));
    Ok(())
}

fn no_such_request(id: RequestId) -> String {
    format!("there is no request {id}; see pragati requests list")
}

/// A request in a list.
#[derive(Debug, Serialize)]
struct Row<'a> {
    id: RequestId,
    status: Status,
    failure_cause: Option<FailureCause>,
    notice: NoticeState,
    requested_at: DateTime<Utc>,
    deadline: DateTime<Utc>,
    finished_at: Option<DateTime<Utc>>,
    attempts: u32,
    deliver: Deliver,
    format: ReportFormat,
    user_id: &'a str,
    batch_id: &'a str,
    course_id: Option<&'a str>,
    tenant_id: Option<&'a str>,
    snapshot_date: SnapshotDate,
}

/// All data of a request.
#[derive(Debug, Serialize)]
struct Details<'a> {
    #[serde(flatten)]
    row: Row<'a>,
    /// What was asked for beside the batch, as it is stored; none for the batch's whole report.
    asked: Option<&'a RequestOptions>,
    email: Option<&'a str>,
    failure: Option<&'a str>,
    handover_started_at: Option<DateTime<Utc>>,
    bounced_at: Option<DateTime<Utc>>,
    bounce: Option<&'a str>,
    file: Option<File<'a>>,
}

#[derive(Debug, Serialize)]
struct File<'a> {
    name: &'a str,
    path: &'a str,
    rows: u64,
    unknown_users: u64,
    bytes: u64,
    sha256: &'a str,
}

impl<'a> From<&'a Request> for Row<'a> {
    fn from(request: &'a Request) -> Self {
        Self {
            id: request.id,
            status: request.status,
            failure_cause: request.failure.as_ref().map(|failure| failure.cause),
            notice: request.notice,
            requested_at: request.requested_at,
            deadline: request.deadline,
            finished_at: request.finished_at,
            attempts: request.attempts,
            deliver: request.deliver,
            format: request.format,
            user_id: request.person.user_id.as_str(),
            batch_id: request.batch_id.as_str(),
            course_id: request.course_id.as_deref(),
            tenant_id: request.tenant_id.as_ref().map(|tenant| tenant.as_str()),
            snapshot_date: request.snapshot_date,
        }
    }
}

impl<'a> From<&'a Request> for Details<'a> {
    fn from(request: &'a Request) -> Self {
        Self {
            row: Row::from(request),
            asked: (!request.asked.is_usual()).then_some(&request.asked),
            email: request.person.email.as_deref(),
            failure: request.failure.as_ref().map(|failure| failure.words.as_str()),
            handover_started_at: request.handover_started_at,
            bounced_at: request.bounce.as_ref().map(|bounce| bounce.at),
            bounce: request.bounce.as_ref().map(|bounce| bounce.words.as_str()),
            file: request.file.as_ref().map(|file| File {
                name: &file.name,
                path: &file.path,
                rows: file.rows,
                unknown_users: file.unknown_users,
                bytes: file.bytes,
                sha256: &file.sha256,
            }),
        }
    }
}

fn print_rows(out: &mut impl Write, rows: &[Row]) -> io::Result<()> {
    writeln!(
        out,
        "{:36}  {:8} {:20}  {:>5}  {:8}  {:6}  {:20}  cause",
        "request", "status", "requested at", "tries", "deliver", "format", "batch"
    )?;
    for row in rows {
        writeln!(
            out,
            "{:36}  {:8} {:20}  {:>5}  {:8}  {:6}  {:20}  {}",
            row.id.to_string(),
            row.status.word(),
            shown_time(row.requested_at),
            row.attempts,
            row.deliver.word(),
            row.format.word(),
            printable(row.batch_id),
            row.failure_cause.map_or("", FailureCause::word)
        )?;
    }
    Ok(())
}

fn print_details(out: &mut impl Write, details: &Details) -> io::Result<()> {
    let row = &details.row;
    let mut line = |name: &str, value: &str| writeln!(out, "{name:14} {}", printable(value));
    let unknown = |value: Option<&str>| value.unwrap_or("-").to_owned();
    line("request", &row.id.to_string())?;
    line("status", row.status.word())?;
    if let Some(cause) = row.failure_cause {
        line("cause", cause.word())?;
        line("failure", &unknown(details.failure))?;
        line("notice", row.notice.word())?;
    }
    line("requested at", &shown_time(row.requested_at))?;
    line("deadline", &shown_time(row.deadline))?;
    line("finished at", &unknown_time(row.finished_at))?;
    line("tries", &row.attempts.to_string())?;
    line("handover since", &unknown_time(details.handover_started_at))?;
    if let Some(at) = details.bounced_at {
        line("bounced at", &shown_time(at))?;
        line("bounce", &unknown(details.bounce))?;
    }
    line("user", row.user_id)?;
    line("mail address", &unknown(details.email))?;
    line("batch", row.batch_id)?;
    line("course", &unknown(row.course_id))?;
    line("tenant", &unknown(row.tenant_id))?;
    line("deliver", row.deliver.word())?;
    line("format", row.format.word())?;
    if let Some(asked) = details.asked {
        line("asked for", &asked.to_string())?;
    }
    line("snapshot", &row.snapshot_date.to_string())?;
    if let Some(file) = &details.file {
        line("file", file.path)?;
        line("file name", file.name)?;
        line("rows", &file.rows.to_string())?;
        line("unknown users", &file.unknown_users.to_string())?;
        line("bytes", &file.bytes.to_string())?;
        line("SHA-256", file.sha256)?;
    }
    Ok(())
}
