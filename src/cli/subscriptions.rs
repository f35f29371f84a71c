//! `pragati subscriptions`: lists and shows the delivery service's subscriptions, and pauses, resumes and ends them.

use std::io::{self, Write};

use anyhow::bail;
use chrono::{DateTime, NaiveDate, Utc};
use clap::{Args, Subcommand, ValueEnum};
use pragati::delivery::options::RequestOptions;
use pragati::delivery::store::Changed;
use pragati::delivery::subscriptions::{
    EndReason, Every, Outcome, Subscription, SubscriptionId, SubscriptionRules, SubscriptionState, Weekday,
};
use pragati::report::{ReportFormat, SplitColumn};
use serde::Serialize;

use super::requests::PlaceOptions;
use super::table_or_json::{TableOrJson, printable, shown_time, unknown_time};

const EXAMPLES: &str = "\
Examples:
  pragati subscriptions list --state active
  pragati subscriptions show 019ab2c4-7d52-7c11-8a39-6f0d5e1b2a90
  pragati subscriptions pause 019ab2c4-7d52-7c11-8a39-6f0d5e1b2a90
  pragati subscriptions resume 019ab2c4-7d52-7c11-8a39-6f0d5e1b2a90
  pragati subscriptions end 019ab2c4-7d52-7c11-8a39-6f0d5e1b2a90      for good

The database is the one of `pragati serve`: database.url in the configuration, else the file in --data.";

/// List the delivery service's subscriptions, look at one, pause, resume or end it.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, arg_required_else_help = true)]
pub struct SubscriptionsArguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List subscriptions, the newest first; mail addresses are left out
    List(ListArguments),
    /// Show all that is known of one subscription, with the subscriber's mail address
    Show(ShowArguments),
    /// Send nothing until it is resumed
    Pause(OneArguments),
    /// Resume it; occurrences during the pause are not sent
    Resume(OneArguments),
    /// End it for good; mails that are not sent yet are cancelled
    End(OneArguments),
}

#[derive(Debug, Args)]
struct ListArguments {
    /// Only those of one state
    #[arg(long, value_enum)]
    state: Option<StateArgument>,
    /// Subscriptions to list at most
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: u32,
    /// Only those older than this one, for the next page
    #[arg(long, value_name = "ID")]
    before: Option<SubscriptionId>,
    /// Format of the output
    #[arg(long, value_enum, default_value_t = TableOrJson::Table)]
    format: TableOrJson,
    #[command(flatten)]
    place: PlaceOptions,
}

#[derive(Debug, Args)]
struct ShowArguments {
    /// Id of the subscription
    id: SubscriptionId,
    /// Format of the output
    #[arg(long, value_enum, default_value_t = TableOrJson::Table)]
    format: TableOrJson,
    #[command(flatten)]
    place: PlaceOptions,
}

#[derive(Debug, Args)]
struct OneArguments {
    /// Id of the subscription
    id: SubscriptionId,
    #[command(flatten)]
    place: PlaceOptions,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum StateArgument {
    Active,
    Paused,
    Ended,
}

impl From<StateArgument> for SubscriptionState {
    fn from(state: StateArgument) -> Self {
        match state {
            StateArgument::Active => Self::Active,
            StateArgument::Paused => Self::Paused,
            StateArgument::Ended => Self::Ended,
        }
    }
}

pub async fn run(arguments: SubscriptionsArguments) -> anyhow::Result<()> {
    match arguments.action {
        Action::List(arguments) => list(arguments).await,
        Action::Show(arguments) => show(arguments).await,
        Action::Pause(arguments) => pause(arguments).await,
        Action::Resume(arguments) => resume(arguments).await,
        Action::End(arguments) => end(arguments).await,
    }
}

async fn list(arguments: ListArguments) -> anyhow::Result<()> {
    let (_, store) = arguments.place.open().await?;
    let state = arguments.state.map(SubscriptionState::from);
    let found = store.subscriptions(state, arguments.before, arguments.limit).await?;
    store.close().await;
    let rows: Vec<Row> = found.iter().map(Row::from).collect();
    Ok(arguments.format.print(&rows, |out, rows| print_rows(out, rows))?)
}

async fn show(arguments: ShowArguments) -> anyhow::Result<()> {
    let (_, store) = arguments.place.open().await?;
    let found = store.subscription(arguments.id).await?;
    store.close().await;
    let Some(subscription) = found else {
        bail!("{}", no_such_subscription(arguments.id));
    };
    Ok(arguments.format.print(&Details::from(&subscription), print_details)?)
}

async fn pause(arguments: OneArguments) -> anyhow::Result<()> {
    let (_, store) = arguments.place.open().await?;
    let changed = store.pause_subscription(arguments.id).await?;
    store.close().await;
    say(&arguments, changed, "paused")
}

async fn resume(arguments: OneArguments) -> anyhow::Result<()> {
    let (config, store) = arguments.place.open().await?;
    let rules = SubscriptionRules::new(&config)?;
    let id = arguments.id;
    let Some(subscription) = store.subscription(id).await? else {
        bail!("{}", no_such_subscription(id));
    };
    let now = Utc::now();
    let schedule = subscription.schedule;
    let next_at = schedule.next_after(now, &rules.zone).map(|next| next.at);
    // A run that began before now is not answered any more.
    let after_run = (schedule.every == Every::Nightly).then_some(now);
    let changed = store.resume_subscription(id, next_at, after_run).await?;
    store.close().await;
    say(&arguments, changed, "active")
}

async fn end(arguments: OneArguments) -> anyhow::Result<()> {
    let (_, store) = arguments.place.open().await?;
    let changed = store
        .end_subscription(arguments.id, EndReason::Operator, Utc::now())
        .await?;
    store.close().await;
    say(&arguments, changed, "ended")
}

/// Says what a subscription is now.
fn say(arguments: &OneArguments, changed: Changed, what: &str) -> anyhow::Result<()> {
    let id = arguments.id;
    match changed {
        Changed::Done => {}
        Changed::NoSuchSubscription => bail!("{}", no_such_subscription(id)),
        Changed::Ended => bail!("subscription {id} has ended, and does not begin again; its person can subscribe anew"),
    }
    arguments.place.say(&format!("subscription {id} is {what}"));
    Ok(())
}

fn no_such_subscription(id: SubscriptionId) -> String {
    format!("there is no subscription {id}; see pragati subscriptions list")
}

/// A subscription in a list.
#[derive(Debug, Serialize)]
struct Row<'a> {
    id: SubscriptionId,
    state: SubscriptionState,
    end_reason: Option<EndReason>,
    user_id: &'a str,
    batch_id: Option<&'a str>,
    course_id: Option<&'a str>,
    format: ReportFormat,
    every: Every,
    weekday: Option<Weekday>,
    /// In the site's time zone; none after nightly runs.
    at: Option<String>,
    next_at: Option<DateTime<Utc>>,
    last_at: Option<DateTime<Utc>>,
    last_outcome: Option<Outcome>,
}

/// All data of a subscription.
#[derive(Debug, Serialize)]
struct Details<'a> {
    #[serde(flatten)]
    row: Row<'a>,
    email: Option<&'a str>,
    /// The filter, the split, and how several batches are put together; none for the whole report.
    asked: Option<&'a RequestOptions>,
    only_if_changed: bool,
    to_self: bool,
    to_officers: Option<SplitColumn>,
    until: Option<NaiveDate>,
    created_at: DateTime<Utc>,
    ended_at: Option<DateTime<Utc>>,
}

impl<'a> From<&'a Subscription> for Row<'a> {
    fn from(subscription: &'a Subscription) -> Self {
        let schedule = &subscription.schedule;
        Self {
            id: subscription.id,
            state: subscription.state,
            end_reason: subscription.end_reason,
            user_id: subscription.person.user_id.as_str(),
            batch_id: subscription.of.batch_id(),
            course_id: subscription.of.course_id(),
            format: subscription.format,
            every: schedule.every,
            weekday: schedule.weekday,
            at: schedule.time_of_day().map(|at| at.to_string()),
            next_at: subscription.next_at,
            last_at: subscription.last_at,
            last_outcome: subscription.last_outcome,
        }
    }
}

impl<'a> From<&'a Subscription> for Details<'a> {
    fn from(subscription: &'a Subscription) -> Self {
        Self {
            row: Row::from(subscription),
            email: subscription.person.email.as_deref(),
            asked: (!subscription.asked.is_usual()).then_some(&subscription.asked),
            only_if_changed: subscription.only_if_changed,
            to_self: subscription.to_self,
            to_officers: subscription.to_officers,
            until: subscription.until,
            created_at: subscription.created_at,
            ended_at: subscription.ended_at,
        }
    }
}

fn print_rows(out: &mut impl Write, rows: &[Row]) -> io::Result<()> {
    writeln!(
        out,
        "{:36}  {:7} {:7}  {:20}  {:13}  of",
        "subscription", "state", "every", "next", "last"
    )?;
    for row in rows {
        writeln!(
            out,
            "{:36}  {:7} {:7}  {:20}  {:13}  {}",
            row.id.to_string(),
            row.state.word(),
            row.every.word(),
            unknown_time(row.next_at),
            row.last_outcome.map_or("-", Outcome::word),
            printable(&subject(row))
        )?;
    }
    Ok(())
}

fn print_details(out: &mut impl Write, details: &Details) -> io::Result<()> {
    let row = &details.row;
    let mut line = |name: &str, value: &str| writeln!(out, "{name:15} {}", printable(value));
    let yes_or_no = |answer: bool| if answer { "yes" } else { "no" };
    line("subscription", &row.id.to_string())?;
    line("state", row.state.word())?;
    if let Some(reason) = row.end_reason {
        line("ended because", reason.word())?;
        line("ended at", &unknown_time(details.ended_at))?;
    }
    line("user", row.user_id)?;
    line("mail address", details.email.unwrap_or("-"))?;
    line("of", &subject(row))?;
    line("format", row.format.word())?;
    if let Some(asked) = details.asked {
        line("asked for", &asked.to_string())?;
    }
    line("every", row.every.word())?;
    if let Some(weekday) = row.weekday {
        line("weekday", weekday.word())?;
    }
    if let Some(at) = &row.at {
        line("at", at)?;
    }
    line("if changed only", yes_or_no(details.only_if_changed))?;
    line("to subscriber", yes_or_no(details.to_self))?;
    line("to officers by", details.to_officers.map_or("-", SplitColumn::word))?;
    line("last day", &details.until.map_or("-".to_owned(), |day| day.to_string()))?;
    line("created at", &shown_time(details.created_at))?;
    line("next", &unknown_time(row.next_at))?;
    line("last", &unknown_time(row.last_at))?;
    line("last outcome", row.last_outcome.map_or("-", Outcome::word))
}

/// What the report is of.
fn subject(row: &Row) -> String {
    match (row.batch_id, row.course_id) {
        (Some(batch), _) => format!("batch {batch}"),
        (None, Some(course)) => format!("course {course}"),
        (None, None) => "-".to_owned(),
    }
}
